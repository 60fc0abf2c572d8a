//! Reading: the numbers of any count of recorders, added up by function and by (caller, callee).

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;

use crate::cells::Arena;
use crate::clock::Ticks;
use crate::durations::DurationTotals;
use crate::tables::{Counts, Excess, FunctionId, Subject, Tables};

/// A function and its numbers.
pub type FunctionTotals = (FunctionId, Counts);

/// The sum of some recorders' tables at some moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    functions: Vec<Counts>,
    edges: Vec<((FunctionId, FunctionId), Counts)>,
    /// By function, where they are kept.
    durations: HashMap<FunctionId, DurationTotals>,
}

impl Totals {
    /// Adds what a recorder has counted so far. Any thread may do this, at any moment.
    pub fn add(&mut self, tables: &Tables) {
        self.add_edges(tables, |counts| counts.calls > 0);
    }

    /// Adds what a recorder with parts has counted in one of them: also time of calls that count in another one.
    pub fn add_part(&mut self, tables: &Tables) {
        self.add_edges(tables, Counts::has_any);
    }

    fn add_edges(&mut self, tables: &Tables, is_counted: impl Fn(&Counts) -> bool) {
        let _still = tables.without_samples();
        for entry in tables.entries.iter().skip(1) {
            self.function(entry.function).add(&Counts {
                recursive_calls: entry.recursive_calls.get(),
                total: entry.total.ticks(),
                ..Counts::default()
            });
        }
        for edge in tables.edges.iter().skip(1) {
            let counts = edge.counts();
            if !is_counted(&counts) {
                continue;
            }
            self.function(edge.callee.function).add(&Counts {
                calls: counts.calls,
                own: counts.own,
                ..Counts::default()
            });
            if edge.caller.function != FunctionId::ROOT {
                self.edges.push(((edge.caller.function, edge.callee.function), counts));
            }
        }
        for repeat in tables.repeats.iter() {
            let counts = self.function(repeat.of.function);
            counts.calls = counts.calls.saturating_sub(repeat.samples.get());
        }
        self.add_excesses(&tables.excesses, Counts::of_recording);
        self.add_waits(tables);
        self.add_excesses(&tables.idles, Counts::of_idleness);
        self.add_durations(tables);
        self.merge_edges();
    }

    fn add_waits(&mut self, tables: &Tables) {
        for wait in tables.waits.iter() {
            let counts = Counts { waited: wait.time.ticks(), ..Counts::default() };
            let (caller, callee) = (wait.of.caller.function, wait.of.callee.function);
            self.function(callee).add(&counts);
            if caller != FunctionId::ROOT {
                self.edges.push(((caller, callee), counts));
            }
        }
    }

    fn add_durations(&mut self, tables: &Tables) {
        for entry in tables.entries.iter().skip(1) {
            let Some(more) = DurationTotals::read(tables, entry) else { continue };
            match self.durations.entry(entry.function) {
                Place::Occupied(mut sum) => sum.get_mut().add(&more),
                Place::Vacant(place) => _ = place.insert(more),
            }
        }
    }

    /// Adds what has to be taken out of times; `counts` makes figures of it.
    fn add_excesses(&mut self, excesses: &Arena<Excess>, counts: fn(Ticks, Ticks) -> Counts) {
        for excess in excesses.iter() {
            let (own, total) = (excess.own.ticks(), excess.total.ticks());
            match excess.of {
                Subject::Entry(entry) => self.function(entry.function).add(&counts(Ticks::default(), total)),
                Subject::Edge(edge) => {
                    let (caller, callee) = (edge.caller.function, edge.callee.function);
                    self.function(callee).add(&counts(own, Ticks::default()));
                    if caller != FunctionId::ROOT {
                        self.edges.push(((caller, callee), counts(own, total)));
                    }
                }
            }
        }
    }

    /// All functions that were called at least once, by their numbers.
    pub fn functions(&self) -> impl Iterator<Item = FunctionTotals> + '_ {
        self.functions
            .iter()
            .enumerate()
            .filter(|(_, counts)| counts.calls > 0)
            .map(|(id, counts)| (FunctionId(id as u32), *counts))
    }

    /// Those, and the ones that have time of calls which count elsewhere: in another part.
    pub fn functions_with_time(&self) -> impl Iterator<Item = FunctionTotals> + '_ {
        self.functions
            .iter()
            .enumerate()
            .filter(|(_, counts)| counts.has_any())
            .map(|(id, counts)| (FunctionId(id as u32), *counts))
    }

    /// Where the sum is over all parts: without the callers of calls that have time in some and are open still.
    pub fn forget_open(&mut self) {
        self.edges.retain(|(_, counts)| counts.calls > 0);
    }

    /// All (caller, callee) pairs with at least one finished call, or with time of one that counts in another part, by caller, then callee.
    pub fn edges(&self) -> &[((FunctionId, FunctionId), Counts)] {
        &self.edges
    }

    /// How long the calls of a function took, where that is kept.
    pub fn durations(&self, function: FunctionId) -> Option<&DurationTotals> {
        self.durations.get(&function)
    }

    /// The times as they were measured, with all that recording took.
    pub fn raw(mut self) -> Self {
        for counts in self.functions.iter_mut().chain(self.edges.iter_mut().map(|(_, counts)| counts)) {
            counts.own_excess = Ticks::default();
            counts.total_excess = Ticks::default();
        }
        self
    }

    /// The sum over all functions; of times, only own ones make sense here.
    pub fn sum(&self) -> Counts {
        self.functions.iter().fold(Counts::default(), |mut sum, counts| {
            sum.add(counts);
            sum
        })
    }

    fn function(&mut self, id: FunctionId) -> &mut Counts {
        let index = id.0 as usize;
        if index >= self.functions.len() {
            self.functions.resize(index + 1, Counts::default());
        }
        &mut self.functions[index]
    }

    fn merge_edges(&mut self) {
        self.edges.sort_unstable_by_key(|(pair, _)| *pair);
        self.edges.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1.add(&later.1);
            }
            same
        });
        // In an open call, too, there may have been waiting.
        self.edges.retain(|(_, counts)| counts.has_any());
    }
}
