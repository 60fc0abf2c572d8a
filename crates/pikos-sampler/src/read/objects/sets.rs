//! Sets, and weak references in them.

use super::super::memory::{Memory, word};
use super::{Objects, Unread};

const USED: usize = 24;
const MASK: usize = 32;
const TABLE: usize = 40;
/// A larger table isn't looked through.
const MOST: usize = 1 << 20;
/// So many places are read at once.
const AT_ONCE: usize = 4096;
/// Where a weak reference has its object.
const REFERENT: usize = 16;

impl<M: Memory> Objects<'_, M> {
    /// The items of a set, in no order.
    pub fn set(&mut self, at: usize) -> Result<Vec<usize>, Unread> {
        if !self.type_of(at)?.is("set") {
            return Err(Unread::Nonsense);
        }
        let head = self.copy(at, TABLE + 8)?;
        let field = |offset| word(head, offset).ok_or(Unread::Nonsense);
        let (used, mask, table) = (field(USED)?, field(MASK)?, field(TABLE)?);
        let places = mask.checked_add(1).filter(|places| *places <= MOST).ok_or(Unread::Nonsense)?;
        if used > places {
            return Err(Unread::Nonsense);
        }
        let mut items = Vec::new();
        for first in (0..places).step_by(AT_ONCE) {
            let count = (places - first).min(AT_ONCE);
            for entry in self.words(table.wrapping_add(16 * first), 2 * count)?.chunks_exact(2) {
                // What was taken out has left a mark, with this hash.
                if entry[0] != 0 && entry[1] != usize::MAX {
                    items.push(entry[0]);
                }
            }
        }
        Ok(items)
    }

    /// What a weak reference leads to, if that is still there.
    pub fn referent(&mut self, at: usize) -> Result<usize, Unread> {
        if !self.type_of(at)?.name.starts_with("weakref.") {
            return Err(Unread::Nonsense);
        }
        self.word(at + REFERENT)
    }
}
