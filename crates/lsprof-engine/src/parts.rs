//! A recorder's figures in several parts: what the thread did under one label, and what under another.
//!
//! ```text
//!  go on in another part:  open calls: own, total += ─> this part's tables    (no call is counted)
//!                          the same calls, from now ──> the other part's edges and nodes
//! ```
//! A part has tables of its own; what is open is one thing, and all of it counts in one part at a time. So at every moment a call's time
//! goes to exactly one part, and the sum over the parts is what one recorder without any would have. Calls and returns
//! know nothing of it: an edge is found by its caller, which is of one part only.

use std::collections::HashMap;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::cells::Link;
use crate::clock::Ticks;
use crate::hash::mix;
use crate::tables::{Edge, Entry, Frame, Key, Tables};
use crate::tree::TreeWriter;

/// Which part of a recorder's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct PartId(pub u32);

impl PartId {
    /// The one that a recorder begins in.
    pub const FIRST: PartId = PartId(0);
}

/// What a recorder has of one part.
pub(crate) struct Part {
    pub(crate) tables: Arc<Tables>,
    pub(crate) tree: Option<Box<TreeWriter>>,
    pub(crate) edges: HashTable<Link<Edge>>,
    pub(crate) entries: HashTable<Link<Entry>>,
}

/// The parts beside the one that the thread is in.
pub(crate) struct Parts {
    pub(crate) current: PartId,
    /// By their numbers, which are small; without the one that the thread is in.
    others: Vec<Option<Part>>,
    /// All that there are, in the order in which they came.
    tables: Vec<(PartId, Arc<Tables>)>,
    /// By the address of its root, which part that is.
    roots: HashMap<usize, PartId>,
    /// Memory that is kept from one time to the next.
    pub(crate) moved: Vec<Moved>,
    /// What open calls have taken in other parts, where details are kept; by their frames' addresses.
    elsewhere: HashMap<usize, Ticks>,
}

impl Parts {
    /// Of a recorder that has had one part so far.
    pub(crate) fn new(first: &Arc<Tables>) -> Self {
        let mut new = Self {
            current: PartId::FIRST,
            others: Vec::new(),
            tables: Vec::new(),
            roots: HashMap::new(),
            moved: Vec::new(),
            elsewhere: HashMap::new(),
        };
        new.learn(PartId::FIRST, first);
        new
    }

    /// The first part's tables.
    pub(crate) fn first(&self) -> &Arc<Tables> {
        &self.tables[0].1
    }

    /// All parts, the first one first.
    pub(crate) fn all(&self) -> impl Iterator<Item = (PartId, &Arc<Tables>)> {
        self.tables.iter().map(|(part, tables)| (*part, tables))
    }

    /// A part that the thread comes to, if it has been there before.
    pub(crate) fn take(&mut self, part: PartId) -> Option<Part> {
        self.others.get_mut(part.0 as usize)?.take()
    }

    /// The thread is in this part now, and has left another one.
    pub(crate) fn put(&mut self, part: PartId, left: Part) {
        let place = std::mem::replace(&mut self.current, part).0 as usize;
        if self.others.len() <= place {
            self.others.resize_with(place + 1, || None);
        }
        self.others[place] = Some(left);
    }

    /// A part with these tables is new.
    pub(crate) fn learn(&mut self, part: PartId, tables: &Arc<Tables>) {
        self.roots.insert(tables.root().address(), part);
        self.tables.push((part, Arc::clone(tables)));
    }

    /// An open call goes on in another part, and has taken so long in this one.
    pub(crate) fn note(&mut self, frame: Link<Frame>, total: Ticks) {
        let so_far = self.elsewhere.entry(frame.address()).or_default();
        *so_far = so_far.plus(total);
    }

    /// What a call that is over has taken in other parts than the one in which it ends.
    pub(crate) fn taken_elsewhere(&mut self, frame: Link<Frame>) -> Ticks {
        self.elsewhere.remove(&frame.address()).unwrap_or_default()
    }

    /// Which part this is the root of.
    pub(crate) fn of_root(&self, root: Link<Entry>) -> PartId {
        self.roots.get(&root.address()).copied().unwrap_or(self.current)
    }

    /// A function that one of the others knows.
    pub(crate) fn entry(&self, key: Key) -> Option<Link<Entry>> {
        let hash = mix(key as u64);
        self.others
            .iter()
            .flatten()
            .find_map(|part| part.entries.find(hash, |entry| entry.key == key).copied())
    }

    /// Keeps no more stacks.
    pub(crate) fn stop_trees(&mut self) {
        self.others.iter_mut().flatten().for_each(|part| part.tree = None);
    }
}

/// An open call that has left a part, and what it took there.
#[derive(Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) frame: Link<Frame>,
    pub(crate) edge: Link<Edge>,
    pub(crate) total: Ticks,
    pub(crate) own: Ticks,
    /// Whether no other activation is open below it: of the function, and through this caller.
    pub(crate) is_outermost: bool,
    pub(crate) is_outermost_of_edge: bool,
}

impl Moved {
    /// Writes what it took.
    pub(crate) fn count(self) {
        let Self { edge, total, own, .. } = self;
        edge.own.add_ticks(own);
        if self.is_outermost_of_edge {
            edge.total.add_ticks(total);
        }
        if self.is_outermost {
            edge.callee.total.add_ticks(total);
        }
    }
}

#[cfg(test)]
#[path = "parts_tests.rs"]
mod tests;
