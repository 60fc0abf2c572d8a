//! The types that a walk meets, and what it has to know of each.

use std::collections::HashSet;

use hashbrown::HashTable;
use lsprof_engine::mix;
use pyo3::prelude::*;

use crate::ffi::heap::{Kind, Members};
use crate::ffi::modules;
use crate::ffi::size::Measure;

/// Types that are found at once.
const RECENT: usize = 1 << 8;

/// Whose `__sizeof__` in C is called: it is known to run no Python code. An array's is the only thing that knows its buffer.
const ALSO_TRUSTED: &str = "numpy";

/// Modules whose types are measured by their own `__sizeof__`.
pub struct Trusted(HashSet<String>);

impl Trusted {
    /// The interpreter's own.
    pub fn standard(py: Python<'_>) -> Self {
        let names = modules::of_sys(py, c"stdlib_module_names");
        let mut names: HashSet<String> = names.and_then(|names| names.extract().ok()).unwrap_or_default();
        names.insert(ALSO_TRUSTED.to_owned());
        Self(names)
    }

    /// Whether a type of this name in C is one of theirs, or a built-in.
    fn has(&self, name: &[u8]) -> bool {
        let Ok(name) = std::str::from_utf8(name) else { return false };
        name.split_once('.').is_none_or(|(module, _)| self.0.contains(module))
    }
}

/// A type.
pub struct Known<'heap> {
    pub kind: Kind<'heap>,
    pub members: Members,
    pub measure: Measure,
}

/// All that were met, by number.
pub struct Kinds<'heap> {
    pub list: Vec<Known<'heap>>,
    places: HashTable<u32>,
    recent: Box<[(usize, u32); RECENT]>,
    trusted: &'heap Trusted,
}

impl<'heap> Kinds<'heap> {
    /// None.
    pub fn new(trusted: &'heap Trusted) -> Self {
        Self { list: Vec::new(), places: HashTable::new(), recent: Box::new([(0, 0); RECENT]), trusted }
    }

    /// A type's number.
    #[inline]
    pub fn number(&mut self, kind: Kind<'heap>) -> usize {
        let address = kind.address();
        let recent = self.recent[address / 64 % RECENT];
        if recent.0 == address { recent.1 as usize } else { self.find(kind) }
    }

    #[cold]
    fn find(&mut self, kind: Kind<'heap>) -> usize {
        let Self { list, places, recent, trusted } = self;
        let address = kind.address();
        let hash = mix(address as u64);
        let found = places.find(hash, |number| list[*number as usize].kind == kind).copied();
        let number = found.unwrap_or_else(|| {
            let number = u32::try_from(list.len()).expect("fewer types than addresses");
            places.insert_unique(hash, number, |number| mix(list[*number as usize].kind.address() as u64));
            number
        });
        if found.is_none() {
            let measure = Measure::of(kind, |name| trusted.has(name));
            list.push(Known { kind, members: kind.members(), measure });
        }
        recent[address / 64 % RECENT] = (address, number);
        number as usize
    }
}
