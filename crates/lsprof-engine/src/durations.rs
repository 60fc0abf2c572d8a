//! How long each call of a function took: how many took about so long, the quickest and the slowest.
//!
//! ```text
//!  entry ─> first: the first call
//!        ─> durations (with the second): min, max, when and where ─> an octave's sixteen counters (as calls fall there)
//! ```
//! A part of an octave is a sixteenth of its lower bound wide, so that its middle is within 3.1 % of all that fell there. Below 32
//! ticks each number has a part of its own. A function's calls mostly are in a few octaves: that takes some hundred bytes.

use crate::cells::{Cell64, Link, LinkCell};
use crate::clock::Ticks;
use crate::duration_tables::{DurationTables, Durations, FirstCall, OCTAVES, Octave, PARTS};
use crate::tables::{BOTTOM, Entry, FunctionId, Tables};

/// Of the stack of a slow call so many functions are told, the newest ones.
const MOST_STACK: usize = 64;

/// The octave and the part in which a duration is counted: the exponent of its double, and the first bits of what follows.
#[inline(always)]
fn place(duration: u64) -> (usize, usize) {
    const ONE: usize = 1023;
    let leading = (duration.max(1).cast_signed() as f64).to_bits() >> 48;
    (leading as usize / PARTS - ONE, leading as usize % PARTS)
}

/// What is beyond all octaves is counted in the very last part.
fn within((octave, part): (usize, usize)) -> (usize, usize) {
    if octave < OCTAVES { (octave, part) } else { (OCTAVES - 1, PARTS - 1) }
}

/// The ticks that stand for all durations that are counted there.
fn middle(octave: usize, part: usize) -> f64 {
    let width = (1_u64 << octave) as f64 / PARTS as f64;
    let low = (PARTS + part) as f64 * width;
    let high = low + width;
    // Where no two numbers share a part, the number itself; but for 0 and 1.
    if width <= 1.0 { low } else { 2.0 * low * high / (low + high) }
}

/// A call of this function is over that took so long. `node` is its stack's, where there is a tree.
#[inline(always)]
pub(crate) fn add(tables: &DurationTables, entry: Link<Entry>, duration: Ticks, ended: Ticks, node: u32) {
    if !add_usual(entry, duration) {
        add_unusual(tables, entry, duration, ended, node);
    }
}

/// [`add`] of a duration that is neither the shortest nor the longest so far, in an octave that is there. Otherwise false, and nothing is
/// done. Calls nothing.
#[inline(always)]
pub(crate) fn add_usual(entry: Link<Entry>, duration: Ticks) -> bool {
    let duration = told(duration);
    let Some(durations) = entry.durations.get() else { return false };
    let min = durations.min.get();
    // It is below the one, or above the other.
    if duration.wrapping_sub(min) > durations.max.get().wrapping_sub(min) {
        return false;
    }
    let (octave, part) = place(duration);
    let Some(counts) = durations.octaves.get(octave).and_then(LinkCell::get) else { return false };
    counts.0[part].add(1);
    true
}

#[cold]
#[inline(never)]
fn add_unusual(tables: &DurationTables, entry: Link<Entry>, duration: Ticks, ended: Ticks, node: u32) {
    let duration = told(duration);
    let Some(durations) = entry.durations.get() else { return begin(tables, entry, duration, ended, node) };
    count(tables, durations, duration);
    extend(durations, duration, ended, node);
}

/// A custom timer may run backwards.
#[inline(always)]
fn told(duration: Ticks) -> u64 {
    duration.signed().max(0).cast_unsigned()
}

/// The first call of a function, and the second one.
fn begin(tables: &DurationTables, entry: Link<Entry>, duration: u64, ended: Ticks, node: u32) {
    let Some(first) = entry.first.get() else {
        let (duration, ended) = (Cell64::with(duration), Cell64::with(ended.0));
        entry.first.set(tables.first.push(FirstCall { duration, ended, node: Cell64::with(node.into()) }));
        return;
    };
    let durations = tables.durations.push(Durations {
        min: Cell64::with(first.duration.get()),
        max: Cell64::with(first.duration.get()),
        max_ended: Cell64::with(first.ended.get()),
        max_node: Cell64::with(first.node.get()),
        octaves: std::array::from_fn(|_| LinkCell::empty()),
    });
    count(tables, durations, first.duration.get());
    count(tables, durations, duration);
    extend(durations, duration, ended, node);
    entry.durations.set(durations);
}

fn extend(durations: Link<Durations>, duration: u64, ended: Ticks, node: u32) {
    if duration < durations.min.get() {
        durations.min.set(duration);
    }
    if duration > durations.max.get() {
        durations.max.set(duration);
        durations.max_ended.set(ended.0);
        durations.max_node.set(u64::from(node));
    }
}

/// Counts a duration whose octave may not be there yet.
fn count(tables: &DurationTables, durations: Link<Durations>, duration: u64) {
    let (octave, part) = within(place(duration));
    let octave = &durations.octaves[octave];
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
        let Some(durations) = entry.durations.get() else {
            let first = entry.first.get()?;
            let counts = vec![(part_of(first.duration.get()), 1)];
            return Some(Self::told(
                tables,
                &first.duration,
                &first.duration,
                &first.ended,
                &first.node,
                counts,
            ));
        };
        let Durations { min, max, max_ended, max_node, octaves } = &*durations;
        let made = (0_u16..).zip(octaves).filter_map(|(at, octave)| Some((at, octave.get()?)));
        let parts = made.flat_map(|(octave, counts)| {
            (0_u16..)
                .zip(counts.0.iter().map(Cell64::get).collect::<Vec<_>>())
                .map(move |(part, calls)| (octave * PARTS as u16 + part, calls))
        });
        let counts = parts.filter(|(_, calls)| *calls > 0).collect();
        Some(Self::told(tables, min, max, max_ended, max_node, counts))
    }

    fn told(
        tables: &Tables,
        min: &Cell64,
        max: &Cell64,
        max_ended: &Cell64,
        max_node: &Cell64,
        counts: Vec<(u16, u64)>,
    ) -> Self {
        let max_node = u32::try_from(max_node.get()).unwrap_or(BOTTOM);
        let max_stack = stack_of(tables, max_node);
        Self { min: min.ticks(), max: max.ticks(), max_ended: max_ended.ticks(), max_node, max_stack, counts }
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
