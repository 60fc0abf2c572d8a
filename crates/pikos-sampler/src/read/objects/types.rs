//! Types, read.

use super::super::memory::{Memory, word};
use super::kind::Type;
use super::{Objects, TOP, Unread};

/// These stand at the same places in all releases that we read.
const BASIC_SIZE: usize = 32;
const FLAGS: usize = 168;
const BASE: usize = 256;
const DICT: usize = 264;
const DICT_OFFSET: usize = 288;
const LENGTH: usize = DICT_OFFSET + 8;

/// Bytes of a name that C has.
const NAME: usize = 256;
/// A page of memory: what is in one is there as a whole.
const PAGE: usize = 4096;
/// Types that are known at once.
const TYPES: usize = 1 << 14;
/// How many bases of a type are asked for.
const BASES: usize = 32;

impl<M: Memory> Objects<'_, M> {
    /// The type that stands there.
    pub fn type_at(&mut self, at: usize) -> Result<Type, Unread> {
        if let Some(known) = self.types.get(&at) {
            return Ok(known.clone());
        }
        if at == 0 || !at.is_multiple_of(8) || at >= TOP {
            return Err(Unread::Nonsense);
        }
        let name_offset = self.layout.type_name;
        let head = self.copy(at, LENGTH)?;
        let field = |offset| word(head, offset).ok_or(Unread::Nonsense);
        let name = field(name_offset)?;
        let mut found = Type {
            at,
            name: String::new(),
            basic_size: field(BASIC_SIZE)?,
            dict_offset: field(DICT_OFFSET)?,
            base: field(BASE)?,
            dict: field(DICT)?,
            flags: field(FLAGS)?,
        };
        if !found.is_sound() {
            return Err(Unread::Nonsense);
        }
        found.name = self.c_string(name)?;
        if self.types.len() >= TYPES {
            self.types.clear();
        }
        self.types.insert(at, found.clone());
        Ok(found)
    }

    /// A name as C has it.
    fn c_string(&mut self, at: usize) -> Result<String, Unread> {
        if at == 0 || at >= TOP {
            return Err(Unread::Nonsense);
        }
        let on_page = (PAGE - at % PAGE).min(NAME);
        let mut bytes = self.copy(at, on_page)?.to_vec();
        if !bytes.contains(&0) && on_page < NAME {
            bytes.extend_from_slice(self.copy(at + on_page, NAME - on_page)?);
        }
        let end = bytes.iter().position(|byte| *byte == 0).ok_or(Unread::Nonsense)?;
        bytes.truncate(end);
        let name = String::from_utf8(bytes).map_err(|_| Unread::Nonsense)?;
        let is_name = !name.is_empty() && !name.chars().any(char::is_control);
        is_name.then_some(name).ok_or(Unread::Nonsense)
    }

    /// Whether a type, or one that it is made from, has this name.
    pub fn is_kind_of(&mut self, of: &Type, name: &str) -> Result<bool, Unread> {
        let mut next = of.clone();
        for _ in 0..BASES {
            if next.name == name {
                return Ok(true);
            }
            if next.base == 0 {
                break;
            }
            next = self.type_at(next.base)?;
        }
        Ok(false)
    }

    /// A type's name with its module, as Python writes it.
    pub fn full_name(&mut self, of: &Type) -> Result<String, Unread> {
        // What C has made tells its module with its name.
        if !of.is_made() || of.name.contains('.') {
            return Ok(of.name.clone());
        }
        let qualname = self.word(of.at + self.layout.heap_type.qualname)?;
        let (qualname, _) = self.string(qualname, NAME)?;
        let module = match self.value_of(of.dict, "__module__")? {
            Some(module) => self.string(module, NAME)?.0,
            None => return Ok(qualname),
        };
        Ok(format!("{module}.{qualname}"))
    }
}
