//! Reading the same tree again and again: which nodes have changed, and in which nodes calls are open now.
//!
//! ```text
//!  nodes: counts ─> then the stack, from the bottom up: function ─(child of the node below)─> node
//! ```
//! The writer doesn't show which node an open call has, and needn't: it is the child of its caller's. A call without such
//! a child was cut, and with it all calls above. Counts are read before the stack, so that a call that ends in between is
//! missing from one reading, and never counted twice.

use hashbrown::HashTable;

use crate::in_flight::Open;
use crate::open_calls::OpenCall;
use crate::tables::{BOTTOM, FunctionId, Tables};
use crate::tree::hash;

/// A node, and when it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchedNode {
    /// The node below, by its place; [`BOTTOM`] under the bottom of a stack.
    pub parent: u32,
    /// The function on top; [`FunctionId::ROOT`] of the bottom itself.
    pub function: FunctionId,
    /// In which update it changed last.
    pub changed: u32,
    /// Finished calls with this very stack.
    pub calls: u64,
    /// Time with exactly this stack in finished calls, and that of those right above it that were cut; without what recording
    /// took.
    pub own: i64,
    /// Finished calls above this stack that got no node.
    pub cut_calls: u64,
    /// Their own time.
    pub cut_own: i64,
}

/// One recorder's tree, as the last update found it. Nodes keep their places; new ones come after them.
#[derive(Debug, Default)]
pub struct TreeWatch {
    nodes: Vec<WatchedNode>,
    /// Places by (parent, function).
    children: HashTable<u32>,
    update: u32,
    /// Nodes of open calls, by their places.
    open: Vec<(u32, Open)>,
}

/// How far up the stack is followed.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    node: u32,
    is_cut: bool,
}

impl TreeWatch {
    /// The number of the last update, from 1; 0 before there was one.
    pub fn update(&self) -> u32 {
        self.update
    }

    /// All nodes by their places; parents stand before their children. Element 0 is the bottom. Empty if no tree is recorded.
    pub fn nodes(&self) -> &[WatchedNode] {
        &self.nodes
    }

    /// What is open in a node.
    pub fn open(&self, node: u32) -> Open {
        match self.open.binary_search_by_key(&node, |(place, _)| *place) {
            Ok(found) => self.open[found].1,
            Err(_) => Open::default(),
        }
    }

    /// Begins an update: reads what is finished. Whoever does this reads the stack next.
    pub(crate) fn read_counts(&mut self, tables: &Tables) -> Path {
        self.update = self.update.wrapping_add(1);
        for (place, _) in self.open.drain(..) {
            self.nodes[place as usize].changed = self.update;
        }
        self.learn(tables);
        for (known, node) in self.nodes.iter_mut().zip(tables.nodes.iter()) {
            let counts = node.counts();
            let own = counts.own.since(counts.own_excess).signed();
            let now = (counts.calls, own, counts.cut_calls, counts.cut_own.signed());
            if now != (known.calls, known.own, known.cut_calls, known.cut_own) {
                (known.calls, known.own, known.cut_calls, known.cut_own) = now;
                known.changed = self.update;
            }
        }
        Path { node: BOTTOM, is_cut: false }
    }

    /// The next call of a stack, from the bottom up. [`TreeWatch::settle_open`] comes after the last.
    pub(crate) fn add_open(&mut self, tables: &Tables, path: &mut Path, call: OpenCall) {
        let OpenCall { own, total, .. } = call;
        let function = call.edge.callee.function;
        if call.is_lowest || call.edge.is_root() {
            *path = Path { node: BOTTOM, is_cut: false };
        }
        if self.nodes.is_empty() {
            return;
        }
        if !path.is_cut {
            match self.child(path.node, function).or_else(|| {
                // It is shown with its node in place: one that is newer than the counts.
                self.learn(tables);
                self.child(path.node, function)
            }) {
                Some(node) => path.node = node,
                None => path.is_cut = true,
            }
        }
        self.nodes[path.node as usize].changed = self.update;
        if path.is_cut && self.open.last().is_some_and(|(place, _)| *place == path.node) {
            if let Some((_, open)) = self.open.last_mut() {
                // As when it ends: its time is that of the deepest node below it.
                open.own += own;
            }
            return;
        }
        let open = match path.is_cut {
            true => Open { own, ..Open::default() },
            false => Open { calls: 1, outermost: 1, own, total, ..Open::default() },
        };
        self.open.push((path.node, open));
    }

    /// All that is open has been told: adds up what several stacks have in the same node.
    pub(crate) fn settle_open(&mut self) {
        if self.open.is_sorted_by(|(below, _), (above, _)| below < above) {
            return;
        }
        self.open.sort_unstable_by_key(|(place, _)| *place);
        self.open.dedup_by(|(next, more), (place, open)| {
            let is_same = next == place;
            if is_same {
                open.calls += more.calls;
                open.outermost += more.outermost;
                open.own += more.own;
                open.total += more.total;
            }
            is_same
        });
    }

    fn child(&self, parent: u32, function: FunctionId) -> Option<u32> {
        let is_wanted = |&place: &u32| {
            let node = &self.nodes[place as usize];
            node.parent == parent && node.function == function
        };
        self.children.find(hash(parent, function), is_wanted).copied()
    }

    /// Takes new nodes in; what they count is read in its turn.
    fn learn(&mut self, tables: &Tables) {
        let Self { nodes, children, .. } = self;
        for node in tables.nodes.iter_from(nodes.len()) {
            let place = nodes.len() as u32;
            let (parent, function) = (node.parent, node.function);
            nodes.push(WatchedNode {
                parent,
                function,
                changed: self.update,
                calls: 0,
                own: 0,
                cut_calls: 0,
                cut_own: 0,
            });
            if place != BOTTOM {
                let hash_of =
                    |&place: &u32| hash(nodes[place as usize].parent, nodes[place as usize].function);
                children.insert_unique(hash(parent, function), place, hash_of);
            }
        }
    }
}

#[cfg(test)]
#[path = "tree_watch_tests.rs"]
mod tests;
