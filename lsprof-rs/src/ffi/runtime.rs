//! The interpreter as a whole: where it keeps all that it knows, which a reader of memory starts from, and whether it ends.

use std::ffi::c_int;

use pyo3::ffi::Py_Version;

unsafe extern "C" {
    static _PyRuntime: u8;
    #[cfg_attr(not(Py_3_13), link_name = "_Py_IsFinalizing")]
    fn Py_IsFinalizing() -> c_int;
}

/// Whether it is being taken down: no thread but the one that does so ever runs Python again.
pub fn is_finalizing() -> bool {
    // SAFETY: asks about the interpreter and nothing else.
    unsafe { Py_IsFinalizing() != 0 }
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
