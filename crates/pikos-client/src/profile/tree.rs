//! Full stacks as a subscriber knows them: the tree of each thread, and sums of them.
//!
//! ```text
//!  thread ─> nodes, by their numbers: parent, function, figures        sum: stacks by (stack below, function)
//! ```
//! A node's parent has a smaller number, so there are no circles, and one walk from the end adds up what is above each.

use std::collections::BTreeMap;
use std::mem::size_of;

use hashbrown::HashMap;
use pikos_wire::{NodeRow, TreePart, WireError};

/// The trees of a stream, as far as its messages have come.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The message with the whole tree that is built on, if it has come.
    base: Option<u64>,
    threads: BTreeMap<u64, Vec<Node>>,
    nodes: usize,
    /// Whether the newest part could be taken in.
    is_complete: bool,
    /// The message that has changed it last.
    seq: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    function: u32,
    figures: NodeFigures,
}

/// What a thread's tree has at its bottom.
const BOTTOM: Node = Node { parent: 0, function: u32::MAX, figures: NodeFigures::NONE };

/// Figures of a stack, in ticks: finished calls, and open ones beside them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeFigures {
    /// Finished calls with this very stack.
    pub ncalls: u64,
    /// Ticks with exactly this stack, in finished calls.
    pub tottime: i64,
    /// Calls with this stack that are open: one in each thread at most.
    pub open: u64,
    /// Ticks in the function itself in open calls so far.
    pub open_tottime: i64,
    /// Ticks since they began; of several threads, all of them.
    pub open_cumtime: i64,
    /// Finished calls right above this stack that the limits cut.
    pub cut_ncalls: u64,
    /// Their ticks, which are in `tottime`, too.
    pub cut_tottime: i64,
}

impl NodeFigures {
    const NONE: Self = Self {
        ncalls: 0,
        tottime: 0,
        open: 0,
        open_tottime: 0,
        open_cumtime: 0,
        cut_ncalls: 0,
        cut_tottime: 0,
    };

    /// Adds another thread's, wrapping: a hostile process may send anything.
    fn add(&mut self, other: &Self) {
        self.ncalls = self.ncalls.wrapping_add(other.ncalls);
        self.tottime = self.tottime.wrapping_add(other.tottime);
        self.open = self.open.wrapping_add(other.open);
        self.open_tottime = self.open_tottime.wrapping_add(other.open_tottime);
        self.open_cumtime = self.open_cumtime.wrapping_add(other.open_cumtime);
        self.cut_ncalls = self.cut_ncalls.wrapping_add(other.cut_ncalls);
        self.cut_tottime = self.cut_tottime.wrapping_add(other.cut_tottime);
    }
}

impl From<&NodeRow> for NodeFigures {
    fn from(row: &NodeRow) -> Self {
        Self {
            ncalls: row.ncalls,
            tottime: row.tottime,
            open: row.open,
            open_tottime: row.open_tottime,
            open_cumtime: row.open_cumtime,
            cut_ncalls: row.cut_ncalls,
            cut_tottime: row.cut_tottime,
        }
    }
}

/// A stack in one thread or in a sum of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The stack without its top, by its place; nothing under the bottom.
    pub parent: Option<u32>,
    /// The number of the function on top.
    pub function: u32,
    /// What happened.
    pub figures: NodeFigures,
}

/// Stacks, those below before those above.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stacks {
    /// All of them.
    pub list: Vec<Stack>,
    /// What was cut right above the bottom, and so is in none of them.
    pub bottom: NodeFigures,
}

impl Tree {
    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Whether any have come since the profile was cleared.
    pub fn has_come(&self) -> bool {
        self.base.is_some()
    }

    /// Whether the newest part said all that had changed.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The number of the message that has changed it last; 0 before any has.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How many nodes there would be, as far as that can be said before; or what is wrong with the message `seq`.
    pub fn check(&self, part: &TreePart, seq: u64) -> Result<usize, WireError> {
        if part.base > seq {
            return Err(WireError::Contradiction("a tree builds on an earlier message"));
        }
        let is_whole = part.base == seq;
        if !is_whole && self.base != Some(part.base) {
            // It is left alone.
            return Ok(self.nodes);
        }
        let known = |thread| match is_whole {
            true => 1,
            false => self.threads.get(&thread).map_or(1, Vec::len),
        };
        let mut counts: HashMap<u64, usize> = HashMap::new();
        let mut new = 0;
        // Rows of a thread stand together: one look for all of them.
        let mut last: Option<(u64, usize)> = None;
        for row in &part.nodes {
            let (thread, mut count) = match last {
                Some(last) if last.0 == row.thread => last,
                _ => {
                    if let Some((thread, count)) = last {
                        counts.insert(thread, count);
                    }
                    (row.thread, counts.get(&row.thread).copied().unwrap_or_else(|| known(row.thread)))
                }
            };
            let node = row.node as usize;
            if node > count {
                return Err(WireError::Contradiction("a node comes after all that have smaller numbers"));
            }
            if node > 0 && (row.parent >= row.node || row.function.is_none()) {
                return Err(WireError::Contradiction(
                    "a node has a function, and a parent with a smaller number",
                ));
            }
            if node == count {
                (count, new) = (count + 1, new + 1);
            }
            last = Some((thread, count));
        }
        Ok(if is_whole { new } else { self.nodes + new })
    }

    /// Takes a part in that was checked.
    pub fn apply(&mut self, part: TreePart, seq: u64) {
        if part.base == seq {
            self.clear();
            self.base = Some(seq);
        }
        self.is_complete = self.base == Some(part.base);
        if !self.is_complete {
            return;
        }
        self.seq = seq;
        for row in &part.nodes {
            let nodes = self.threads.entry(row.thread).or_insert_with(|| vec![BOTTOM]);
            let figures = row.into();
            match nodes.get_mut(row.node as usize) {
                Some(node) => node.figures = figures,
                None => {
                    let function = row.function.unwrap_or(BOTTOM.function);
                    nodes.push(Node { parent: row.parent, function, figures });
                    self.nodes += 1;
                }
            }
        }
    }

    /// The stacks of all threads, equal ones added up; or those of one.
    pub fn stacks(&self, thread: Option<u64>) -> Stacks {
        let mut stacks = Stacks::default();
        let mut trees = self.threads.iter().filter(|(number, _)| thread.is_none_or(|only| only == **number));
        let Some((_, first)) = trees.next() else { return stacks };
        stacks.list.reserve_exact(first.len() - 1);
        stacks.bottom = first[0].figures;
        let below = |node: &Node| node.parent.checked_sub(1);
        stacks.list.extend(first[1..].iter().map(|node| Stack {
            parent: below(node),
            function: node.function,
            figures: node.figures,
        }));
        let mut known: Option<HashMap<(Option<u32>, u32), u32>> = None;
        for (_, nodes) in trees {
            let known = known.get_or_insert_with(|| {
                stacks
                    .list
                    .iter()
                    .zip(0..)
                    .map(|(stack, place)| ((stack.parent, stack.function), place))
                    .collect()
            });
            stacks.bottom.add(&nodes[0].figures);
            let mut places: Vec<u32> = Vec::with_capacity(nodes.len() - 1);
            for node in &nodes[1..] {
                // Its parent has a smaller number, and so its place already.
                let parent = below(node).map(|below| places[below as usize]);
                let place = *known.entry((parent, node.function)).or_insert_with(|| {
                    let figures = NodeFigures::NONE;
                    stacks.list.push(Stack { parent, function: node.function, figures });
                    stacks.list.len() as u32 - 1
                });
                stacks.list[place as usize].figures.add(&node.figures);
                places.push(place);
            }
        }
        stacks
    }
}

const _: () = assert!(size_of::<Node>() == 64, "a recorder keeps half a million of them for each process");

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
