//! Finds edges of the sum by their ends.
//!
//! Lists first, without hashing: the edges into each function, and for the function that is looked at, where its callers'
//! edges are. A list is walked once for each file that calls the function, which is cheap where files have much the same
//! edges. Where each brings new ones the lists grow and the walks with them, so from then on a table of all edges is asked.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::model::{Edge, FunctionId, IdState};

/// A step along a list costs less than asking the table, by about this.
const STEPS: u64 = 4;
/// So many steps are nothing.
const FEW_STEPS: u64 = 100_000;

/// Where the edges of a sum are.
#[derive(Default)]
pub(super) struct EdgeLists {
    /// For each function, its newest in-edge.
    newest: Vec<Option<EdgePlace>>,
    /// For each edge, the one into the same function that came before it.
    before: Vec<Option<EdgePlace>>,
    /// For each function, the edge that it was last found to be the caller of. It may be that of
    /// another callee: whoever reads it compares both ends.
    as_caller: Vec<u32>,
    /// For each function, one of the profile added last that had its label; checked likewise.
    own: Vec<FunctionId>,
    /// Steps along lists, and edges that were looked for.
    walked: u64,
    asked: u64,
    /// All edges, once the lists no longer pay.
    table: Option<Table>,
}

/// A place in the edges of the sum, plus one.
type EdgePlace = std::num::NonZeroU32;

/// Edges by their ends. Half of the hash stands beside each place: the edges themselves lie all over memory, and are read only
/// where they are most likely the right ones.
#[derive(Default)]
struct Table {
    places: HashTable<(u32, u32)>,
    state: IdState,
}

impl EdgeLists {
    pub fn resize(&mut self, functions: usize) {
        self.own.resize(functions, FunctionId(0));
        if self.table.is_none() {
            self.newest.resize(functions, None);
            self.as_caller.resize(functions, 0);
        }
    }

    /// Edges that are all different and all that the sum has.
    pub fn take(&mut self, edges: &[Edge]) {
        self.before = (0u32..)
            .zip(edges)
            .map(|(place, edge)| self.newest[edge.callee.index()].replace(place_of(place)))
            .collect();
    }

    /// For each function of a profile, the first of those that are one function in the sum.
    pub fn first_of_same_label(&mut self, moved: &[FunctionId]) -> Vec<FunctionId> {
        let ids = (0u32..).map(FunctionId).zip(moved);
        ids.map(|(own, id)| {
            let noted = &mut self.own[id.index()];
            if *noted >= own || moved[noted.index()] != *id {
                *noted = own;
            }
            *noted
        })
        .collect()
    }

    /// Notes where the edges into `callee` are, of which so many will be looked for.
    pub fn look_at(&mut self, callee: FunctionId, wanted: usize, sum: &[Edge]) {
        self.asked += wanted as u64;
        if self.table.is_some() {
            return;
        }
        if self.walked > STEPS * self.asked + FEW_STEPS {
            self.table = Some(Table::of(sum));
            self.newest = Vec::new();
            self.before = Vec::new();
            self.as_caller = Vec::new();
            return;
        }
        let mut next = self.newest[callee.index()];
        while let Some(place) = next {
            let place = place.get() - 1;
            self.as_caller[sum[place as usize].caller.index()] = place;
            next = self.before[place as usize];
            self.walked += 1;
        }
    }

    #[cfg(test)]
    pub fn has_table(&self) -> bool {
        self.table.is_some()
    }

    /// Adds one edge into the function that was looked at last.
    pub fn add(&mut self, edge: Edge, sum: &mut Vec<Edge>) {
        if let Some(table) = &mut self.table {
            return table.add(edge, sum);
        }
        let place = &mut self.as_caller[edge.caller.index()];
        let is_same = |known: &&mut Edge| (known.caller, known.callee) == (edge.caller, edge.callee);
        if let Some(known) = sum.get_mut(*place as usize).filter(is_same) {
            known.calls.add(&edge.calls);
            return;
        }
        *place = sum.len() as u32;
        let newest = &mut self.newest[edge.callee.index()];
        self.before.push(newest.replace(place_of(*place)));
        sum.push(edge);
    }
}

impl Table {
    fn of(sum: &[Edge]) -> Self {
        let mut table = Self::default();
        table.places.reserve(sum.len(), spread);
        for (place, edge) in (0u32..).zip(sum) {
            let entry = (table.hash(edge), place);
            table.places.insert_unique(spread(&entry), entry, spread);
        }
        table
    }

    fn add(&mut self, edge: Edge, sum: &mut Vec<Edge>) {
        let entry = (self.hash(&edge), sum.len() as u32);
        let is_same = |&(hash, place): &(u32, u32)| {
            hash == entry.0 && {
                let known = &sum[place as usize];
                (known.caller, known.callee) == (edge.caller, edge.callee)
            }
        };
        match self.places.entry(spread(&entry), is_same, spread) {
            Entry::Occupied(known) => sum[known.get().1 as usize].calls.add(&edge.calls),
            Entry::Vacant(vacant) => {
                vacant.insert(entry);
                sum.push(edge);
            }
        }
    }

    fn hash(&self, edge: &Edge) -> u32 {
        (self.state.hash_one((edge.caller, edge.callee)) >> 32) as u32
    }
}

/// The table looks at the lower bits, and at the uppermost seven.
fn spread(entry: &(u32, u32)) -> u64 {
    u64::from(entry.0) << 32 | u64::from(entry.0)
}

fn place_of(place: u32) -> EdgePlace {
    EdgePlace::MIN.saturating_add(place)
}
