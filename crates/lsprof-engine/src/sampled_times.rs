//! Times by samples: a recorder counts calls and reads no clock; now and then another thread looks at its stack, and gives the
//! time since its last look to the calls that it finds open.
//!
//! ```text
//!  hooks ──enter, leave: counts──> Recorder ──> frames, `now` <──look── TimeSampler ──own, total──> edges, entries, nodes
//! ```
//! The times are as true as there are looks: of a time t, found by looks that are i apart, the standard error is about √(t·i).
//! Whose the time is stands in one cell, read once. The calls below it are read after that, while the thread goes on; what
//! doesn't fit what is above or below it was read too late, and is left out.
//!
//! Cells have one writer as ever: the recorder writes counts, the sampler writes times, which no recorder touches that
//! [counts only](crate::Recorder::count_only). They stand in one cache line, which the sampler takes from the recorder's thread
//! a thousand times a second: that costs it a ten-thousandth of its time, and every reader finds all figures where they always are.

use std::sync::Arc;

use crate::cells::{Cell64, Link};
use crate::clock::Ticks;
use crate::open_calls::{Met, open_frames};
use crate::tables::{Edge, FunctionId, Tables};
use crate::tree::{Limits, TreeWriter};

/// Between the cells of `now` the thread may have begun or ended so many calls: one, or a few where the sampler was interrupted.
const NEAR: usize = 4;

/// How often was looked so far. One thread writes it, any other may read.
#[derive(Debug, Default)]
pub struct Looks {
    count: Cell64,
    time: Cell64,
    /// The sum of the squares of what each look was worth: the bits of an f64.
    squares: Cell64,
}

impl Looks {
    /// One look more, worth so much time.
    pub fn add(&self, worth: Ticks) {
        self.count.add(1);
        self.time.add_ticks(worth);
        let square = (worth.0 as f64).powi(2);
        self.squares.set((f64::from_bits(self.squares.get()) + square).to_bits());
    }

    /// Forgets them. For the one who writes.
    pub fn forget(&self) {
        self.count.set(0);
        self.time.set(0);
        self.squares.set(0);
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// How far they are apart, in ticks, for whoever asks how true a time is: a time t has the standard error √(t·interval).
    /// Where they are not all as far apart, the long ones count for more.
    pub fn interval(&self) -> f64 {
        let time = self.time.get();
        if time == 0 { 0.0 } else { f64::from_bits(self.squares.get()) / time as f64 }
    }
}

/// Gives the calls of one recorder their times. One for each recorder: it writes to its tables.
pub struct TimeSampler {
    tables: Arc<Tables>,
    /// Full stacks, where they are asked for.
    tree: Option<TreeWriter>,
    /// What the last look has found, from the bottom up.
    stack: Vec<Link<Edge>>,
    met: Met,
}

impl TimeSampler {
    /// For a recorder with these tables, which [counts only](crate::Recorder::count_only).
    pub fn new(tables: &Arc<Tables>) -> Self {
        Self { tables: Arc::clone(tables), tree: None, stack: Vec::new(), met: Met::default() }
    }

    /// Keeps full stacks from now on, with their times and no calls: those have gone by unseen. The recorder must have no tree.
    pub fn grow_tree(&mut self, limits: Limits) {
        self.tree = Some(TreeWriter::new(limits, &self.tables.nodes));
    }

    /// Looks, and gives the calls that are open so much time: own time to the one that runs, and to each function and each
    /// edge once the time of its outermost call. False, and nothing given, where none is open.
    pub fn look(&mut self, worth: Ticks) -> bool {
        let running = self.tables.running.now.edge.get();
        if running.callee.function == FunctionId::ROOT {
            self.stack.clear();
            return false;
        }
        self.read_stack(running);
        self.give(worth);
        true
    }

    /// Gives what the last look has found so much time more: when no other look is to come.
    pub fn give(&mut self, worth: Ticks) {
        let Some(running) = self.stack.last() else { return };
        running.own.add_ticks(worth);
        self.met.clear();
        for edge in &self.stack {
            if self.met.is_first(edge.address()) {
                edge.total.add_ticks(worth);
            }
            if self.met.is_first(edge.callee.address()) {
                edge.callee.total.add_ticks(worth);
            }
        }
        if let Some(tree) = &mut self.tree {
            let functions = self.stack.iter().map(|edge| edge.callee.function);
            tree.spend(&self.tables.nodes, functions, worth, 0);
        }
    }

    /// The calls that were open when `running` ran.
    fn read_stack(&mut self, running: Link<Edge>) {
        let stack = &mut self.stack;
        stack.clear();
        stack.extend(open_frames(self.tables.running.now.top.get()).map(|frame| frame.edge.get()));
        // The newest first. Nearly always `running` is the first.
        let runs = |edge: &Link<Edge>| *edge == running;
        let place = match stack.iter().take(NEAR).position(runs) {
            Some(own) => own + 1,
            None => match stack.iter().position(|edge| edge.callee == running.caller) {
                Some(caller) => caller,
                None => stack.iter().position(runs).map_or(stack.len(), |own| own + 1),
            },
        };
        stack.drain(..place);
        stack.reverse();
        let mut below = None;
        let fitting = stack.iter().take_while(|edge| {
            let caller = below.replace(edge.callee);
            is_called_by_anybody(edge) || caller == Some(edge.caller)
        });
        let fitting = fitting.count();
        stack.truncate(fitting);
        stack.push(running);
    }
}

/// Whether it stands for calls by whomever: at the bottom, or where calls are not told apart by their callers.
fn is_called_by_anybody(edge: &Link<Edge>) -> bool {
    edge.caller.function == FunctionId::ROOT
}

#[cfg(test)]
#[path = "sampled_times_tests.rs"]
mod tests;
