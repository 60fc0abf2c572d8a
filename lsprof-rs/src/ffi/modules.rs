//! `sys.modules`: what the program has imported, without importing anything.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

/// The module of that name, if the program has imported it or is about to.
pub fn imported<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
    // Not `PyImport_GetModuleDict`, which aborts where the interpreter has already given its modules up.
    // SAFETY: borrowed from sys, and null where that is gone.
    let modules = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PySys_GetObject(c"modules".as_ptr())) }?;
    modules.cast::<PyDict>().ok()?.get_item(name).ok()?
}
