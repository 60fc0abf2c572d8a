//! What one recorder counts: an entry for each function, an edge for each (caller, callee), and the frames
//! that are open now. Written by one thread, read by any; see [`crate::cells`].
//!
//! An edge holds calls and own time; a function's are the sums over the edges that lead to it, so a leave
//! writes them once. What can't be summed up (recursion, and with it cumulative time, which counts the
//! outermost activation only) stands in the entry as well.

use crate::cells::{Arena, Cell8, Cell64, FullCell, Link, LinkCell};
use crate::clock::Ticks;
use crate::excess::{Excess, Kind};
use crate::tree::Node;

/// What tells functions apart while the program runs: an address, unique as long as the function lives.
pub type Key = usize;

/// A function's number in whatever the user of the engine keeps names in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

impl FunctionId {
    /// The pseudo function that calls whatever has no caller, and is never counted itself.
    pub const ROOT: FunctionId = FunctionId(u32::MAX);
}

/// A function, as one thread called it.
#[derive(Debug)]
pub struct Entry {
    pub(crate) key: Key,
    /// Which function this is.
    pub function: FunctionId,
    /// What its calls cost the interpreter to report.
    pub kind: Kind,
    /// What a hook has found out about the function, 0 at first: its own business.
    pub note: Cell8,
    /// How many activations are open.
    pub open: Cell64,
    /// Calls made while another activation was open.
    pub recursive_calls: Cell64,
    /// Time of outermost activations, callees included.
    pub total: Cell64,
}

impl Entry {
    pub(crate) fn new(key: Key, function: FunctionId, kind: Kind) -> Self {
        Self {
            key,
            function,
            kind,
            note: Cell8::default(),
            open: Cell64::default(),
            recursive_calls: Cell64::default(),
            total: Cell64::default(),
        }
    }
}

/// A caller of a function. One cache line: all that a leave writes beside the entry and the frame.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Edge {
    pub(crate) key: Key,
    /// Who called.
    pub caller: Link<Entry>,
    /// Who was called.
    pub callee: Link<Entry>,
    /// How many activations through this caller are open.
    pub open: Cell64,
    /// Finished calls.
    pub calls: Cell64,
    /// Calls made while another activation through this caller was open.
    pub recursive_calls: Cell64,
    /// Time of outermost activations through this caller, callees included.
    pub total: Cell64,
    /// Time in the function itself.
    pub own: Cell64,
}

impl Edge {
    pub(crate) fn new(caller: Link<Entry>, callee: Link<Entry>) -> Self {
        Self {
            key: callee.key,
            caller,
            callee,
            open: Cell64::default(),
            calls: Cell64::default(),
            recursive_calls: Cell64::default(),
            total: Cell64::default(),
            own: Cell64::default(),
        }
    }
}

/// A place on a shadow stack. Frames form a doubly linked list that only grows, so a call and a return
/// move a pointer and allocate nothing.
#[derive(Debug)]
pub struct Frame {
    /// Which call this is.
    pub edge: FullCell<Edge>,
    /// When it began.
    pub started: Cell64,
    /// Time spent in calls that it made and that are over.
    pub children: Cell64,
    pub(crate) below: LinkCell<Frame>,
    pub(crate) above: LinkCell<Frame>,
    /// With compensation: what the thread had spent when it began.
    pub(crate) spent_before: Cell64,
    /// With compensation: what was spent in calls that it made and that are over.
    pub(crate) children_excess: Cell64,
}

impl Frame {
    pub(crate) fn new(edge: Link<Edge>) -> Self {
        Self {
            edge: FullCell::new(edge),
            started: Cell64::default(),
            children: Cell64::default(),
            below: LinkCell::empty(),
            above: LinkCell::empty(),
            spent_before: Cell64::default(),
            children_excess: Cell64::default(),
        }
    }
}

/// All that one recorder shares with its readers.
#[derive(Debug)]
pub struct Tables {
    pub(crate) entries: Arena<Entry>,
    pub(crate) edges: Arena<Edge>,
    pub(crate) frames: Arena<Frame>,
    /// With compensation: what has to be taken out of edges and entries.
    pub(crate) excesses: Arena<Excess>,
    /// With a tree: its nodes.
    pub(crate) nodes: Arena<Node>,
    /// With compensation: what recording has taken when it was last added up.
    pub(crate) spent: Cell64,
    /// The frame that runs now, and below it, by `below`, those that wait for it.
    pub(crate) top: FullCell<Frame>,
}

impl Tables {
    /// How many nodes the tree has.
    pub fn node_count(&self) -> usize {
        self.nodes.count()
    }
}

/// The numbers of an edge at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Finished calls, recursive ones included.
    pub calls: u64,
    /// Those that were recursive.
    pub recursive_calls: u64,
    /// Time of outermost activations, callees included.
    pub total: Ticks,
    /// Time in the function itself.
    pub own: Ticks,
    /// With compensation: how much of `total` recording took.
    pub total_excess: Ticks,
    /// With compensation: how much of `own` recording took.
    pub own_excess: Ticks,
}

impl Counts {
    /// Adds another thread's, or another edge's, numbers.
    pub fn add(&mut self, other: &Counts) {
        self.calls += other.calls;
        self.recursive_calls += other.recursive_calls;
        self.total = self.total.plus(other.total);
        self.own = self.own.plus(other.own);
        self.total_excess = self.total_excess.plus(other.total_excess);
        self.own_excess = self.own_excess.plus(other.own_excess);
    }
}

impl Edge {
    /// This edge's numbers now.
    pub fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.get(),
            recursive_calls: self.recursive_calls.get(),
            total: self.total.ticks(),
            own: self.own.ticks(),
            ..Counts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_one_cache_line() {
        assert_eq!((size_of::<Edge>(), align_of::<Edge>()), (64, 64));
        assert_eq!(size_of::<Entry>(), 40);
        assert_eq!(size_of::<Frame>(), 56);
    }
}
