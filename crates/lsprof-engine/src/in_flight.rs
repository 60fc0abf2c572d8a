//! Reading one recorder's tables while its thread goes on: what is finished, and what is open now.
//!
//! ```text
//!  bottom ─ frame ─ frame ─ top     own time in flight = started(above) − started − children, of the top one until now
//! ```
//! Any thread may read at any moment, without a lock. Finished calls are read before the stacks ([`crate::open_calls`]): a
//! call that ends in between is missing from one reading, and never counted twice. No more than what finished calls need
//! is asked of the recorder.

use std::collections::HashMap;

use crate::cells::Arena;
use crate::clock::Ticks;
use crate::open_calls::{OpenCall, each_open};
use crate::tables::{Counts, Excess, FunctionId, Subject, Tables};

/// Calls that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// How many.
    pub calls: u64,
    /// Those that are not recursive: one for each stack that has any.
    pub outermost: u64,
    /// Time in the function itself, in all of them so far.
    pub own: i64,
    /// Time since the outermost one began; of several stacks, their sum.
    pub total: i64,
    /// Where idleness is told apart: how much of `total` that was.
    pub idle: i64,
}

impl Open {
    /// Takes in one more call.
    pub(crate) fn add(&mut self, call: &OpenCall, is_outermost: bool) {
        self.calls += 1;
        self.own += call.own;
        if is_outermost {
            self.outermost += 1;
            self.total += call.total;
            self.idle += call.idle;
        }
    }
}

/// Finished and open calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Finished ones.
    pub counts: Counts,
    /// Open ones.
    pub open: Open,
}

/// What one recorder's tables said at some moment. Later readings of the same tables have the same functions and
/// edges in the same order, and new ones after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// By function; only here is what was waited.
    pub functions: Vec<(FunctionId, Numbers)>,
    /// By (caller, callee). Calls without a caller are in `functions` only.
    pub edges: Vec<((FunctionId, FunctionId), Numbers)>,
}

/// Reads tables; keeps memory from one reading to the next.
#[derive(Debug, Default)]
pub struct Reader {
    /// By function, its place in the reading that is being made.
    places: Vec<u32>,
}

impl Reader {
    /// Reads. `clock` is what the recorder's calls are timed by; without one, open calls are counted and have no times.
    pub fn read(&mut self, tables: &Tables, clock: Option<fn() -> Ticks>) -> Reading {
        let mut reading = Reading::default();
        let _still = tables.without_samples();
        // How many edges before which entries: then the entries of all of them are there.
        let count = tables.edges.count();
        self.read_entries(tables, &mut reading);
        for edge in tables.edges.iter().take(count).skip(1) {
            let counts = edge.counts();
            let callee = edge.callee.function;
            if let Some(place) = self.place(callee) {
                let function = &mut reading.functions[place].1;
                function.counts.calls += counts.calls;
                function.counts.own = function.counts.own.plus(counts.own);
            }
            if edge.caller.function != FunctionId::ROOT {
                let numbers = Numbers { counts, open: Open::default() };
                reading.edges.push(((edge.caller.function, callee), numbers));
            }
        }
        for repeat in tables.repeats.iter() {
            if let Some(place) = self.place(repeat.of.function) {
                let counts = &mut reading.functions[place].1.counts;
                counts.calls = counts.calls.saturating_sub(repeat.samples.get());
            }
        }
        self.read_excesses((tables, &tables.excesses), count, &mut reading, Counts::of_recording);
        self.read_waits(tables, &mut reading);
        self.read_excesses((tables, &tables.idles), count, &mut reading, Counts::of_idleness);
        self.read_open(tables, count, clock, &mut reading);
        for (function, _) in &reading.functions {
            self.places[function.0 as usize] = 0;
        }
        reading
    }

    fn read_entries(&mut self, tables: &Tables, reading: &mut Reading) {
        for entry in tables.entries.iter().skip(1) {
            let counts = Counts {
                recursive_calls: entry.recursive_calls.get(),
                total: entry.total.ticks(),
                ..Counts::default()
            };
            reading.functions.push((entry.function, Numbers { counts, open: Open::default() }));
            let index = entry.function.0 as usize;
            if index >= self.places.len() {
                self.places.resize(index + 1, 0);
            }
            self.places[index] = reading.functions.len() as u32;
        }
    }

    fn place(&self, function: FunctionId) -> Option<usize> {
        (self.places.get(function.0 as usize).copied().unwrap_or(0) as usize).checked_sub(1)
    }

    /// Adds what has to be taken out of times; `counts` makes figures of it.
    fn read_excesses(
        &self,
        (tables, excesses): (&Tables, &Arena<Excess>),
        edges: usize,
        reading: &mut Reading,
        counts: fn(Ticks, Ticks) -> Counts,
    ) {
        if excesses.count() == 0 {
            return;
        }
        let places = places_of_edges(tables, edges);
        for excess in excesses.iter() {
            let (own, total) = (excess.own.ticks(), excess.total.ticks());
            let (function, of_function) = match excess.of {
                Subject::Entry(entry) => (entry.function, counts(Ticks::default(), total)),
                Subject::Edge(edge) => (edge.callee.function, counts(own, Ticks::default())),
            };
            if let Some(place) = self.place(function) {
                reading.functions[place].1.counts.add(&of_function);
            }
            if let Subject::Edge(edge) = excess.of
                && let Some(&Some(place)) = places.get(&edge.address())
            {
                reading.edges[place].1.counts.add(&counts(own, total));
            }
        }
    }

    fn read_waits(&self, tables: &Tables, reading: &mut Reading) {
        for wait in tables.waits.iter() {
            if let Some(place) = self.place(wait.of.callee.function) {
                let counts = &mut reading.functions[place].1.counts;
                counts.waited = counts.waited.plus(wait.time.ticks());
            }
        }
    }

    /// Adds the calls that are open.
    fn read_open(&self, tables: &Tables, edges: usize, clock: Option<fn() -> Ticks>, reading: &mut Reading) {
        let mut places = None;
        each_open(tables, clock, |call| {
            let edge = call.edge;
            let places = places.get_or_insert_with(|| places_of_edges(tables, edges));
            // One that is newer than the counts waits for the next reading.
            let Some(place) = places.get(&edge.address()) else { return };
            if let Some(place) = self.place(edge.callee.function) {
                reading.functions[place].1.open.add(&call, call.is_outermost);
            }
            if let Some(place) = *place {
                reading.edges[place].1.open.add(&call, call.is_outermost_of_edge);
            }
        });
    }
}

/// The places of edges in a reading, by their addresses; those that have no caller have none.
fn places_of_edges(tables: &Tables, count: usize) -> HashMap<usize, Option<usize>> {
    let mut shown = 0;
    let edges = tables.edges.iter().take(count).skip(1);
    edges
        .map(|edge| {
            let has_place = edge.caller.function != FunctionId::ROOT;
            let place = has_place.then_some(shown);
            shown += usize::from(has_place);
            (edge.address(), place)
        })
        .collect()
}

#[cfg(test)]
#[path = "in_flight_tests.rs"]
mod tests;
