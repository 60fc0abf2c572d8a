//! How long each call of a function took: how many took about so long, the quickest and the slowest.
//!
//! ```text
//!  entry ─> durations: min, max, when and where ─> octaves ─> counts of the sixteen parts of one octave
//!           (with the first call)                  (with the second)   (as calls fall there)
//! ```
//! A part of an octave is a sixteenth of its lower bound wide, so that its middle is within 3.1 % of all that fell there. Below 32
//! ticks each number has a part of its own. A function's calls mostly are in a few octaves: that takes some hundred bytes.

use crate::cells::{Cell64, Link, LinkCell};
use crate::clock::Ticks;
use crate::duration_tables::{DurationTables, Durations, OCTAVES, Octave, Octaves, PARTS};
use crate::tables::{BOTTOM, Entry, FunctionId, Tables};

/// Of the stack of a slow call so many functions are told, the newest ones.
const MOST_STACK: usize = 64;

/// The octave and the part in which a duration is counted.
#[inline(always)]
fn place(duration: u64) -> (usize, usize) {
    let shift = (duration | PARTS as u64).ilog2() - PARTS.ilog2();
    // The lowest octave has two: what is below its beginning, and what isn't.
    let octave = shift as usize + usize::from(duration >= PARTS as u64);
    (octave, (duration >> shift) as usize % PARTS)
}

/// What is beyond all octaves is counted in the very last part.
fn within((octave, part): (usize, usize)) -> (usize, usize) {
    if octave < OCTAVES { (octave, part) } else { (OCTAVES - 1, PARTS - 1) }
}

/// The ticks that stand for all durations that are counted there.
fn middle(octave: usize, part: usize) -> f64 {
    let shift = octave.saturating_sub(1);
    let low = ((part + if octave > 0 { PARTS } else { 0 }) << shift) as f64;
    let high = low + (1_u64 << shift) as f64;
    if shift == 0 { low } else { 2.0 * low * high / (low + high) }
}

/// A call of this function is over that took so long. `node` is its stack's, where there is a tree.
#[inline(always)]
pub(crate) fn add(tables: &DurationTables, entry: Link<Entry>, duration: Ticks, ended: Ticks, node: u32) {
    // A custom timer may run backwards.
    let duration = duration.signed().max(0).cast_unsigned();
    let Some(durations) = entry.durations.get() else { return begin(tables, entry, duration, ended, node) };
    if duration > durations.max.get() {
        durations.max.set(duration);
        durations.max_ended.set(ended.0);
        durations.max_node.set(u64::from(node));
    }
    if duration < durations.min.get() {
        durations.min.set(duration);
    }
    let (octave, part) = place(duration);
    let counts = durations.octaves.get().and_then(|octaves| octaves.0.get(octave)?.get());
    match counts {
        Some(counts) => counts.0[part].add(1),
        None => count_first(tables, durations, duration),
    }
}

/// The first call of a function.
#[cold]
#[inline(never)]
fn begin(tables: &DurationTables, entry: Link<Entry>, duration: u64, ended: Ticks, node: u32) {
    entry.durations.set(tables.durations.push(Durations {
        min: Cell64::with(duration),
        max: Cell64::with(duration),
        max_ended: Cell64::with(ended.0),
        max_node: Cell64::with(u64::from(node)),
        octaves: LinkCell::empty(),
    }));
}

/// The second call of a function, or the first one that falls in an octave.
#[cold]
#[inline(never)]
fn count_first(tables: &DurationTables, durations: Link<Durations>, duration: u64) {
    let octaves = durations.octaves.get().unwrap_or_else(|| {
        let fresh = tables.octaves.push(Octaves(std::array::from_fn(|_| LinkCell::empty())));
        // The first call was both, and one of the two is still what it was.
        let (min, max) = (durations.min.get(), durations.max.get());
        count(tables, fresh, if duration == min { max } else { min });
        durations.octaves.set(fresh);
        fresh
    });
    count(tables, octaves, duration);
}

fn count(tables: &DurationTables, octaves: Link<Octaves>, duration: u64) {
    let (octave, part) = within(place(duration));
    let octave = &octaves.0[octave];
    let counts = octave.get().unwrap_or_else(|| {
        let fresh = tables.counts.push(Octave::default());
        octave.set(fresh);
        fresh
    });
    counts.0[part].add(1);
}

/// How long the calls of a function took, in all threads that were added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurationTotals {
    /// The quickest call.
    pub min: Ticks,
    /// The slowest one.
    pub max: Ticks,
    /// When that ended.
    pub max_ended: Ticks,
    /// Its stack's node in its thread's tree; 0 where there is none.
    pub max_node: u32,
    /// Its stack from the outermost function on, where there is a tree; of a deep one the end.
    pub max_stack: Vec<FunctionId>,
    /// Parts that aren't empty, by the places that they have in the order of all durations, and how many calls each has.
    pub counts: Vec<(u16, u64)>,
}

impl DurationTotals {
    /// What a recorder has counted of a function so far; `None` before its first call is over. Any thread may ask, at any moment.
    pub(crate) fn read(tables: &Tables, entry: Link<Entry>) -> Option<Self> {
        let durations = entry.durations.get()?;
        let (min, max) = (durations.min.get(), durations.max.get());
        let counts = match durations.octaves.get() {
            None => vec![(part_of(max), 1)],
            Some(octaves) => {
                let made = (0_u16..).zip(&octaves.0).filter_map(|(at, octave)| Some((at, octave.get()?)));
                let parts = made.flat_map(|(octave, counts)| {
                    (0_u16..)
                        .zip(counts.0.iter().map(Cell64::get).collect::<Vec<_>>())
                        .map(move |(part, calls)| (octave * PARTS as u16 + part, calls))
                });
                parts.filter(|(_, calls)| *calls > 0).collect()
            }
        };
        let max_node = u32::try_from(durations.max_node.get()).unwrap_or(BOTTOM);
        let max_stack = stack_of(tables, max_node);
        let max_ended = durations.max_ended.ticks();
        Some(Self { min: Ticks(min), max: Ticks(max), max_ended, max_node, max_stack, counts })
    }

    /// The same of the function at this place of a [`crate::Watch`] of these tables.
    pub fn of_place(tables: &Tables, place: usize) -> Option<Self> {
        tables.entries.iter_from(place + 1).next().and_then(|entry| Self::read(tables, entry))
    }

    /// Adds another thread's.
    pub fn add(&mut self, other: &DurationTotals) {
        self.min = Ticks(self.min.0.min(other.min.0));
        if other.max.0 > self.max.0 {
            (self.max, self.max_ended, self.max_node) = (other.max, other.max_ended, BOTTOM);
            self.max_stack.clone_from(&other.max_stack);
        }
        self.counts.extend_from_slice(&other.counts);
        self.counts.sort_unstable();
        self.counts.dedup_by(|later, kept| {
            let is_same = later.0 == kept.0;
            if is_same {
                kept.1 += later.1;
            }
            is_same
        });
    }
}

/// The place of a duration in the order of all.
fn part_of(duration: u64) -> u16 {
    let (octave, part) = within(place(duration));
    (octave * PARTS + part) as u16
}

/// The ticks that stand for the durations of a part: no further than 3.1 % from any of them.
pub fn ticks_of(part: u16) -> f64 {
    let part = usize::from(part).min(OCTAVES * PARTS - 1);
    middle(part / PARTS, part % PARTS)
}

/// The functions of a node's stack, from the outermost on.
fn stack_of(tables: &Tables, node: u32) -> Vec<FunctionId> {
    let mut stack = Vec::new();
    let mut next = node as usize;
    while next != BOTTOM as usize && stack.len() < MOST_STACK {
        let Some(node) = tables.nodes.iter_from(next).next() else { break };
        stack.push(node.function);
        next = node.parent as usize;
    }
    stack.reverse();
    stack
}

#[cfg(test)]
#[path = "durations_tests.rs"]
mod tests;
