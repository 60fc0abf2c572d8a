//! What a type says of its objects.

use super::super::layout::Layout;

const INLINE_VALUES: usize = 1 << 2;
const MANAGED_DICT: usize = 1 << 4;
const HEAP_TYPE: usize = 1 << 9;
const READY: usize = 1 << 12;
const LIST: usize = 1 << 25;
const TUPLE: usize = 1 << 26;
const STRING: usize = 1 << 28;
const IS_DICT: usize = 1 << 29;

/// What a type says of itself.
#[derive(Clone, Debug)]
pub struct Type {
    pub at: usize,
    /// As C has it: with the module, or not.
    pub name: String,
    pub basic_size: usize,
    /// Where its objects have a dict, if at a fixed place.
    pub dict_offset: usize,
    pub base: usize,
    pub dict: usize,
    pub flags: usize,
}

impl Type {
    /// Whether it is complete: else nothing of it means anything.
    pub fn is_sound(&self) -> bool {
        self.flags & READY != 0 && self.basic_size <= 1 << 20
    }

    /// Whether the program, or a module of it, made it while it ran.
    pub fn is_made(&self) -> bool {
        self.flags & HEAP_TYPE != 0
    }

    /// Whether it is one of CPython's own, of this name.
    pub fn is(&self, name: &str) -> bool {
        self.flags & HEAP_TYPE == 0 && self.name == name
    }

    pub fn is_string(&self) -> bool {
        self.flags & STRING != 0
    }

    pub fn is_tuple(&self) -> bool {
        self.flags & TUPLE != 0
    }

    pub fn is_list(&self) -> bool {
        self.flags & LIST != 0
    }

    pub fn is_dict(&self) -> bool {
        self.flags & IS_DICT != 0
    }

    /// Whether its objects' dicts are CPython's to place.
    pub fn has_managed_dict(&self) -> bool {
        self.flags & MANAGED_DICT != 0
    }

    pub fn has_inline_values(&self, layout: &Layout) -> bool {
        layout.minor >= 13 && self.flags & INLINE_VALUES != 0
    }

    /// Its name alone.
    pub fn short_name(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or_default()
    }
}
