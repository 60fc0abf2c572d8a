//! The functions of a stream, numbered for good: the process numbers them anew when its profile is cleared.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use pikos_client::Name;

/// Labels that are kept at most: those of all clears add up, and a hostile process may invent them.
const MOST: usize = 4_000_000;

/// Functions in the order in which their labels were first met, and the process's numbers of each.
#[derive(Default)]
pub struct Labels {
    list: Vec<Name>,
    /// Places in `list`, by what makes a label: file, line and name.
    by_label: HashTable<u32>,
    state: RandomState,
    /// What the process's numbers mean now.
    places: HashMap<u32, u32>,
    /// The process's number of each, now; nearly all have one.
    numbers: Vec<Option<u32>>,
    /// All of those that have several: two lambdas of one line.
    several: HashMap<u32, Vec<u32>>,
    epoch: u64,
}

impl Labels {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// A function's name, as it was first met.
    pub(crate) fn name(&self, function: usize) -> &Name {
        &self.list[function]
    }

    /// The process's numbers of a function; none if it was not called since the profile was cleared.
    pub(crate) fn numbers(&self, function: usize) -> &[u32] {
        match self.several.get(&(function as u32)) {
            Some(numbers) => numbers,
            None => self.numbers[function].as_slice(),
        }
    }

    /// Which function a number of the process's means now.
    pub(crate) fn place(&self, number: u32) -> Option<usize> {
        self.places.get(&number).map(|place| *place as usize)
    }

    /// Takes in what the process has named in this epoch.
    pub(crate) fn follow<'a>(&mut self, epoch: u64, names: impl ExactSizeIterator<Item = &'a Name>) {
        // More numbers than names: a full message came without some that were known.
        if self.epoch != epoch || self.places.len() > names.len() {
            self.epoch = epoch;
            self.places.clear();
            self.several.clear();
            self.numbers.fill(None);
        }
        if names.len() == self.places.len() {
            return;
        }
        let new = names.len() - self.places.len();
        self.list.reserve_exact(new);
        self.numbers.reserve_exact(new);
        for name in names {
            if self.places.contains_key(&name.function) {
                continue;
            }
            let Some(place) = self.find_or_add(name) else { continue };
            self.places.insert(name.function, place);
            match &mut self.numbers[place as usize] {
                number @ None => *number = Some(name.function),
                Some(first) => self.several.entry(place).or_insert_with(|| vec![*first]).push(name.function),
            }
        }
    }

    fn find_or_add(&mut self, name: &Name) -> Option<u32> {
        let Self { list, by_label, state, numbers, .. } = self;
        let hash = |name: &Name| state.hash_one((&name.file, name.line, &name.name));
        let is_same = |&place: &u32| {
            let known = &list[place as usize];
            known.line == name.line && known.name == name.name && known.file == name.file
        };
        if let Some(place) = by_label.find(hash(name), is_same) {
            return Some(*place);
        }
        if list.len() >= MOST {
            return None;
        }
        let place = list.len() as u32;
        list.push(name.clone());
        numbers.push(None);
        by_label.insert_unique(hash(name), place, |&place| hash(&list[place as usize]));
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(function: u32, line: u32) -> Name {
        Name { function, file: "a.py".into(), line, name: "f".into(), qualname: None }
    }

    #[test]
    fn a_function_keeps_its_place_when_the_process_counts_anew() {
        let mut labels = Labels::default();
        labels.follow(0, [name(0, 10), name(1, 20), name(2, 10)].iter());
        assert_eq!((labels.len(), labels.numbers(0), labels.numbers(1)), (2, &[0, 2][..], &[1][..]));
        assert_eq!((labels.place(2), labels.place(7)), (Some(0), None));
        labels.follow(1, [name(0, 20)].iter());
        assert_eq!((labels.numbers(0), labels.numbers(1)), (&[][..], &[0][..]));
        labels.follow(1, [name(0, 20), name(1, 30)].iter());
        assert_eq!((labels.len(), labels.numbers(2), labels.place(1)), (3, &[1][..], Some(2)));
    }
}
