//! What ran when: what each message of a process added, function by function and stack by stack.
//!
//! ```text
//!  totals of a message − totals of the one before = a slice          slices, the oldest first:
//!                                                                    [ merged ][ merged ][ one message ][ one message ]
//! ```
//! Sums are whole nanoseconds, so that merging changes no sum, and a range is the sum of its slices. Slices are packed: most
//! functions don't run in most intervals. For 10 minutes nothing is merged unless memory runs out; after that, neighbours are, as
//! long as they are short for their age.

mod packed;
mod slice;

use std::collections::{BTreeMap, HashMap, VecDeque};

pub use packed::Growth;
pub use slice::{MOST_TOP, Slice};

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
    /// The totals at the end of the last slice, of functions and of stacks.
    known: [HashMap<u32, Growth>; 2],
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

    /// The profile was cleared: everything counts from zero.
    pub fn restart(&mut self) {
        self.known = Default::default();
    }

    /// Takes in the totals at a moment; `began` is when counting did. Stacks that are not told anew are as they were.
    pub fn take(
        &mut self,
        began: f64,
        now: f64,
        functions: impl Iterator<Item = (u32, Growth)>,
        stacks: Option<impl Iterator<Item = (u32, Growth)>>,
    ) {
        let [known, known_stacks] = &mut self.known;
        let grown_functions = grown(known, functions);
        let grown_stacks = stacks.map_or_else(Vec::new, |stacks| grown(known_stacks, stacks));
        let from = self.slices.back().map_or(began, |last| last.to);
        // Clocks are set back; a slice isn't.
        let slice = Slice::new(from.min(now), now.max(from), &grown_functions, &grown_stacks);
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

    /// Adds what happened in a range: in slices whose middle is in it, or that it is in.
    pub fn add_range(&self, from: f64, to: f64, with_stacks: bool, sum: &mut Sum) {
        for slice in &self.slices {
            let middle = slice.from / 2.0 + slice.to / 2.0;
            let is_around = slice.from <= from && to <= slice.to;
            if !((from <= middle && middle <= to) || is_around) {
                continue;
            }
            let (first, last) = sum.ends.unwrap_or((slice.from, slice.to));
            sum.ends = Some((first.min(slice.from), last.max(slice.to)));
            for (id, growth) in slice.functions() {
                sum.functions.entry(id).or_default().add(&growth);
            }
            for (id, growth) in slice.stacks().filter(|_| with_stacks) {
                sum.stacks.entry(id).or_default().add(&growth);
            }
        }
    }
}

/// What has changed since, in the order of ids.
fn grown(
    known: &mut HashMap<u32, Growth>,
    totals: impl Iterator<Item = (u32, Growth)>,
) -> Vec<(u32, Growth)> {
    let mut grown: Vec<(u32, Growth)> = Vec::new();
    for (id, now) in totals {
        let was = known.entry(id).or_default();
        if *was != now {
            grown.push((id, now.since(was)));
            *was = now;
        }
    }
    grown.sort_unstable_by_key(|(id, _)| *id);
    grown
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
