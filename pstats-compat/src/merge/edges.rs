//! Finds edges of the sum by their ends.
//!
//! Lists first, without hashing: the edges into each function, and for the function that is looked at, where its callers'
//! edges are. A list is walked once for each file that calls the function, which is cheap where files have much the same
//! edges. Where each brings new ones the lists grow and the walks with them. From then on edges are kept in the order of
//! their ends, and new ones wait until they are many: then they are sorted, and all go once through memory from one end to the
//! other. A table would be asked once for each edge, and each time at another place of a memory that no cache holds.

use crate::model::{Edge, FunctionId};

/// So many steps along lists for each edge that is looked for cost as much as sorting.
const STEPS: u64 = 4;
/// So many steps are nothing.
const FEW_STEPS: u64 = 100_000;

/// Where the edges of a sum are.
#[derive(Clone, Default)]
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
    /// What waits to be added, once the lists no longer pay.
    waiting: Option<Vec<Edge>>,
}

/// A place in the edges of the sum, plus one.
type EdgePlace = std::num::NonZeroU32;

/// At least so many edges wait, and then a part of as many as the sum has: so each edge of the sum is passed a few times for
/// each new one, however many there are.
const FEWEST: usize = if cfg!(test) { 1 << 10 } else { 1 << 18 };
const PART: usize = 8;

impl EdgeLists {
    pub fn resize(&mut self, functions: usize) {
        self.own.resize(functions, FunctionId(0));
        if self.waiting.is_none() {
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
    pub fn look_at(&mut self, callee: FunctionId, wanted: usize, sum: &mut [Edge]) {
        if self.waiting.is_some() {
            return;
        }
        self.asked += wanted as u64;
        if self.walked > STEPS * self.asked + FEW_STEPS {
            sum.sort_unstable_by_key(ends);
            self.waiting = Some(Vec::new());
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
    pub fn sorts(&self) -> bool {
        self.waiting.is_some()
    }

    /// How many edges are not in the sum yet.
    pub fn waiting(&self) -> usize {
        self.waiting.as_ref().map_or(0, Vec::len)
    }

    /// Adds what waits. The sum is whole then.
    pub fn flush(&mut self, sum: &mut Vec<Edge>) {
        if let Some(waiting) = &mut self.waiting {
            // Equal ends stay in the order in which they came, so that their times are added in it.
            waiting.sort_by_key(ends);
            let new = add_known(waiting, sum);
            waiting.truncate(new);
            insert(waiting, sum);
            waiting.clear();
        }
    }

    /// Adds one edge into the function that was looked at last.
    pub fn add(&mut self, edge: Edge, sum: &mut Vec<Edge>) {
        if let Some(waiting) = &mut self.waiting {
            waiting.push(edge);
            if waiting.len() >= FEWEST.max(sum.len() / PART) {
                self.flush(sum);
            }
            return;
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

fn ends(edge: &Edge) -> (FunctionId, FunctionId) {
    (edge.callee, edge.caller)
}

/// Adds those that the sum has to it; the others, each once, are then the first of `more`: so many. Both are sorted.
fn add_known(more: &mut [Edge], sum: &mut [Edge]) -> usize {
    let (mut new, mut at) = (0, 0);
    for next in 0..more.len() {
        let key = ends(&more[next]);
        while sum.get(at).is_some_and(|known| ends(known) < key) {
            at += 1;
        }
        let calls = more[next].calls;
        if let Some(known) = sum.get_mut(at).filter(|known| ends(known) == key) {
            known.calls.add(&calls);
        } else if let Some(last) = more[..new].last_mut().filter(|last| ends(last) == key) {
            last.calls.add(&calls);
        } else {
            more.swap(new, next);
            new += 1;
        }
    }
    new
}

/// Puts edges, none of which the sum has, where they belong; from the end, so that all is moved once.
fn insert(new: &[Edge], sum: &mut Vec<Edge>) {
    let mut known = sum.len();
    sum.extend_from_slice(new);
    let mut new = new.iter().rev().peekable();
    for to in (0..sum.len()).rev() {
        let Some(next) = new.peek() else { break };
        if known > 0 && ends(&sum[known - 1]) > ends(next) {
            known -= 1;
            sum.swap(known, to);
        } else if let Some(next) = new.next() {
            sum[to] = next.clone();
        }
    }
}

fn place_of(place: u32) -> EdgePlace {
    EdgePlace::MIN.saturating_add(place)
}
