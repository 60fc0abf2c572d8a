//! Objects of a process: types, strings, attributes, dicts and sets, as far as they are needed to find other objects and to say what one
//! is.
//!
//! Everything is copied, nothing is followed blindly: an object may be freed and its memory be used anew while it is looked at, so that
//! any number may stand anywhere. What can't be is [`Unread::Nonsense`]. All copies together are bounded.

mod dicts;
mod kind;
mod sets;
mod short;
mod types;

use std::collections::HashMap;

use super::layout::{self, Layout};
use super::memory::{Batch, Gone, Memory, word};
use super::text::Text;
pub use kind::Type;

/// What all copies of a reader of objects add up to; where any bytes are taken for a process, less.
const BYTES: usize = if cfg!(any(test, fuzzing)) { 1 << 18 } else { 2 << 30 };
/// A copy costs as much as so many bytes more.
const EACH: usize = 64;
/// No program's memory is further up.
const TOP: usize = 1 << 47;

/// Why there is no object.
#[derive(Debug)]
pub enum Unread {
    /// Nothing can be read any more.
    Gone(Gone),
    /// What stands there can't be that; it changed, mostly. Or too much was read.
    Nonsense,
}

impl From<Gone> for Unread {
    fn from(gone: Gone) -> Self {
        Self::Gone(gone)
    }
}

/// What can't be is nothing.
pub fn optional<T>(read: Result<T, Unread>) -> Result<Option<T>, Gone> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Unread::Nonsense) => Ok(None),
        Err(Unread::Gone(gone)) => Err(gone),
    }
}

/// Reads objects.
pub struct Objects<'a, M> {
    pub layout: &'a Layout,
    pub memory: &'a M,
    batch: Batch,
    types: HashMap<usize, Type>,
    left: usize,
}

impl<'a, M: Memory> Objects<'a, M> {
    pub fn new(layout: &'a Layout, memory: &'a M) -> Self {
        Self { layout, memory, batch: Batch::default(), types: HashMap::new(), left: BYTES }
    }

    /// Bytes, all of them.
    pub fn copy(&mut self, at: usize, length: usize) -> Result<&[u8], Unread> {
        self.copy_all(&[(at, length)])?;
        self.copied(0)
    }

    /// A word.
    pub fn word(&mut self, at: usize) -> Result<usize, Unread> {
        word(self.copy(at, 8)?, 0).ok_or(Unread::Nonsense)
    }

    /// Many pieces at once: [`Self::copied`] has each that is there.
    fn copy_all(&mut self, pieces: &[(usize, usize)]) -> Result<(), Unread> {
        let cost: usize = pieces.iter().map(|(_, length)| length + EACH).sum();
        self.left = self.left.checked_sub(cost).ok_or(Unread::Nonsense)?;
        self.batch.clear();
        for (at, length) in pieces {
            self.batch.add(*at, *length);
        }
        self.batch.read(self.memory)?;
        Ok(())
    }

    fn copied(&self, which: usize) -> Result<&[u8], Unread> {
        self.batch.nth(which).ok_or(Unread::Nonsense)
    }

    /// The type of an object.
    pub fn type_of(&mut self, object: usize) -> Result<Type, Unread> {
        if object == 0 || !object.is_multiple_of(8) || object >= TOP {
            return Err(Unread::Nonsense);
        }
        let at = self.word(object + layout::TYPE)?;
        self.type_at(at)
    }

    /// The characters of a string, at most so many, and how many it has.
    pub fn string(&mut self, at: usize, most: usize) -> Result<(String, usize), Unread> {
        if !self.type_of(at)?.is_string() {
            return Err(Unread::Nonsense);
        }
        let head = self.layout.unicode.compact.max(self.layout.unicode.state + 4);
        let layout = self.layout;
        let head = self.copy(at, head)?;
        let length = word(head, layout.unicode.length).ok_or(Unread::Nonsense)?;
        let mut text = Text::new(layout, head).ok_or(Unread::Nonsense)?;
        text.length = text.length.min(most);
        if text.length == 0 {
            return Ok((String::new(), length));
        }
        let bytes = self.copy(at + text.offset, text.bytes())?;
        Ok((text.decode(bytes), length))
    }

    /// The items of a tuple, at most so many.
    pub fn tuple(&mut self, at: usize, most: usize) -> Result<Vec<usize>, Unread> {
        if !self.type_of(at)?.is_tuple() {
            return Err(Unread::Nonsense);
        }
        let count = self.word(at + layout::SIZE)?.min(most);
        self.words(at + self.layout.tuple_items, count)
    }

    /// The items of a list, at most so many.
    pub fn list(&mut self, at: usize, most: usize) -> Result<Vec<usize>, Unread> {
        if !self.type_of(at)?.is_list() {
            return Err(Unread::Nonsense);
        }
        let head = self.copy(at, LIST_ITEMS + 8)?;
        let (count, items) = (word(head, layout::SIZE), word(head, LIST_ITEMS));
        self.words(items.ok_or(Unread::Nonsense)?, count.ok_or(Unread::Nonsense)?.min(most))
    }

    /// Words that stand at these places.
    pub fn words_at(&mut self, places: &[usize]) -> Result<Vec<usize>, Unread> {
        let pieces: Vec<_> = places.iter().map(|at| (*at, 8)).collect();
        self.copy_all(&pieces)?;
        (0..places.len()).map(|which| word(self.copied(which)?, 0).ok_or(Unread::Nonsense)).collect()
    }

    /// Words, one behind the other.
    pub fn words(&mut self, at: usize, count: usize) -> Result<Vec<usize>, Unread> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let length = count.checked_mul(8).filter(|length| *length <= BYTES).ok_or(Unread::Nonsense)?;
        let bytes = self.copy(at, length)?;
        Ok((0..count).filter_map(|which| word(bytes, 8 * which)).collect())
    }
}

/// Where a list has the pointer to its items.
const LIST_ITEMS: usize = 24;
