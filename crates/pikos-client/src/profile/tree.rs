//! Full stacks as a subscriber knows them: the tree of each thread, and sums of them.
//!
//! ```text
//!  thread ─> nodes, by their numbers: parent, function, figures        sum: nodes by (node below, function)
//! ```
//! A node's parent has a smaller number, so there are no circles, and one walk from the end adds up what is above each.

use std::collections::BTreeMap;
use std::mem::size_of;

use hashbrown::HashMap;
use pikos_wire::{NodeFigures, Open, TreePart, WireError};

/// The trees of a stream, as far as its messages have come.
#[derive(Clone, Debug, Default)]
pub struct KnownTrees {
    /// The message with the whole tree that is built on, if it has come.
    base: Option<u64>,
    threads: BTreeMap<u64, Vec<KnownNode>>,
    nodes: usize,
    /// Whether the newest part could be taken in.
    is_complete: bool,
    /// The message that has changed it last.
    seq: u64,
}

/// A stack in one thread, or in a sum of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownNode {
    /// The stack without its top, by its place in the list: a smaller one. The bottom's is its own.
    pub parent: u32,
    /// The number of the function on top; of the bottom, one that means nothing.
    pub function: u32,
    /// What happened.
    pub figures: NodeFigures,
}

/// What stands below all stacks.
const BOTTOM: KnownNode = KnownNode {
    parent: 0,
    function: u32::MAX,
    figures: NodeFigures {
        ncalls: 0,
        tottime: 0,
        open: Open { calls: 0, tottime: 0, cumtime: 0 },
        cut_ncalls: 0,
        cut_tottime: 0,
    },
};

/// Adds another thread's figures, wrapping: a hostile process may send anything.
fn add(sum: &mut NodeFigures, other: &NodeFigures) {
    sum.ncalls = sum.ncalls.wrapping_add(other.ncalls);
    sum.tottime = sum.tottime.wrapping_add(other.tottime);
    sum.open.calls = sum.open.calls.wrapping_add(other.open.calls);
    sum.open.tottime = sum.open.tottime.wrapping_add(other.open.tottime);
    sum.open.cumtime = sum.open.cumtime.wrapping_add(other.open.cumtime);
    sum.cut_ncalls = sum.cut_ncalls.wrapping_add(other.cut_ncalls);
    sum.cut_tottime = sum.cut_tottime.wrapping_add(other.cut_tottime);
}

impl KnownTrees {
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
            match nodes.get_mut(row.node as usize) {
                Some(node) => node.figures = row.figures,
                None => {
                    let function = row.function.unwrap_or(BOTTOM.function);
                    nodes.push(KnownNode { parent: row.parent, function, figures: row.figures });
                    self.nodes += 1;
                }
            }
        }
    }

    /// The numbers of the threads that have stacks. 0, the sum of threads that are no longer kept apart, is the last.
    pub fn threads(&self) -> impl Iterator<Item = u64> {
        let numbers = || self.threads.keys().copied();
        numbers().filter(|&number| number > 0).chain(numbers().filter(|&number| number == 0))
    }

    /// The stacks of all threads, equal ones added up; or those of one. Those below stand before those above, and the
    /// bottom, which is no stack, in front of all.
    pub fn stacks(&self, thread: Option<u64>) -> Vec<KnownNode> {
        if let Some(only) = thread {
            return self.threads.get(&only).cloned().unwrap_or_else(|| vec![BOTTOM]);
        }
        let mut trees = self.threads.iter();
        let Some((_, first)) = trees.next() else { return vec![BOTTOM] };
        let mut sum = first.clone();
        let mut known: Option<HashMap<(u32, u32), u32>> = None;
        for (_, nodes) in trees {
            let known = known.get_or_insert_with(|| {
                let places = sum.iter().zip(0..).skip(1);
                places.map(|(node, place)| ((node.parent, node.function), place)).collect()
            });
            add(&mut sum[0].figures, &nodes[0].figures);
            let mut places: Vec<u32> = Vec::with_capacity(nodes.len());
            places.push(0);
            for node in &nodes[1..] {
                // Its parent has a smaller number, and so its place already.
                let parent = places[node.parent as usize];
                let place = *known.entry((parent, node.function)).or_insert_with(|| {
                    sum.push(KnownNode { parent, function: node.function, ..BOTTOM });
                    sum.len() as u32 - 1
                });
                add(&mut sum[place as usize].figures, &node.figures);
                places.push(place);
            }
        }
        sum
    }
}

const _: () =
    assert!(size_of::<KnownNode>() == 64, "a recorder keeps half a million of them for each process");

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
