//! When a code object ends. CPython lets tools keep something beside a code object, and calls them when it goes.

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;

use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use super::trampoline::guard;

/// Told the address of a code object whose end has come.
pub type Forget = fn(Python<'_>, usize);

static FORGET: OnceLock<Forget> = OnceLock::new();

/// Has `forget` called with the address of this code object when it ends; all calls name the same function. An object that is
/// watched already is forgotten at once, and watched anew. False if the interpreter has no place left for it: other tools took them all.
pub fn watch(code: &Bound<'_, PyAny>, forget: Forget) -> bool {
    static PLACE: OnceLock<isize> = OnceLock::new();
    FORGET.get_or_init(|| forget);
    // SAFETY: the GIL is held; the function stays as long as the process.
    let place = *PLACE.get_or_init(|| unsafe { request_place(ended) });
    if place < 0 {
        return false;
    }
    // SAFETY: the GIL is held; for what is no code object this fails.
    let status = unsafe { set_extra(code.as_ptr(), place, code.as_ptr().cast()) };
    drop(PyErr::take(code.py()));
    status == 0
}

/// What is kept beside a code object is its own address; null where it was never watched.
unsafe extern "C" fn ended(address: *mut c_void) {
    if address.is_null() {
        return;
    }
    guard(|| {
        // SAFETY: objects end with the GIL held.
        let py = unsafe { Python::assume_attached() };
        if let Some(forget) = FORGET.get() {
            forget(py, address.addr());
        }
    });
}

unsafe extern "C" {
    #[cfg_attr(Py_3_12, link_name = "PyUnstable_Eval_RequestCodeExtraIndex")]
    #[cfg_attr(not(Py_3_12), link_name = "_PyEval_RequestCodeExtraIndex")]
    fn request_place(ended: unsafe extern "C" fn(*mut c_void)) -> isize;
    #[cfg_attr(Py_3_12, link_name = "PyUnstable_Code_SetExtra")]
    #[cfg_attr(not(Py_3_12), link_name = "_PyCode_SetExtra")]
    fn set_extra(code: *mut PyObject, place: isize, extra: *mut c_void) -> c_int;
}
