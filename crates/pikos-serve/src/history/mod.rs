//! What ran when: what each message of a process added, function by function and stack by stack.
//!
//! ```text
//!  totals of a message − totals of the one before = a slice          slices, the oldest first:
//!                                                                    [ merged ][ merged ][ one message ][ one message ]
//! ```
//! Sums are whole nanoseconds, so that merging changes no sum, and a range is the sum of its slices. Slices are packed: most
//! functions don't run in most intervals. For 10 minutes nothing is merged unless memory runs out; after that, neighbours are, as
//! long as they are short for their age.

mod edges;
mod known;
mod packed;
mod slice;

use std::collections::{BTreeMap, HashMap, VecDeque};

pub use edges::EdgeNumbers;
pub use known::{Known, in_order};
pub use packed::Growth;
pub use slice::{Grown, MOST_TOP, Of, Slice, Threads};

/// So long everything is kept as it came, in seconds.
const FRESH: f64 = 600.0;
/// After that an interval is at most such a part of its age.
const PART: f64 = 60.0;

/// The history of one process.
#[derive(Default)]
pub struct History {
    slices: VecDeque<Slice>,
    /// Of all slices.
    bytes: usize,
    /// What the numbers of edges in them mean.
    pub edges: EdgeNumbers,
}

/// What was added in a range.
#[derive(Debug, Default, PartialEq)]
pub struct Sum {
    /// When its first slice begins and its last one ends; nothing without any.
    pub ends: Option<(f64, f64)>,
    /// By function.
    pub functions: BTreeMap<u32, Growth>,
    /// By stack.
    pub stacks: BTreeMap<u32, Growth>,
}

/// A time, in all threads or in one.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// Its beginning.
    pub from: f64,
    /// Its end.
    pub to: f64,
    /// Only in this thread.
    pub thread: Option<u64>,
}

impl History {
    /// When it begins and ends.
    pub fn ends(&self) -> Option<(f64, f64)> {
        Some((self.slices.front()?.from, self.slices.back()?.to))
    }

    /// The memory that its slices take.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Its slices, the oldest first.
    pub fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.slices.iter()
    }

    /// Takes in what was added until a moment; `began` is when counting did.
    pub fn take(&mut self, began: f64, now: f64, whole: &Grown, threads: &Threads<Grown>) {
        let from = self.slices.back().map_or(began, |last| last.to);
        // Clocks are set back; a slice isn't.
        let slice = Slice::new(from.min(now), now.max(from), whole, threads);
        self.bytes += slice.bytes();
        self.slices.push_back(slice);
        self.coarsen(now);
    }

    /// Merges what is old and short.
    fn coarsen(&mut self, now: f64) {
        let mut place = 0;
        while place + 1 < self.slices.len() {
            let (one, next) = (&self.slices[place], &self.slices[place + 1]);
            let age = now - next.to;
            if age < FRESH {
                break;
            }
            match next.to - one.from <= age / PART {
                true => self.merge(place),
                false => place += 1,
            }
        }
    }

    /// Merges until so many bytes are enough: first the neighbours that are shortest for their age.
    pub fn fit(&mut self, bytes: usize) {
        while self.bytes > bytes && self.slices.len() > 1 {
            let now = self.slices.back().map_or(0.0, |last| last.to);
            let weight = |place: usize| {
                let (one, next) = (&self.slices[place], &self.slices[place + 1]);
                (next.to - one.from) / (now - next.to + 1.0)
            };
            let pairs = 0..self.slices.len() - 1;
            let Some(place) = pairs.min_by(|&a, &b| weight(a).total_cmp(&weight(b))) else { break };
            self.merge(place);
        }
    }

    fn merge(&mut self, place: usize) {
        let Some(next) = self.slices.remove(place + 1) else { return };
        let one = &mut self.slices[place];
        self.bytes -= one.bytes() + next.bytes();
        *one = one.merged(&next);
        self.bytes += one.bytes();
    }

    /// The slices of a range: those whose middle is in it, or that it is in.
    fn within(&self, from: f64, to: f64) -> impl Iterator<Item = &Slice> {
        self.slices.iter().filter(move |slice| {
            let middle = slice.from / 2.0 + slice.to / 2.0;
            let is_around = slice.from <= from && to <= slice.to;
            (from <= middle && middle <= to) || is_around
        })
    }

    /// Adds what happened in a range.
    pub fn add_range(&self, when: When, with_stacks: bool, sum: &mut Sum) {
        for slice in self.within(when.from, when.to) {
            let (first, last) = sum.ends.unwrap_or((slice.from, slice.to));
            sum.ends = Some((first.min(slice.from), last.max(slice.to)));
            let Some(part) = slice.part(when.thread) else { continue };
            for (id, growth) in part.rows(Of::Functions) {
                sum.functions.entry(id).or_default().add(&growth);
            }
            for (id, growth) in part.rows(Of::Stacks).filter(|_| with_stacks) {
                sum.stacks.entry(id).or_default().add(&growth);
            }
        }
    }

    /// Adds the calls in a range of which a function is one end, by caller and callee.
    pub fn add_edges(&self, when: When, function: u32, sum: &mut HashMap<(u32, u32), Growth>) {
        let parts = self.within(when.from, when.to).filter_map(|slice| slice.part(when.thread));
        for (number, growth) in parts.flat_map(|part| part.rows(Of::Edges)) {
            let ends = self.edges.ends(number);
            if let Some(ends) = ends.filter(|(caller, callee)| *caller == function || *callee == function) {
                sum.entry(ends).or_default().add(&growth);
            }
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
