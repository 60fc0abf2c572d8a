//! Which edges begin or end at a function: chains through the edges, by their places in the table.

use hashbrown::HashMap;

const NONE: u32 = u32::MAX;

/// Two chains for each function: of the edges that begin at it, and of those that end there.
#[derive(Clone, Debug, Default)]
pub struct EdgeChains {
    heads: HashMap<u32, [u32; 2]>,
    /// By edge, the next in its caller's chain and in its callee's.
    next: Vec<[u32; 2]>,
}

impl EdgeChains {
    /// Forgets everything, and keeps the memory for as much again.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.next.clear();
    }

    /// So many edges are about to come.
    pub fn reserve(&mut self, edges: usize) {
        self.next.reserve_exact(edges);
    }

    /// The next edge; its place is the count of those before. A function's own calls of itself are in one chain only.
    pub fn add(&mut self, caller: u32, callee: u32) {
        let place = self.next.len() as u32;
        let mut link = |function: u32, side: usize| {
            let heads = self.heads.entry(function).or_insert([NONE; 2]);
            std::mem::replace(&mut heads[side], place)
        };
        let of_caller = link(caller, 0);
        let of_callee = if caller == callee { NONE } else { link(callee, 1) };
        self.next.push([of_caller, of_callee]);
    }

    /// The places of a function's edges, each once.
    pub fn of(&self, function: u32) -> impl Iterator<Item = u32> {
        let heads = self.heads.get(&function).copied().unwrap_or([NONE; 2]);
        let chain = move |side: usize| {
            let mut next = heads[side];
            std::iter::from_fn(move || {
                let place = next;
                next = self.next.get(place as usize)?[side];
                Some(place)
            })
        };
        chain(0).chain(chain(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_edge_of_a_function_comes_once() {
        let mut neighbours = EdgeChains::default();
        for (caller, callee) in [(0, 1), (1, 2), (1, 1), (3, 1), (2, 3)] {
            neighbours.add(caller, callee);
        }
        let of = |function| {
            let mut places: Vec<u32> = neighbours.of(function).collect();
            places.sort_unstable();
            places
        };
        assert_eq!((of(1), of(2), of(9)), (vec![0, 1, 2, 3], vec![1, 4], vec![]));
    }
}
