//! Dicts and attributes, looked through from their beginning: what a name's hash is nobody outside knows.

use super::super::memory::{Memory, half, word};
use super::super::text::Text;
use super::{Objects, Type, Unread};

/// A dict: its keys, and its values where it shares its keys with others.
const KEYS: usize = 32;
const VALUES: usize = 40;
/// Keys: how long the table of places is, of which kind they are, how many.
const INDEX_BYTES: usize = 9;
const KIND: usize = 10;
const COUNT: usize = 24;
const PLACES: usize = 32;
/// A dict that is larger isn't looked through.
const MOST: usize = 1 << 20;
/// So many keys are read at once.
const AT_ONCE: usize = 512;

/// A dict's entries.
struct Keys {
    entries: usize,
    /// Of each, in bytes.
    size: usize,
    /// Where the key stands in one; its value stands behind it.
    key: usize,
    count: usize,
}

/// A key that was found.
struct Found {
    /// Which one it is.
    place: usize,
    /// What stands behind it: its value, unless values stand elsewhere.
    value: usize,
}

impl<M: Memory> Objects<'_, M> {
    /// The value of a name in a dict.
    pub fn value_of(&mut self, dict: usize, name: &str) -> Result<Option<usize>, Unread> {
        if !self.type_of(dict)?.is_dict() {
            return Err(Unread::Nonsense);
        }
        let head = self.copy(dict, VALUES + 8)?;
        let (keys, values) = (word(head, KEYS), word(head, VALUES));
        let Some(found) = self.find(keys.ok_or(Unread::Nonsense)?, name)? else { return Ok(None) };
        match values.ok_or(Unread::Nonsense)? {
            0 => Ok(Some(found.value).filter(|value| *value != 0)),
            values => self.value_at(values, found.place),
        }
    }

    /// The dict of a module, out of `sys.modules`.
    pub fn module(&mut self, modules: usize, name: &str) -> Result<Option<usize>, Unread> {
        /// Where a module has it.
        const DICT: usize = 16;
        self.value_of(modules, name)?.map(|module| self.word(module.wrapping_add(DICT))).transpose()
    }

    /// The values of a dict, of so many entries at most.
    pub fn values(&mut self, dict: usize, most: usize) -> Result<Vec<usize>, Unread> {
        if !self.type_of(dict)?.is_dict() {
            return Err(Unread::Nonsense);
        }
        let head = self.copy(dict, VALUES + 8)?;
        let (keys, values) = (word(head, KEYS), word(head, VALUES));
        if values != Some(0) {
            return Err(Unread::Nonsense);
        }
        let Keys { entries, size, key, count } = self.keys(keys.ok_or(Unread::Nonsense)?)?;
        let count = count.min(most);
        if count == 0 {
            return Ok(Vec::new());
        }
        let bytes = self.copy(entries, size * count)?;
        let value = |which| word(bytes, size * which + key + 8);
        Ok((0..count).filter_map(value).filter(|value| *value != 0).collect())
    }

    /// An attribute that an object has of its own.
    pub fn attribute(&mut self, object: usize, name: &str) -> Result<Option<usize>, Unread> {
        let of = self.type_of(object)?;
        let Some(dict) = self.dict_of(object, &of)? else {
            let values = match self.values_of(object, &of)? {
                Some(values) if values != 0 => values,
                _ => return Ok(None),
            };
            let keys = self.word(of.at + self.layout.heap_type.keys)?;
            return match self.find(keys, name)? {
                Some(found) => self.value_at(values, found.place),
                None => Ok(None),
            };
        };
        self.value_of(dict, name)
    }

    /// Where an object has its dict, if it has one.
    fn dict_of(&mut self, object: usize, of: &Type) -> Result<Option<usize>, Unread> {
        let at = if of.has_managed_dict() {
            object.wrapping_sub(24)
        } else if (16..1 << 20).contains(&of.dict_offset) {
            object.wrapping_add(of.dict_offset)
        } else {
            return Ok(None);
        };
        let dict = self.word(at)?;
        // 3.12 has values there as well, and says so by the lowest bit.
        Ok(Some(dict).filter(|dict| *dict != 0 && dict & 1 == 0))
    }

    /// Where an object without a dict has its values.
    fn values_of(&mut self, object: usize, of: &Type) -> Result<Option<usize>, Unread> {
        if !of.has_managed_dict() {
            return Ok(None);
        }
        Ok(match self.layout.minor {
            11 => Some(self.word(object.wrapping_sub(32))?),
            // One less than where they are, so that its lowest bit is set.
            12 => Some(self.word(object.wrapping_sub(24))?).filter(|word| word & 1 == 1).map(|word| word + 1),
            _ => of.has_inline_values(self.layout).then_some(object.wrapping_add(of.basic_size)),
        })
    }

    fn value_at(&mut self, values: usize, place: usize) -> Result<Option<usize>, Unread> {
        // From 3.13 on they have a head.
        let head = if self.layout.minor >= 13 { 8 } else { 0 };
        let value = self.word(values.wrapping_add(head + 8 * place))?;
        Ok(Some(value).filter(|value| *value != 0))
    }

    fn keys(&mut self, keys: usize) -> Result<Keys, Unread> {
        let head = self.copy(keys, PLACES)?;
        let (index_bytes, kind) = (head[INDEX_BYTES], head[KIND]);
        let count = word(head, COUNT).filter(|count| *count <= MOST).ok_or(Unread::Nonsense)?;
        if index_bytes > 30 || kind > 2 {
            return Err(Unread::Nonsense);
        }
        let entries = keys.wrapping_add(PLACES + (1 << index_bytes));
        // Where not all keys are strings, hashes stand before them.
        let (size, key) = if kind == 0 { (24, 8) } else { (16, 0) };
        Ok(Keys { entries, size, key, count })
    }

    fn find(&mut self, keys: usize, name: &str) -> Result<Option<Found>, Unread> {
        let Keys { entries, size, key, count } = self.keys(keys)?;
        for first in (0..count).step_by(AT_ONCE) {
            let length = (count - first).min(AT_ONCE);
            let bytes = self.copy(entries.wrapping_add(size * first), size * length)?;
            let entries: Vec<(usize, usize)> = (0..length)
                .filter_map(|which| {
                    let entry = size * which + key;
                    Some((word(bytes, entry)?, word(bytes, entry + 8)?))
                })
                .collect();
            let here = self.layout.unicode.ascii;
            let pieces: Vec<_> = entries.iter().map(|(key, _)| (*key, here + name.len())).collect();
            self.copy_all(&pieces)?;
            for (which, (_, value)) in entries.iter().enumerate() {
                if self.copied(which).is_ok_and(|bytes| self.is_name(bytes, name)) {
                    return Ok(Some(Found { place: first + which, value: *value }));
                }
            }
        }
        Ok(None)
    }

    /// Whether these are the bytes of a string with this name, an ASCII one.
    fn is_name(&self, bytes: &[u8], name: &str) -> bool {
        let here = self.layout.unicode;
        let is_ascii = half(bytes, here.state).is_some_and(|state| state & Text::ASCII == Text::ASCII);
        is_ascii
            && word(bytes, here.length) == Some(name.len())
            && bytes.get(here.ascii..) == Some(name.as_bytes())
    }
}
