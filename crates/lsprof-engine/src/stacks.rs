//! The stacks of one thread, where something like greenlet switches among several.
//!
//! ```text
//!  switch: the stack that goes:   open counts −, since, spent ─> Parked     (or Free, if nothing is open on it)
//!          the stack that comes:  open counts +, frames age   ─> Running
//! ```
//! Whether a call is recursive is asked of `open`, in its edge and its entry, which are of the whole thread. So they
//! hold the calls of the running stack alone: a switch takes out those of the stack that goes and puts in those of the
//! one that comes. That costs as much as both are deep, and calls and returns cost what they do without any switches.
//!
//! Each stack has a record of its own as long as anything is open on it, by which readers find those that are switched
//! away. Its turn tells them how it stands, and whether that has changed while they looked. There are no records before
//! the first switch.

use hashbrown::HashTable;

use crate::cells::Link;
use crate::clock::Ticks;
use crate::hash::mix;
use crate::tables::{Frame, Running, Stack, StackId, Standing};

/// What the recorder keeps of its stacks.
#[derive(Default)]
pub(crate) struct Stacks {
    /// The running one's name.
    running: StackId,
    /// Its record, once there has been a switch.
    record: Option<Link<Stack>>,
    parked: HashTable<(StackId, Link<Stack>)>,
    free: Vec<Link<Stack>>,
}

impl Stacks {
    /// The running stack.
    pub(crate) fn running(&self) -> StackId {
        self.running
    }

    /// Names the running stack.
    pub(crate) fn adopt(&mut self, stack: StackId) {
        self.running = stack;
    }

    /// Any that is switched away with calls open, and since when.
    pub(crate) fn any_parked(&self) -> Option<(StackId, Ticks)> {
        self.parked.iter().next().map(|(id, stack)| (*id, stack.since.ticks()))
    }

    /// The running stack stands still from `now` on.
    pub(crate) fn park(&mut self, running: &Running, top: Link<Frame>, now: Ticks, spent: u64) {
        let record = match self.record.take() {
            Some(record) => {
                record.change(Standing::Changing);
                record
            }
            None => running.stacks.push(Stack::new(Standing::Changing, top)),
        };
        record.top.set(top);
        if top.below.get().is_none() {
            record.change(Standing::Free);
            self.free.push(record);
            return;
        }
        record.since.set(now.0);
        record.spent.set(spent);
        record.idle.set(running.idle.get());
        record.change(Standing::Parked);
        self.parked.insert_unique(hash(self.running), (self.running, record), |(id, _)| hash(*id));
    }

    /// The record of the stack that comes, now changing, and whether calls are open on it; without a record it is a new
    /// one. When it is in place, it is to [`Stacks::run`].
    pub(crate) fn take(&mut self, to: StackId) -> Option<(Link<Stack>, bool)> {
        self.running = to;
        let (record, is_open) = match self.parked.find_entry(hash(to), |(id, _)| *id == to) {
            Ok(parked) => (parked.remove().0.1, true),
            Err(_) => (self.free.pop()?, false),
        };
        record.change(Standing::Changing);
        Some((record, is_open))
    }

    /// The stack that was taken runs now.
    pub(crate) fn run(&mut self, record: Link<Stack>) {
        record.change(Standing::Running);
        self.record = Some(record);
    }

    /// A new stack runs now, above this bottom frame.
    pub(crate) fn run_new(&mut self, running: &Running, bottom: Link<Frame>) {
        self.record = Some(running.stacks.push(Stack::new(Standing::Running, bottom)));
    }
}

fn hash(stack: StackId) -> u64 {
    mix(stack.0 as u64)
}

#[cfg(test)]
#[path = "stacks_tests.rs"]
mod tests;
