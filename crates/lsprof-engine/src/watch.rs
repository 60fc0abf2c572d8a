//! Reading the same tables again and again: which rows have changed, at the price of a look at each.
//!
//! A row that has not changed is compared with what it was, and that is all; a function's figures, which are sums over
//! the edges that lead to it, are kept up to date by what each edge has grown. [`crate::Reader`] says the same from
//! scratch.

use crate::cells::{Link, look_after};
use crate::clock::Ticks;
use crate::in_flight::{Numbers, Reader, each_open};
use crate::tables::{Edge, FunctionId, Tables};
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
    /// Rows to which the last update has given the time of open calls.
    open_functions: Vec<u32>,
    open_edges: Vec<u32>,
    /// The open edges of this update, with their places; memory that is used again.
    open: Vec<(usize, u32)>,
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
        self.forget_open_times();
        // How many edges before which entries: then the entries of all of them are there.
        let count = tables.edges.count();
        self.follow_entries(tables);
        self.open.clear();
        for (place, edge) in tables.edges.iter().take(count).skip(1).enumerate() {
            self.follow_edge(place, edge);
        }
        match (clock, has_tree) {
            (_, true) => self.follow_tree(tables, clock, true),
            (Some(clock), false) => {
                self.open.sort_unstable();
                each_open(tables, clock, |edge, own, total| self.add_open_time(edge, own, total));
            }
            (None, false) => {}
        }
    }

    /// The tree, and from one look at the stack what is open in it and, if wanted, in the tables.
    fn follow_tree(&mut self, tables: &Tables, clock: Option<fn() -> Ticks>, wants_tables: bool) {
        let mut tree = std::mem::take(&mut self.tree);
        let mut path = tree.read_counts(tables);
        self.open.sort_unstable();
        each_open(tables, clock.unwrap_or(Ticks::default), |edge, own, total| {
            let times = if clock.is_some() { (own, total) } else { (0, 0) };
            if clock.is_some() && wants_tables {
                self.add_open_time(edge, own, total);
            }
            tree.add_open(tables, &mut path, edge.callee.function, times);
        });
        self.tree = tree;
    }

    fn forget_open_times(&mut self) {
        for place in self.open_functions.drain(..) {
            let row = &mut self.functions[place as usize];
            (row.numbers.open.own, row.numbers.open.total, row.changed) = (0, 0, self.update);
        }
        for place in self.open_edges.drain(..) {
            let row = &mut self.edges[place as usize];
            (row.numbers.open.own, row.numbers.open.total, row.changed) = (0, 0, self.update);
        }
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
        }
        // Calls before open: one that ends in between is in neither.
        let counts = edge.counts();
        look_after();
        let open = edge.open.get();
        if open > 0 {
            self.open.push((edge.address(), place as u32));
        }
        let row = &mut self.edges[place];
        if counts == row.numbers.counts && open == row.numbers.open.calls {
            return;
        }
        let old = row.numbers;
        (row.numbers.counts, row.numbers.open.calls, row.changed) = (counts, open, self.update);
        self.calls = self.calls.wrapping_add(counts.calls).wrapping_sub(old.counts.calls);
        if let Some(place) = place_of(&self.places, row.of.1) {
            let function = &mut self.functions[place];
            let sum = &mut function.numbers;
            sum.counts.calls = sum.counts.calls.wrapping_add(counts.calls).wrapping_sub(old.counts.calls);
            sum.counts.own = sum.counts.own.plus(counts.own.since(old.counts.own));
            sum.open.calls = sum.open.calls.wrapping_add(open).wrapping_sub(old.open.calls);
            function.changed = self.update;
        }
    }

    /// From the bottom of the stack up: the first activation of a function is its outermost.
    fn add_open_time(&mut self, edge: Link<Edge>, own: i64, total: i64) {
        if let Some(place) = place_of(&self.places, edge.callee.function) {
            let row = &mut self.functions[place];
            if row.numbers.open.calls > 0 {
                if row.numbers.open.total == 0 {
                    row.numbers.open.total = total;
                    self.open_functions.push(place as u32);
                }
                row.numbers.open.own += own;
                row.changed = self.update;
            }
        }
        if let Ok(found) = self.open.binary_search_by_key(&edge.address(), |(address, _)| *address) {
            let place = self.open[found].1;
            let row = &mut self.edges[place as usize];
            if row.numbers.open.total == 0 {
                row.numbers.open.total = total;
                self.open_edges.push(place);
            }
            row.numbers.open.own += own;
            row.changed = self.update;
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
