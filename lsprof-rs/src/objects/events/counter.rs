//! What becomes of an event: its type is found, by its address, and a row counts it.

use std::sync::Arc;

use hashbrown::HashMap;

use super::places::Places;
use super::tables::{Tables, TypeRow};
use super::wanted::Wanted;
use crate::ffi::object_type::{CodeFields, Spot, TypeFacts};

/// So many types at most. Those that come then are not counted.
const MOST: usize = 1 << 14;
/// Types that are at hand, a power of two.
const AT_HAND: usize = 1 << 9;

/// What is known of a type by its address: the number of its row, if it has one, and whether the end of one of its objects makes
/// another address free for something else.
#[derive(Clone, Copy)]
struct Known(u32);

impl Known {
    const NO_ROW: u32 = (1 << 30) - 1;
    const IS_OF_TYPES: u32 = 1 << 30;
    const IS_OF_CODE: u32 = 1 << 31;

    #[inline(always)]
    fn row(self) -> u32 {
        self.0 & Self::NO_ROW
    }

    #[inline(always)]
    fn frees_address(self) -> bool {
        self.0 > Self::NO_ROW
    }
}

/// Counts. The thread that holds the GIL has it.
pub struct Counter {
    tables: Arc<Tables>,
    wanted: Wanted,
    rows: Vec<Arc<TypeRow>>,
    by_name: HashMap<(String, String), u32>,
    /// Those that are alive.
    by_address: HashMap<usize, Known>,
    at_hand: Box<[(usize, Known); AT_HAND]>,
    places: Option<Places>,
}

impl Counter {
    /// Of the types that are wanted; by place where it is known how to find one.
    pub fn new(tables: Arc<Tables>, wanted: Wanted, fields: Option<CodeFields>) -> Self {
        Self {
            tables,
            wanted,
            rows: Vec::new(),
            by_name: HashMap::new(),
            by_address: HashMap::new(),
            at_hand: Box::new([(0, Known(Known::NO_ROW)); AT_HAND]),
            places: fields.map(Places::new),
        }
    }

    /// An object of the type at this address is made. `running` says which code object is running, and which instruction of it.
    #[inline(always)]
    pub fn made(
        &mut self,
        kind: usize,
        object: usize,
        describe: impl FnOnce() -> TypeFacts,
        running: impl FnOnce() -> Option<(usize, usize)>,
        spot: impl FnOnce(CodeFields, usize, usize) -> Option<Spot>,
    ) {
        let number = self.find(kind, describe).row();
        let Some(row) = self.rows.get(number as usize) else { return };
        let created = row.made();
        if let Some(places) = &mut self.places
            && let Some((code, instruction)) = running()
        {
            places.made((number, row, created), object, (code, instruction), &self.tables, |fields| {
                spot(fields, code, instruction)
            });
        }
    }

    /// An object of the type at this address goes. True if it is a type or a code object, whose address may come again.
    #[inline(always)]
    pub fn gone(&mut self, kind: usize, object: usize, describe: impl FnOnce() -> TypeFacts) -> bool {
        let known = self.find(kind, describe);
        if known.frees_address() {
            self.forget(object, known);
        }
        if let Some(row) = self.rows.get(known.row() as usize) {
            row.destroyed.add_one();
            if let Some(places) = &mut self.places {
                places.gone(known.row(), row, object);
            }
        }
        known.frees_address()
    }

    /// An object of the type at this address, of which it was said that it goes, has stayed.
    #[cfg(Py_3_13)]
    pub fn stayed(&mut self, kind: usize) {
        let known = self.by_address.get(&kind);
        if let Some(row) = known.and_then(|known| self.rows.get(known.row() as usize)) {
            row.destroyed.take_one();
        }
    }

    /// Gives a type that is counted a row, before there is an object of it.
    #[cfg(not(Py_3_13))]
    pub fn expect(&mut self, kind: usize, facts: TypeFacts) {
        self.find(kind, || facts);
    }

    /// Whether types of this name are counted.
    #[cfg(not(Py_3_13))]
    pub fn wants(&self, module: &str, name: &str) -> bool {
        self.wanted.has(module, name)
    }

    #[inline(always)]
    fn find(&mut self, kind: usize, describe: impl FnOnce() -> TypeFacts) -> Known {
        let (address, known) = self.at_hand[at(kind)];
        if address == kind { known } else { self.look_up(kind, describe) }
    }

    #[cold]
    #[inline(never)]
    fn look_up(&mut self, kind: usize, describe: impl FnOnce() -> TypeFacts) -> Known {
        let known = match self.by_address.get(&kind) {
            Some(known) => *known,
            None => {
                let known = self.meet(describe());
                self.by_address.insert(kind, known);
                known
            }
        };
        self.at_hand[at(kind)] = (kind, known);
        known
    }

    fn meet(&mut self, facts: TypeFacts) -> Known {
        let TypeFacts { module, name, size, is_of_types, is_of_code } = facts;
        let mut flags = 0;
        if is_of_types {
            flags |= Known::IS_OF_TYPES;
        }
        if is_of_code {
            flags |= Known::IS_OF_CODE;
        }
        if !self.wanted.has(&module, &name) {
            return Known(Known::NO_ROW | flags);
        }
        let full = self.rows.len() >= MOST;
        let key = (module, name);
        if let Some(number) = self.by_name.get(&key) {
            return Known(*number | flags);
        }
        if full {
            self.tables.unlisted_types.add_one();
            return Known(Known::NO_ROW | flags);
        }
        let (module, name) = key.clone();
        let row = Arc::new(TypeRow::new(module, name, size));
        self.tables.add_type(&row);
        let number = self.rows.len() as u32;
        self.rows.push(row);
        self.by_name.insert(key, number);
        Known(number | flags)
    }

    /// A type or a code object goes: another one may get its address.
    #[cold]
    #[inline(never)]
    fn forget(&mut self, object: usize, known: Known) {
        if known.0 & Known::IS_OF_TYPES != 0 {
            self.by_address.remove(&object);
            let at_hand = &mut self.at_hand[at(object)];
            if at_hand.0 == object {
                *at_hand = (0, Known(Known::NO_ROW));
            }
        }
        if known.0 & Known::IS_OF_CODE != 0
            && let Some(places) = &mut self.places
        {
            places.code_gone(object);
        }
    }
}

#[inline(always)]
fn at(kind: usize) -> usize {
    ((kind >> 4) ^ (kind >> 13)) % AT_HAND
}
