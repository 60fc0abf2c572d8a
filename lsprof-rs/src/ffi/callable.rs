//! What a call goes to, where it is no built-in: told apart by its type, and by how it is called.

use std::cell::Cell;

#[cfg(Py_3_13)]
use pyo3::ffi::PyBaseObject_Type;
use pyo3::ffi::{self, Py_TYPE, PyObject, PyTypeObject};
#[cfg(Py_3_13)]
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

#[cfg(Py_3_13)]
use super::builtin::look_up;
use super::gil::GilCell;
#[cfg(Py_3_13)]
use super::interpreter_frame::plain_arguments;

/// What sort of callable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callable {
    /// A Python function or a method bound to an object.
    Function,
    /// A class whose `__init__` or `__new__` is Python, and called by way of C.
    Class,
    /// The same, called in a way for which the interpreter has a short cut that a reported call doesn't take.
    #[cfg(Py_3_13)]
    ClassByShortCut,
    /// Anything else: a built-in type, a class that adds no Python to one, a partial, an instance with `__call__`.
    Other,
}

/// What the interpreter keeps to itself.
#[derive(Clone, Copy, Default)]
struct Known {
    /// The C functions by which each class with an `__init__`, or a `__new__`, in Python is made.
    init: usize,
    new: usize,
    /// The instruction of a reported call without keywords and stars.
    #[cfg(Py_3_13)]
    call: u8,
}

static KNOWN: GilCell<Cell<Option<Known>>> = GilCell::new(Cell::new(None));

/// Learns what [`look_at`] takes to tell classes apart. Until then they are all the same to it.
pub fn learn(py: Python<'_>) -> PyResult<()> {
    if KNOWN.get(py).get().is_some() {
        return Ok(());
    }
    let body = PyDict::new(py);
    body.set_item("__init__", py.None())?;
    body.set_item("__new__", py.None())?;
    let probe = py.get_type::<PyType>().call1(("Probe", (), body))?;
    let probe = probe.as_ptr().cast::<PyTypeObject>();
    // SAFETY: it is a class, and alive.
    let (init, new) = unsafe { ((*probe).tp_init, (*probe).tp_new) };
    KNOWN.get(py).set(Some(Known {
        init: init.map_or(0, |slot| slot as usize),
        new: new.map_or(0, |slot| slot as usize),
        #[cfg(Py_3_13)]
        call: py.import("_opcode_metadata")?.getattr("opmap")?.get_item("INSTRUMENTED_CALL")?.extract()?,
    }));
    Ok(())
}

/// Looks at a callable, and at its call, which is in this code at this offset.
///
/// # Safety
/// All are alive, and the GIL is held; a call was reported there.
pub unsafe fn look_at(callable: *mut PyObject, code: *mut PyObject, offset: *mut PyObject) -> Callable {
    // SAFETY: a live object's type is live; the check before the cast says that it is a type.
    unsafe {
        if ffi::PyFunction_Check(callable) != 0 || Py_TYPE(callable) == &raw mut PyMethod_Type {
            return Callable::Function;
        }
        if ffi::PyType_Check(callable) == 0 {
            return Callable::Other;
        }
        let class = callable.cast::<PyTypeObject>();
        let known = KNOWN.get_unattached().get().unwrap_or_default();
        let has_init = (*class).tp_init.is_some_and(|slot| slot as usize == known.init);
        if !has_init && (*class).tp_new.is_none_or(|slot| slot as usize != known.new) {
            return Callable::Other;
        }
        #[cfg(Py_3_13)]
        if has_init && is_plain(class) {
            let (call, count) = instruction(code, offset);
            if call == known.call && takes(class, count) {
                return Callable::ClassByShortCut;
            }
        }
        #[cfg(not(Py_3_13))]
        let _ = (code, offset);
        Callable::Class
    }
}

/// Whether objects of the class are made as most are, and nothing but its `__init__` has a part in it.
///
/// # Safety
/// The class is alive, and the GIL is held.
#[cfg(Py_3_13)]
unsafe fn is_plain(class: *mut PyTypeObject) -> bool {
    /// `Py_TPFLAGS_INLINE_VALUES`: attributes in the object itself. 3.13's short cut is for such alone.
    const INLINE_VALUES: std::ffi::c_ulong = 1 << 2;
    // SAFETY: by this function's contract.
    unsafe {
        Py_TYPE(class.cast()) == &raw mut ffi::PyType_Type
            && (*class).tp_new.map(|slot| slot as usize) == PyBaseObject_Type.tp_new.map(|slot| slot as usize)
            && (cfg!(Py_3_14) || ffi::PyType_GetFlags(class) & INLINE_VALUES != 0)
    }
}

/// Whether the class's `__init__` is a Python function that takes so many arguments, beside the object, as they come. 3.13's short cut fills
/// in no defaults.
///
/// # Safety
/// The class is alive, and the GIL is held.
#[cfg(Py_3_13)]
unsafe fn takes(class: *mut PyTypeObject, count: u8) -> bool {
    // SAFETY: by this function's contract; the checks before the casts say what they are.
    unsafe {
        let py = Python::assume_attached();
        let class = Borrowed::from_ptr(py, class.cast()).cast_unchecked();
        let init = look_up(&class, intern!(py, "__init__"));
        let function = init.filter(|init| ffi::PyFunction_Check(init.as_ptr()) != 0);
        let count = i32::from(count) + 1;
        function.is_some_and(|function| {
            plain_arguments(ffi::PyFunction_GetCode(function.as_ptr()))
                .is_some_and(|all| cfg!(Py_3_14) || all == count)
        })
    }
}

/// The instruction at an offset, and the number that belongs to it: of a call, how many arguments, where they are fewer than 256.
///
/// # Safety
/// The code is alive, the offset one of its instructions, and the GIL is held.
#[cfg(Py_3_13)]
unsafe fn instruction(code: *mut PyObject, offset: *mut PyObject) -> (u8, u8) {
    // SAFETY: by this function's contract. A code object's instructions stand behind its other fields.
    unsafe {
        let start = ffi::PyCode_Type.tp_basicsize;
        let place = code.cast::<u8>().offset(start + ffi::PyLong_AsSsize_t(offset));
        (*place, *place.add(1))
    }
}

unsafe extern "C" {
    /// The type of bound methods; exported by every release, not declared by PyO3.
    static mut PyMethod_Type: PyTypeObject;
}
