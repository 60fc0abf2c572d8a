//! Who makes objects: for each type the functions and lines that were running. And how many of theirs are still there, by following
//! some of them to their end.

use std::sync::Arc;

use hashbrown::HashMap;

use super::tables::{PlaceRow, Tables, TypeRow};
use crate::ffi::object_type::{CodeFields, Spot};

/// So many places at most, of all types together.
const MOST: usize = 1 << 16;
/// Places that are at hand, a power of two.
const AT_HAND: usize = 1 << 11;
/// So many objects of a type are followed at once, at most.
const MOST_FOLLOWED: usize = 1 << 12;
/// Up to so many that are made, all of a type are followed; then half of them, and half again each time there are twice as many.
const ALL_UP_TO: u64 = 1 << 12;
/// No place.
const NONE: u32 = u32::MAX;

/// A line that makes objects of a type, by the numbers of the type's row and of the instruction's address.
type Key = (u32, usize);

pub struct Places {
    pub fields: CodeFields,
    rows: Vec<Arc<PlaceRow>>,
    by_text: HashMap<(u32, String, String, u32), u32>,
    by_key: HashMap<Key, u32>,
    /// What has to be forgotten with a code object.
    of_code: HashMap<usize, Vec<Key>>,
    at_hand: Box<[(Key, u32); AT_HAND]>,
    /// Of each type those that are followed: addresses, and the places where they were made.
    followed: Vec<HashMap<usize, u32>>,
}

impl Places {
    pub fn new(fields: CodeFields) -> Self {
        Self {
            fields,
            rows: Vec::new(),
            by_text: HashMap::new(),
            by_key: HashMap::new(),
            of_code: HashMap::new(),
            at_hand: Box::new([((NONE, 0), NONE); AT_HAND]),
            followed: Vec::new(),
        }
    }

    /// An object is made by this instruction of this code object; `number` and `row` are those of its type, of which it is the
    /// `created`th.
    #[inline(always)]
    pub fn made(
        &mut self,
        (number, row, created): (u32, &TypeRow, u64),
        object: usize,
        (code, instruction): (usize, usize),
        tables: &Tables,
        spot: impl FnOnce(CodeFields) -> Option<Spot>,
    ) {
        let key = (number, instruction);
        let at_hand = self.at_hand[at(key)];
        let place = if at_hand.0 == key { at_hand.1 } else { self.find(key, code, tables, spot) };
        if let Some(found) = self.rows.get(place as usize) {
            found.created.add_one();
            if is_followed(object, row.one_of.get()) {
                found.followed.add_one();
                self.follow(number, row, created, object, place);
            }
        }
    }

    /// An object goes.
    #[inline(always)]
    pub fn gone(&mut self, number: u32, row: &TypeRow, object: usize) {
        if is_followed(object, row.one_of.get())
            && let Some(followed) = self.followed.get_mut(number as usize)
            && let Some(place) = followed.remove(&object)
        {
            self.rows[place as usize].followed.take_one();
        }
    }

    /// A code object goes: another one may get its address.
    pub fn code_gone(&mut self, code: usize) {
        if let Some(keys) = self.of_code.remove(&code) {
            for key in keys {
                self.by_key.remove(&key);
                let at_hand = &mut self.at_hand[at(key)];
                if at_hand.0 == key {
                    *at_hand = ((NONE, 0), NONE);
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn follow(&mut self, number: u32, row: &TypeRow, created: u64, object: usize, place: u32) {
        let number = number as usize;
        if self.followed.len() <= number {
            self.followed.resize_with(number + 1, HashMap::new);
        }
        let followed = &mut self.followed[number];
        if let Some(before) = followed.insert(object, place) {
            // Its end was not told.
            self.rows[before as usize].followed.take_one();
        }
        let one_of = row.one_of.get();
        if followed.len() > MOST_FOLLOWED || created / one_of > ALL_UP_TO {
            row.one_of.set(one_of * 2);
            let rows = &self.rows;
            followed.retain(|object, place| {
                let stays = is_followed(*object, one_of * 2);
                if !stays {
                    rows[*place as usize].followed.take_one();
                }
                stays
            });
        }
    }

    #[cold]
    #[inline(never)]
    fn find(
        &mut self,
        key: Key,
        code: usize,
        tables: &Tables,
        spot: impl FnOnce(CodeFields) -> Option<Spot>,
    ) -> u32 {
        let place = match self.by_key.get(&key) {
            Some(place) => *place,
            None => {
                let place = self.meet(key, tables, spot);
                self.by_key.insert(key, place);
                self.of_code.entry(code).or_default().push(key);
                place
            }
        };
        self.at_hand[at(key)] = (key, place);
        place
    }

    fn meet(&mut self, key: Key, tables: &Tables, spot: impl FnOnce(CodeFields) -> Option<Spot>) -> u32 {
        let Some(Spot { file, function, line }) = spot(self.fields) else { return NONE };
        let text = (key.0, file, function, line);
        if let Some(place) = self.by_text.get(&text) {
            return *place;
        }
        if self.rows.len() >= MOST {
            tables.unlisted_places.add_one();
            return NONE;
        }
        let place = self.rows.len() as u32;
        let (of, file, function, line) = text.clone();
        let row = Arc::new(PlaceRow { of, file, function, line, ..PlaceRow::default() });
        tables.add_place(&row);
        self.rows.push(row);
        self.by_text.insert(text, place);
        place
    }
}

/// Whether an object is among those that are followed: one of so many.
#[inline(always)]
fn is_followed(object: usize, one_of: u64) -> bool {
    // Objects are at multiples of 16.
    let spread = (object as u64 >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    spread & (one_of - 1) == 0
}

#[inline(always)]
fn at((number, instruction): Key) -> usize {
    ((instruction >> 1) ^ (instruction >> 12) ^ (number as usize).wrapping_mul(0x9E5)) % AT_HAND
}
