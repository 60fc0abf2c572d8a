//! Numbers for the edges of a history: a small one for each pair of functions, for as long as it is kept.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;

/// Who calls whom, by the numbers of edges.
#[derive(Default)]
pub struct EdgeNumbers {
    /// Caller and callee.
    ends: Vec<(u32, u32)>,
    numbers: HashTable<u32>,
    state: RandomState,
}

impl EdgeNumbers {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// The number of an edge, a new one if it has none; nothing where there would be more than this.
    pub fn number(&mut self, ends: (u32, u32), most: usize) -> Option<u32> {
        let Self { ends: list, numbers, state } = self;
        let hash = |ends: (u32, u32)| state.hash_one(ends);
        if let Some(number) = numbers.find(hash(ends), |&number| list[number as usize] == ends) {
            return Some(*number);
        }
        if list.len() >= most {
            return None;
        }
        let number = list.len() as u32;
        list.push(ends);
        numbers.insert_unique(hash(ends), number, |&number| hash(list[number as usize]));
        Some(number)
    }

    /// The caller and the callee.
    pub fn ends(&self, number: u32) -> Option<(u32, u32)> {
        self.ends.get(number as usize).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_keeps_its_number() {
        let mut edges = EdgeNumbers::default();
        let all: Vec<(u32, u32)> =
            (0..40).flat_map(|caller| (0..40).map(move |callee| (caller, callee))).collect();
        let numbers: Vec<Option<u32>> = all.iter().map(|ends| edges.number(*ends, 1600)).collect();
        for (ends, number) in all.into_iter().zip(numbers) {
            assert_eq!(
                (edges.number(ends, 0), number.and_then(|number| edges.ends(number))),
                (number, Some(ends))
            );
        }
        assert_eq!((edges.ends(1600), edges.number((99, 99), 1600), edges.count()), (None, None, 1600));
    }
}
