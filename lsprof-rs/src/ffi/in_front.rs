//! Standing in front of a function of CPython's: its definition calls us, and we call what it called before.
//!
//! The object that the program has is the one that it always had: a built-in, with its name, its signature and its identity, which
//! can be pickled and bound or not as ever. Only the C function in the `PyMethodDef` is another. CPython reads it at each call, whatever
//! the call was specialised to. So nobody sees that somebody stands there, and no Python runs on the way.

use std::ffi::c_int;
use std::mem::transmute;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::ffi::{METH_FASTCALL, METH_KEYWORDS, METH_O, PyMethodDef, PyObject};
use pyo3::prelude::*;

use super::builtin::Builtin;

/// A function by its calling convention. "C-unwind", for `pthread_exit`, as in `frame_eval.rs`.
#[derive(Clone, Copy)]
pub enum Function {
    /// `METH_O`: the module, the argument.
    One(One),
    /// `METH_FASTCALL`: the module, the arguments, their number.
    Fast(Fast),
    /// `METH_FASTCALL | METH_KEYWORDS`: also their names, or null.
    Keywords(Keywords),
}

pub type One = unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject) -> *mut PyObject;
pub type Fast = unsafe extern "C-unwind" fn(*mut PyObject, *const *mut PyObject, isize) -> *mut PyObject;
pub type Keywords =
    unsafe extern "C-unwind" fn(*mut PyObject, *const *mut PyObject, isize, *mut PyObject) -> *mut PyObject;

impl Function {
    fn flags(self) -> c_int {
        match self {
            Function::One(_) => METH_O,
            Function::Fast(_) => METH_FASTCALL,
            Function::Keywords(_) => METH_FASTCALL | METH_KEYWORDS,
        }
    }

    fn address(self) -> usize {
        match self {
            Function::One(function) => function as usize,
            Function::Fast(function) => function as usize,
            Function::Keywords(function) => function as usize,
        }
    }
}

/// What a function called before we stood there; one static for each function of ours.
pub struct Before(AtomicUsize);

impl Before {
    pub const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Has calls of the built-in `name` of a module, or of a type of CPython's own, go to `ours`, which calls on through this. False where
    /// it is no built-in of that calling convention.
    pub fn stand<T>(&self, owner: &Bound<'_, T>, name: &str, ours: Function) -> PyResult<bool> {
        let Some(builtin) = Builtin::of_object(&owner.as_any().getattr(name)?) else { return Ok(false) };
        let definition: *mut PyMethodDef = builtin.definition;
        // SAFETY: these definitions live as long as the process, in memory that CPython itself may write to; the GIL is held, and
        // a pointer is stored as a whole.
        unsafe {
            if (*definition).ml_flags != ours.flags() {
                return Ok(false);
            }
            let slot = (&raw mut (*definition).ml_meth).cast::<usize>();
            if slot.read() != ours.address() {
                self.0.store(slot.read(), Ordering::Relaxed);
                slot.write(ours.address());
            }
        }
        Ok(true)
    }

    /// # Safety
    /// [`Before::stand`] was called with [`Function::One`], and CPython has called that with these arguments.
    pub unsafe fn one(&self, module: *mut PyObject, argument: *mut PyObject) -> *mut PyObject {
        // SAFETY: the function of that definition, whose flags said so.
        unsafe { transmute::<usize, One>(self.0.load(Ordering::Relaxed))(module, argument) }
    }

    /// # Safety
    /// As for [`Before::one`], with [`Function::Fast`].
    pub unsafe fn fast(
        &self,
        module: *mut PyObject,
        arguments: *const *mut PyObject,
        count: isize,
    ) -> *mut PyObject {
        // SAFETY: the function of that definition, whose flags said so.
        unsafe { transmute::<usize, Fast>(self.0.load(Ordering::Relaxed))(module, arguments, count) }
    }

    /// # Safety
    /// As for [`Before::one`], with [`Function::Keywords`].
    pub unsafe fn keywords(
        &self,
        module: *mut PyObject,
        arguments: *const *mut PyObject,
        count: isize,
        names: *mut PyObject,
    ) -> *mut PyObject {
        // SAFETY: the function of that definition, whose flags said so.
        unsafe {
            transmute::<usize, Keywords>(self.0.load(Ordering::Relaxed))(module, arguments, count, names)
        }
    }
}

/// The first argument of a call, by position or by this name; null if there is none.
///
/// # Safety
/// The arguments are what CPython has passed to a function with [`Function::Keywords`].
pub unsafe fn first(
    arguments: *const *mut PyObject,
    count: isize,
    names: *mut PyObject,
    name: &std::ffi::CStr,
) -> *mut PyObject {
    // SAFETY: there are `count` of them, and one more for each name.
    unsafe {
        if count > 0 {
            return *arguments;
        }
        let given = if names.is_null() { 0 } else { pyo3::ffi::PyTuple_GET_SIZE(names) };
        let place = (0..given).find(|place| {
            let given = pyo3::ffi::PyTuple_GET_ITEM(names, *place);
            pyo3::ffi::PyUnicode_CompareWithASCIIString(given, name.as_ptr()) == 0
        });
        place.map_or(std::ptr::null_mut(), |place| *arguments.offset(place))
    }
}
