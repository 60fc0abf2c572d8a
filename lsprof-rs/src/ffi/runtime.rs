//! Where the interpreter keeps all that it knows: what a reader of memory starts from.

use pyo3::ffi::Py_Version;

unsafe extern "C" {
    static _PyRuntime: u8;
}

/// The address of `_PyRuntime`.
pub fn address() -> usize {
    // No reference to it: nobody here reads it.
    (&raw const _PyRuntime).addr()
}

/// `Py_Version`, of the interpreter that runs.
pub fn version() -> u32 {
    // SAFETY: a constant, which is written before any extension is loaded.
    unsafe { Py_Version as u32 }
}
