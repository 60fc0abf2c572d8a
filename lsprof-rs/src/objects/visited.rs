//! Which objects have been seen: a bit for each place where one could stand, in pieces for the memory that there is.

use hashbrown::HashTable;
use lsprof_engine::mix;

/// Objects stand this far from each other at least: a type and a count.
const APART: usize = 2 * size_of::<usize>();
/// Bytes of memory that a piece is for.
const PIECE: usize = 1 << 20;
const WORDS: usize = PIECE / APART / 64;
/// Pieces that are found at once.
const RECENT: usize = 1 << 10;

/// A set of addresses of objects.
pub struct Visited {
    pieces: Vec<(usize, Box<[u64; WORDS]>)>,
    places: HashTable<u32>,
    recent: Box<[(usize, u32); RECENT]>,
}

impl Visited {
    /// None.
    pub fn new() -> Self {
        // No address is in the last piece of all memory.
        let recent = Box::new([(usize::MAX, 0); RECENT]);
        Self { pieces: Vec::new(), places: HashTable::new(), recent }
    }

    /// Adds an address; whether it is new.
    #[inline]
    pub fn insert(&mut self, address: usize) -> bool {
        let number = address / PIECE;
        let recent = self.recent[number % RECENT];
        let place = if recent.0 == number { recent.1 } else { self.find(number) };
        let bit = address % PIECE / APART;
        let word = &mut self.pieces[place as usize].1[bit / 64];
        let mask = 1 << (bit % 64);
        let is_new = *word & mask == 0;
        *word |= mask;
        is_new
    }

    #[cold]
    fn find(&mut self, number: usize) -> u32 {
        let Self { pieces, places, recent } = self;
        let hash = mix(number as u64);
        let of = |place: &u32| mix(pieces[*place as usize].0 as u64);
        let found = places.find(hash, |place| pieces[*place as usize].0 == number).copied();
        let place = found.unwrap_or_else(|| {
            let place = u32::try_from(pieces.len()).expect("an address space has not so many pieces");
            places.insert_unique(hash, place, of);
            place
        });
        if found.is_none() {
            pieces.push((number, Box::new([0; WORDS])));
        }
        recent[number % RECENT] = (number, place);
        place
    }
}
