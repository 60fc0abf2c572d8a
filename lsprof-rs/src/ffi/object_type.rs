//! What a type and a code object are called, without a call of Python and without a new object: it is asked for in the middle of
//! an allocation.

use std::ffi::{CStr, c_char};

use pyo3::ffi::{
    self, Py_TPFLAGS_HAVE_GC, Py_TPFLAGS_HEAPTYPE, Py_TPFLAGS_TYPE_SUBCLASS, PyCode_Type, PyHeapTypeObject,
    PyMemberDef, PyObject, PyTypeObject,
};
use pyo3::prelude::*;

use super::frame::code_line_at;

/// Of a name no more is taken.
const MOST_SIGNS: isize = 1 << 10;

/// What the collector has in front of an object that it knows.
const GC_HEAD: u64 = 16;

/// What a type is.
pub struct TypeFacts {
    /// `__module__`
    pub module: String,
    /// `__qualname__`
    pub name: String,
    /// Bytes of an instance without what it points at.
    pub size: u64,
    /// Whether its instances are types.
    pub is_of_types: bool,
    /// Whether its instances are code objects.
    pub is_of_code: bool,
}

/// What a type is.
///
/// # Safety
/// It is alive; the GIL is held.
pub unsafe fn describe(object: *mut PyTypeObject) -> TypeFacts {
    // SAFETY: by this function's contract; these fields don't change in a type that has instances, but for names, which are
    // strings, whatever is assigned.
    unsafe {
        let flags = (*object).tp_flags;
        let tp_name = CStr::from_ptr((*object).tp_name).to_string_lossy();
        let (prefix, last) = match tp_name.rsplit_once('.') {
            Some((prefix, last)) => (Some(prefix), last),
            None => (None, &*tp_name),
        };
        let (module, name) = if flags & Py_TPFLAGS_HEAPTYPE != 0 {
            let qualname = (*object.cast::<PyHeapTypeObject>()).ht_qualname;
            let module = entry((*object).tp_dict, c"__module__").or(prefix.map(str::to_owned));
            (module, text(qualname).unwrap_or_else(|| last.to_owned()))
        } else {
            (Some(prefix.unwrap_or("builtins").to_owned()), last.to_owned())
        };
        let head = if flags & Py_TPFLAGS_HAVE_GC != 0 { GC_HEAD } else { 0 };
        TypeFacts {
            module: module.unwrap_or_default(),
            name,
            size: u64::try_from((*object).tp_basicsize).unwrap_or(0) + head,
            is_of_types: flags & Py_TPFLAGS_TYPE_SUBCLASS != 0,
            is_of_code: object == &raw mut PyCode_Type,
        }
    }
}

/// The type of an object, as an address.
///
/// # Safety
/// The object is alive.
#[inline(always)]
pub unsafe fn type_of(object: *mut PyObject) -> *mut PyTypeObject {
    // SAFETY: by this function's contract.
    unsafe { ffi::Py_TYPE(object) }
}

/// A type's `tp_finalize`, as an address; 0 if it has none.
///
/// # Safety
/// It is alive; the GIL is held.
#[cfg(Py_3_13)]
pub unsafe fn finalize_of(object: *mut PyTypeObject) -> usize {
    // SAFETY: by this function's contract.
    unsafe { (*object).tp_finalize.map_or(0, |function| function as usize) }
}

/// Puts another function in the place of a type's `tp_finalize`, if it is this one.
///
/// # Safety
/// The type is alive, the GIL is held, and the new function does what the other does.
#[cfg(Py_3_13)]
pub unsafe fn put_finalize(object: *mut PyTypeObject, now: ffi::destructor, then: Option<ffi::destructor>) {
    // SAFETY: by this function's contract; only classes of Python's, whose slots may be written to, have such functions.
    unsafe {
        if (*object).tp_finalize.is_some_and(|function| function as usize == now as usize) {
            (*object).tp_finalize = then;
        }
    }
}

/// The text under a key of a type's namespace. Compares no keys but by their letters: no `__eq__` may run.
///
/// # Safety
/// It is a dict or null; the GIL is held.
unsafe fn entry(namespace: *mut PyObject, key: &CStr) -> Option<String> {
    if namespace.is_null() {
        return None;
    }
    let (mut place, mut name, mut value) = (0, std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: by this function's contract; the references are borrowed from the dict, which nobody changes meanwhile.
    unsafe {
        while ffi::PyDict_Next(namespace, &mut place, &mut name, &mut value) != 0 {
            if ffi::PyUnicode_Check(name) != 0
                && ffi::PyUnicode_CompareWithASCIIString(name, key.as_ptr()) == 0
            {
                return text(value);
            }
        }
    }
    None
}

/// A string's letters, those beyond Unicode replaced; `None` for what is no string.
///
/// # Safety
/// It is alive or null; the GIL is held.
unsafe fn text(object: *mut PyObject) -> Option<String> {
    // SAFETY: by this function's contract; the places are in the string.
    unsafe {
        if object.is_null() || ffi::PyUnicode_Check(object) == 0 {
            return None;
        }
        let length = ffi::PyUnicode_GetLength(object).min(MOST_SIGNS);
        let sign = |place| char::from_u32(ffi::PyUnicode_ReadChar(object, place)).unwrap_or('\u{FFFD}');
        Some((0..length).map(sign).collect())
    }
}

/// Where fields of code objects stand, as CPython's own table of their attributes says.
#[derive(Clone, Copy)]
pub struct CodeFields {
    filename: usize,
    qualname: usize,
    first_line: usize,
    /// Its instructions.
    instructions: usize,
}

/// A place in a program.
pub struct Spot {
    /// `co_filename`
    pub file: String,
    /// `co_qualname`
    pub function: String,
    /// The line; 0 if there is none.
    pub line: u32,
}

impl CodeFields {
    /// Looks for them. `None` where they have other names.
    pub fn find(_py: Python<'_>) -> Option<Self> {
        // SAFETY: the table of a static type ends with an entry without a name, and is never changed.
        unsafe {
            let code = &raw const PyCode_Type;
            let field = |name: &CStr| {
                let mut member: *const PyMemberDef = (*code).tp_members;
                while !(*member).name.is_null() {
                    if CStr::from_ptr((*member).name.cast::<c_char>()) == name {
                        return usize::try_from((*member).offset).ok();
                    }
                    member = member.add(1);
                }
                None
            };
            Some(Self {
                filename: field(c"co_filename")?,
                qualname: field(c"co_qualname")?,
                first_line: field(c"co_firstlineno")?,
                // They are what varies in length, so they begin where the fixed part ends.
                instructions: usize::try_from((*code).tp_basicsize).ok()?,
            })
        }
    }

    /// The place of an instruction; of no code object the empty one.
    ///
    /// # Safety
    /// The code object is alive; the GIL is held.
    pub unsafe fn spot(self, code: *mut PyObject, instruction: usize) -> Option<Spot> {
        // SAFETY: by this function's contract; it is checked to be a code object, whose fields are there.
        unsafe {
            if ffi::Py_TYPE(code) != &raw mut PyCode_Type {
                return None;
            }
            let field = |offset: usize| *code.cast::<u8>().add(offset).cast::<*mut PyObject>();
            let first_line = *code.cast::<u8>().add(self.first_line).cast::<i32>();
            let offset = instruction.wrapping_sub(code as usize + self.instructions);
            let line = code_line_at(code, offset).or(u32::try_from(first_line).ok());
            Some(Spot {
                file: text(field(self.filename)).unwrap_or_default(),
                function: text(field(self.qualname)).unwrap_or_default(),
                line: line.unwrap_or(0),
            })
        }
    }
}
