//! The functions that one profile met, by key and by number.

use hashbrown::HashTable;
use lsprof_engine::{FunctionId, Key, mix};
use pyo3::prelude::*;

/// A function that was called: its key, and what cProfile calls `code` (a code object, or a built-in's label).
struct Met {
    key: Key,
    code: Py<PyAny>,
}

/// Functions by key and by number.
#[derive(Default)]
pub struct Functions {
    list: Vec<Met>,
    by_key: HashTable<u32>,
}

impl Functions {
    /// Its number, if it was met.
    pub fn find(&self, key: Key) -> Option<FunctionId> {
        self.by_key.find(mix(key as u64), |&id| self.list[id as usize].key == key).map(|&id| FunctionId(id))
    }

    /// Gives it the next number.
    pub fn insert(&mut self, key: Key, code: Py<PyAny>) -> FunctionId {
        let id = u32::try_from(self.list.len()).expect("fewer functions than addresses");
        let Self { list, by_key } = self;
        list.push(Met { key, code });
        by_key.insert_unique(mix(key as u64), id, |&id| mix(list[id as usize].key as u64));
        FunctionId(id)
    }

    /// What it is, as cProfile gives it.
    pub fn code(&self, function: FunctionId) -> &Py<PyAny> {
        &self.list[function.0 as usize].code
    }

    /// The next number.
    pub fn len(&self) -> u32 {
        self.list.len() as u32
    }

    /// What they are, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&Py<PyAny>, u32)> {
        self.list.iter().map(|met| &met.code).zip(0..)
    }
}
