//! The calling-context tree: one node for each distinct stack, with its calls and its own time.
//!
//! ```text
//!  enter: place below ─> child of its node (hash table; made if new) ─> push place
//!  leave: node.calls, node.own +=                                    ─> pop place
//! ```
//! The writer keeps a place for each open call beside the shadow stack; only the nodes are shared with readers.
//! Two limits bound it. A call that would need a deeper node, or one more than there may be, gets none: it is counted
//! as cut, and its own time goes to the deepest node above it, so that the times of all nodes are still the whole.
//!
//! How it is kept, read and sent: docs/design/tree.md.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashTable;

use crate::cells::{Arena, Link};
use crate::clock::Ticks;
use crate::hash::mix;
use crate::tables::{BOTTOM, Frame, FunctionId, Node, NodeCounts, StackId, Tables};

/// How large a tree may grow.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Calls below as many others get no node.
    pub depth: u32,
    /// How many nodes may still be made; shared by all recorders of a profile.
    pub nodes_left: Arc<AtomicUsize>,
}

impl Limits {
    /// `nodes` in all recorders that get a clone of this.
    pub fn new(depth: u32, nodes: usize) -> Self {
        Self { depth, nodes_left: Arc::new(AtomicUsize::new(nodes)) }
    }

    fn take_node(&self) -> bool {
        self.nodes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// An open call.
#[derive(Clone, Copy)]
struct Place {
    frame: Link<Frame>,
    /// Its node; of a call that was cut, the deepest node above.
    node: Link<Node>,
    cut: bool,
}

/// What a call's stack stands on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Under {
    /// The recorder whose tree it is, as [`crate::coroutines`] tells them apart, and which part of its figures.
    pub owner: (u64, u32),
    node: Link<Node>,
    is_cut: bool,
}

/// What a recorder needs to write a tree.
pub(crate) struct TreeWriter {
    limits: Limits,
    bottom: Link<Node>,
    open: Vec<Place>,
    known: HashTable<Link<Node>>,
    suspended: HashMap<StackId, Vec<Place>>,
}

impl TreeWriter {
    pub(crate) fn new(limits: Limits, nodes: &Arena<Node>) -> Self {
        let bottom = nodes.push(Node::new(BOTTOM, BOTTOM, FunctionId::ROOT, 0));
        Self { limits, bottom, open: Vec::new(), known: HashTable::new(), suspended: HashMap::new() }
    }

    /// What the stacks of tasks stand on.
    pub(crate) fn bottom(&self) -> Under {
        Under { owner: Default::default(), node: self.bottom, is_cut: false }
    }

    /// A call of `function` has begun: `frame` is its. Its stack stands on its caller's, or on another one. Returns on which.
    pub(crate) fn open(
        &mut self,
        nodes: &Arena<Node>,
        frame: Link<Frame>,
        function: FunctionId,
        on: Option<Under>,
    ) -> Under {
        let under = on.unwrap_or_else(|| match self.open.last() {
            Some(place) => Under { owner: Default::default(), node: place.node, is_cut: place.cut },
            None => self.bottom(),
        });
        let node = if under.is_cut { None } else { self.child(nodes, under.node, function) };
        self.open.push(Place { frame, node: node.unwrap_or(under.node), cut: node.is_none() });
        under
    }

    /// The call of `frame` is over: `own` is its time without its callees', `own_excess` what recording took of it. Returns its
    /// node's number; of a call that was cut, that of the deepest one above.
    pub(crate) fn close(&mut self, frame: Link<Frame>, own: Ticks, own_excess: Ticks) -> u32 {
        // Nearly always the last one. A hook that ends a call without telling leaves its place behind.
        let Some(at) = self.open.iter().rposition(|place| place.frame == frame) else { return BOTTOM };
        let Place { node, cut, .. } = self.open[at];
        self.open.truncate(at);
        node.own.add_ticks(own);
        node.own_excess.add_ticks(own_excess);
        if cut {
            node.cut_calls.add(1);
            node.cut_own.add_ticks(own.since(own_excess));
        } else {
            node.calls.add(1);
        }
        node.index
    }

    /// The call of `frame`, the newest one, goes on elsewhere: as [`TreeWriter::close`], and it isn't counted.
    pub(crate) fn leave(&mut self, frame: Link<Frame>, own: Ticks, own_excess: Ticks) {
        let Some(at) = self.open.iter().rposition(|place| place.frame == frame) else { return };
        let Place { node, cut, .. } = self.open[at];
        self.open.truncate(at);
        node.own.add_ticks(own);
        node.own_excess.add_ticks(own_excess);
        if cut {
            node.cut_own.add_ticks(own.since(own_excess));
        }
    }

    /// Another tree within the same limits.
    pub(crate) fn another(&self, nodes: &Arena<Node>) -> Self {
        Self::new(self.limits.clone(), nodes)
    }

    /// So much time went by with these calls open, told from the bottom up; nobody tells when they begin and end. `samples`: how many
    /// are counted for it.
    pub(crate) fn spend(
        &mut self,
        nodes: &Arena<Node>,
        stack: impl Iterator<Item = FunctionId>,
        time: Ticks,
        samples: u64,
    ) {
        self.find(nodes, stack).spend(time, samples);
    }

    /// Where a stack stands, told from the bottom up.
    pub(crate) fn find(&mut self, nodes: &Arena<Node>, stack: impl Iterator<Item = FunctionId>) -> Standing {
        let mut node = self.bottom;
        for function in stack {
            match self.child(nodes, node, function) {
                Some(child) => node = child,
                None => return Standing { node, is_cut: true },
            }
        }
        Standing { node, is_cut: false }
    }

    /// The thread goes on with another stack.
    pub(crate) fn switch(&mut self, from: StackId, to: StackId) {
        let next = self.suspended.remove(&to).unwrap_or_default();
        let left = std::mem::replace(&mut self.open, next);
        if !left.is_empty() {
            self.suspended.insert(from, left);
        }
    }

    fn child(&mut self, nodes: &Arena<Node>, parent: Link<Node>, function: FunctionId) -> Option<Link<Node>> {
        let hash = hash(parent.index, function);
        let found = self.known.find(hash, |node| node.parent == parent.index && node.function == function);
        if let Some(known) = found {
            return Some(*known);
        }
        if parent.depth >= self.limits.depth || !self.limits.take_node() {
            return None;
        }
        let index = u32::try_from(nodes.count()).ok()?;
        let node = nodes.push(Node::new(index, parent.index, function, parent.depth + 1));
        self.known.insert_unique(hash, node, |node| self::hash(node.parent, node.function));
        Some(node)
    }
}

/// Where a stack stands in a tree: at its own node, or at that of the deepest call that isn't cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    node: Link<Node>,
    pub(crate) is_cut: bool,
}

impl Standing {
    /// So much time went by there.
    pub(crate) fn spend(self, time: Ticks, samples: u64) {
        let Self { node, is_cut } = self;
        node.own.add_ticks(time);
        if is_cut {
            node.cut_calls.add(samples);
            node.cut_own.add_ticks(time);
        } else {
            node.calls.add(samples);
        }
    }
}

/// A stack in a sum of trees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeTotals {
    /// The node below; [`BOTTOM`] under the bottom of a stack.
    pub parent: u32,
    /// The function on top.
    pub function: FunctionId,
    /// What happened.
    pub counts: NodeCounts,
}

/// The sum of some recorders' trees at some moment. Element 0 is the bottom; parents stand before their children.
#[derive(Clone, Debug, Default)]
pub struct TreeTotals {
    nodes: Vec<NodeTotals>,
    known: HashTable<u32>,
}

impl TreeTotals {
    /// Adds what a recorder has counted so far. Any thread may do this, at any moment.
    pub fn add(&mut self, tables: &Tables) {
        let _still = tables.without_samples();
        let mut moved: Vec<u32> = Vec::with_capacity(tables.nodes.count());
        for node in tables.nodes.iter() {
            // A parent was made before its children, so it has its place already; the bottom is its own.
            let parent = moved.get(node.parent as usize).copied().unwrap_or(BOTTOM);
            let place = self.place(parent, node.function);
            self.nodes[place as usize].counts.add(&node.counts());
            moved.push(place);
        }
    }

    /// The nodes; empty if no tree was recorded.
    pub fn nodes(&self) -> &[NodeTotals] {
        &self.nodes
    }

    fn place(&mut self, parent: u32, function: FunctionId) -> u32 {
        let Self { nodes, known } = self;
        let same = |&place: &u32| {
            let node = &nodes[place as usize];
            node.parent == parent && node.function == function
        };
        if let Some(place) = known.find(hash(parent, function), same) {
            return *place;
        }
        let place = nodes.len() as u32;
        nodes.push(NodeTotals { parent, function, counts: NodeCounts::default() });
        let hash_of = |&place: &u32| hash(nodes[place as usize].parent, nodes[place as usize].function);
        known.insert_unique(hash(parent, function), place, hash_of);
        place
    }
}

/// Of a (parent, function).
pub(crate) fn hash(parent: u32, function: FunctionId) -> u64 {
    mix(u64::from(parent) << 32 | u64::from(function.0))
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
