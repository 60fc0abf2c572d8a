//! Reading the same tables again and again: which rows have changed, at the price of a look at each.
//!
//! A row that has not changed is compared with what it was, and that is all; a function's figures, which are sums over
//! the edges that lead to it, are kept up to date by what each edge has grown. [`crate::Reader`] says the same from
//! scratch.

use hashbrown::HashTable;

use crate::cells::Link;
use crate::clock::Ticks;
use crate::hash::mix;
use crate::in_flight::{Numbers, Open, Reader};
use crate::open_calls::{OpenCall, each_open};
use crate::tables::{Counts, Edge, FunctionId, Subject, Tables};
use crate::tree_watch::TreeWatch;

/// A row, and when it changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Watched<K> {
    /// Of what.
    pub of: K,
    /// In which update it changed last.
    pub changed: u32,
    /// What it says.
    pub numbers: Numbers,
}

/// One recorder's tables, as the last update found them. Rows keep their places; new ones come after them.
#[derive(Debug, Default)]
pub struct Watch {
    functions: Vec<Watched<FunctionId>>,
    /// By (caller, callee); also those without a caller.
    edges: Vec<Watched<(FunctionId, FunctionId)>>,
    /// By function, its place and one more.
    places: Vec<u32>,
    update: u32,
    calls: u64,
    is_compensated: bool,
    /// Of samples: what has been taken off the sums over a function's edges, in the order of the tables.
    repeats: Vec<u64>,
    /// What was waited so far, in the order of the tables.
    waits: Vec<Ticks>,
    /// How long the thread was idle so far, own and in all, in the order of the tables.
    idles: Vec<(Ticks, Ticks)>,
    /// By an edge's address, its place.
    places_of_edges: HashTable<(usize, u32)>,
    open_functions: OpenRows,
    open_edges: OpenRows,
    tree: TreeWatch,
}

impl Watch {
    /// The number of the last update, from 1.
    pub fn update(&self) -> u32 {
        self.update
    }

    /// Finished calls.
    pub fn calls(&self) -> u64 {
        self.calls
    }

    /// All functions.
    pub fn functions(&self) -> &[Watched<FunctionId>] {
        &self.functions
    }

    /// All edges that have a caller.
    pub fn edges(&self) -> impl Iterator<Item = &Watched<(FunctionId, FunctionId)>> {
        self.edges.iter().filter(|edge| edge.of.0 != FunctionId::ROOT)
    }

    /// The tree of full stacks, as [`Watch::read`] found it when it was asked to.
    pub fn tree(&self) -> &TreeWatch {
        &self.tree
    }

    /// Reads, and the tree too if `has_tree`. `clock` is what the recorder's calls are timed by; without one, open calls are
    /// counted and have no times.
    pub fn read(&mut self, tables: &Tables, clock: Option<fn() -> Ticks>, has_tree: bool) {
        self.update = self.update.wrapping_add(1);
        let is_compensated = tables.excesses.count() > 0;
        if is_compensated != self.is_compensated {
            // The two ways keep different edges.
            let tree = std::mem::take(&mut self.tree);
            *self = Self { update: self.update, is_compensated, tree, ..Self::default() };
        }
        match is_compensated {
            true => self.take(tables, clock, has_tree),
            false => self.follow(tables, clock, has_tree),
        }
    }

    fn follow(&mut self, tables: &Tables, clock: Option<fn() -> Ticks>, has_tree: bool) {
        let _still = tables.without_samples();
        self.open_functions.close(&mut self.functions);
        self.open_edges.close(&mut self.edges);
        // How many edges before which entries: then the entries of all of them are there.
        let count = tables.edges.count();
        self.follow_entries(tables);
        for (place, edge) in tables.edges.iter().take(count).skip(1).enumerate() {
            self.follow_edge(place, edge);
        }
        self.follow_repeats(tables);
        self.follow_waits(tables);
        self.follow_idles(tables);
        match has_tree {
            true => self.follow_tree(tables, clock, true),
            false => each_open(tables, clock, |call| self.add_open(call)),
        }
        self.open_functions.mark(&mut self.functions, self.update);
        self.open_edges.mark(&mut self.edges, self.update);
    }

    /// The tree, and from one look at the stacks what is open in it and, if wanted, in the tables.
    fn follow_tree(&mut self, tables: &Tables, clock: Option<fn() -> Ticks>, wants_tables: bool) {
        let mut tree = std::mem::take(&mut self.tree);
        let mut path = tree.read_counts(tables);
        each_open(tables, clock, |call| {
            if wants_tables {
                self.add_open(call);
            }
            tree.add_open(tables, &mut path, call);
        });
        tree.settle_open();
        self.tree = tree;
    }

    fn follow_entries(&mut self, tables: &Tables) {
        for (place, entry) in tables.entries.iter().skip(1).enumerate() {
            if place == self.functions.len() {
                self.add_function(entry.function);
            }
            let row = &mut self.functions[place];
            let counts = &mut row.numbers.counts;
            let now = (entry.recursive_calls.get(), entry.total.ticks());
            if now != (counts.recursive_calls, counts.total) {
                (counts.recursive_calls, counts.total) = now;
                row.changed = self.update;
            }
        }
    }

    fn add_function(&mut self, function: FunctionId) {
        self.functions.push(Watched { of: function, changed: self.update, numbers: Numbers::default() });
        let index = function.0 as usize;
        if index >= self.places.len() {
            self.places.resize(index + 1, 0);
        }
        self.places[index] = self.functions.len() as u32;
    }

    fn follow_edge(&mut self, place: usize, edge: Link<Edge>) {
        if place == self.edges.len() {
            let of = (edge.caller.function, edge.callee.function);
            self.edges.push(Watched { of, changed: self.update, numbers: Numbers::default() });
            let known = (edge.address(), place as u32);
            let hash = |known: &(usize, u32)| mix(known.0 as u64);
            self.places_of_edges.insert_unique(hash(&known), known, hash);
        }
        let row = &mut self.edges[place];
        let old = row.numbers.counts;
        // These don't stand on the edge.
        let counts = Counts { idle_own: old.idle_own, idle_total: old.idle_total, ..edge.counts() };
        if counts == old {
            return;
        }
        (row.numbers.counts, row.changed) = (counts, self.update);
        self.calls = self.calls.wrapping_add(counts.calls).wrapping_sub(old.calls);
        if let Some(place) = place_of(&self.places, row.of.1) {
            let function = &mut self.functions[place];
            let sum = &mut function.numbers.counts;
            sum.calls = sum.calls.wrapping_add(counts.calls).wrapping_sub(old.calls);
            sum.own = sum.own.plus(counts.own.since(old.own));
            function.changed = self.update;
        }
    }

    fn follow_repeats(&mut self, tables: &Tables) {
        self.repeats.resize(tables.repeats.count(), 0);
        for (known, repeat) in self.repeats.iter_mut().zip(tables.repeats.iter()) {
            let now = repeat.samples.get();
            let grown = now.wrapping_sub(std::mem::replace(known, now));
            if let Some(place) = place_of(&self.places, repeat.of.function).filter(|_| grown != 0) {
                let row = &mut self.functions[place];
                row.numbers.counts.calls = row.numbers.counts.calls.wrapping_sub(grown);
                row.changed = self.update;
            }
        }
    }

    fn follow_waits(&mut self, tables: &Tables) {
        for (place, wait) in tables.waits.iter().enumerate() {
            // One of a function that is newer than the entries waits for the next update.
            let Some(function) = place_of(&self.places, wait.of.callee.function) else { break };
            if place == self.waits.len() {
                self.waits.push(Ticks::default());
            }
            let now = wait.time.ticks();
            let grown = now.since(std::mem::replace(&mut self.waits[place], now));
            if grown != Ticks::default() {
                let row = &mut self.functions[function];
                row.numbers.counts.waited = row.numbers.counts.waited.plus(grown);
                row.changed = self.update;
            }
        }
    }

    fn follow_idles(&mut self, tables: &Tables) {
        for (place, idle) in tables.idles.iter().enumerate() {
            let of_function = match idle.of {
                Subject::Entry(entry) => entry.function,
                Subject::Edge(edge) => edge.callee.function,
            };
            // One of a function that is newer than the entries waits for the next update.
            let Some(function) = place_of(&self.places, of_function) else { break };
            if place == self.idles.len() {
                self.idles.push((Ticks::default(), Ticks::default()));
            }
            let now = (idle.own.ticks(), idle.total.ticks());
            let before = std::mem::replace(&mut self.idles[place], now);
            if now == before {
                continue;
            }
            let (own, total) = (now.0.since(before.0), now.1.since(before.1));
            let row = &mut self.functions[function];
            row.changed = self.update;
            let counts = &mut row.numbers.counts;
            match idle.of {
                Subject::Entry(_) => counts.idle_total = counts.idle_total.plus(total),
                Subject::Edge(edge) => {
                    counts.idle_own = counts.idle_own.plus(own);
                    let address = edge.address();
                    let known = |(known, _): &(usize, u32)| *known == address;
                    if let Some((_, place)) = self.places_of_edges.find(mix(address as u64), known) {
                        let row = &mut self.edges[*place as usize];
                        row.changed = self.update;
                        (row.numbers.counts.idle_own, row.numbers.counts.idle_total) = now;
                    }
                }
            }
        }
    }

    fn add_open(&mut self, call: OpenCall) {
        let edge = call.edge;
        let address = edge.address();
        let found = self.places_of_edges.find(mix(address as u64), |(known, _)| *known == address);
        // One that is newer than the counts waits for the next update.
        let Some((_, place)) = found.copied() else { return };
        self.open_edges.open(&mut self.edges, place).add(&call, call.is_outermost_of_edge);
        if let Some(place) = place_of(&self.places, edge.callee.function) {
            let open = self.open_functions.open(&mut self.functions, place as u32);
            open.add(&call, call.is_outermost);
        }
    }

    /// With compensation, the figures stand in several places: they are read anew and compared.
    fn take(&mut self, tables: &Tables, clock: Option<fn() -> Ticks>, has_tree: bool) {
        if has_tree {
            self.follow_tree(tables, clock, false);
        }
        let reading = Reader::default().read(tables, clock);
        take_changes(&mut self.functions, reading.functions, self.update);
        take_changes(&mut self.edges, reading.edges, self.update);
        self.calls = self.functions.iter().map(|row| row.numbers.counts.calls).sum();
    }
}

/// Rows that have open calls, by their places.
#[derive(Debug, Default)]
struct OpenRows {
    now: Vec<u32>,
    /// Those of the last update, and what was open.
    before: Vec<(u32, Open)>,
}

impl OpenRows {
    /// An update begins: nothing is open.
    fn close<K>(&mut self, rows: &mut [Watched<K>]) {
        self.before.clear();
        for place in self.now.drain(..) {
            self.before.push((place, std::mem::take(&mut rows[place as usize].numbers.open)));
        }
        self.before.sort_unstable_by_key(|(place, _)| *place);
    }

    fn open<'r, K>(&mut self, rows: &'r mut [Watched<K>], place: u32) -> &'r mut Open {
        let open = &mut rows[place as usize].numbers.open;
        if open.calls == 0 {
            self.now.push(place);
        }
        open
    }

    /// The update is complete: marks where something else is open than before.
    fn mark<K>(&self, rows: &mut [Watched<K>], update: u32) {
        let mut mark = |place: u32, before: Open| {
            let row = &mut rows[place as usize];
            if row.numbers.open != before {
                row.changed = update;
            }
        };
        for &(place, before) in &self.before {
            mark(place, before);
        }
        for &place in &self.now {
            if self.before.binary_search_by_key(&place, |(known, _)| *known).is_err() {
                mark(place, Open::default());
            }
        }
    }
}

fn place_of(places: &[u32], function: FunctionId) -> Option<usize> {
    (places.get(function.0 as usize).copied().unwrap_or(0) as usize).checked_sub(1)
}

fn take_changes<K>(rows: &mut Vec<Watched<K>>, reading: Vec<(K, Numbers)>, update: u32) {
    for (place, (of, numbers)) in reading.into_iter().enumerate() {
        match rows.get_mut(place) {
            None => rows.push(Watched { of, changed: update, numbers }),
            Some(row) if row.numbers != numbers => (row.numbers, row.changed) = (numbers, update),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
