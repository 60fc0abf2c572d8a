//! Modules: what the program has imported, without importing anything; and our own, which the program need not have imported.

use std::ffi::CStr;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};

static OWN: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// Notes `pikos._lsprof` as it is made.
pub fn note_own(module: &Bound<'_, PyModule>) {
    OWN.get_or_init(module.py(), || module.clone().unbind());
}

/// `pikos._lsprof`, which the launcher takes out of `sys.modules`.
pub fn own(py: Python<'_>) -> PyResult<Bound<'_, PyModule>> {
    OWN.get(py).map_or_else(|| py.import("pikos._lsprof"), |module| Ok(module.bind(py).clone()))
}

/// The module of that name, if the program has imported it or is about to.
pub fn imported<'py>(py: Python<'py>, name: &Bound<'py, PyString>) -> Option<Bound<'py, PyAny>> {
    // Not `PyImport_GetModuleDict`, which aborts where the interpreter has already given its modules up.
    of_sys(py, c"modules")?.cast::<PyDict>().ok()?.get_item(name).ok()?
}

/// What `sys` has under this name, without importing it: the program may have an import of its own.
pub fn of_sys<'py>(py: Python<'py>, name: &CStr) -> Option<Bound<'py, PyAny>> {
    // SAFETY: borrowed from sys, and null where that is gone.
    unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PySys_GetObject(name.as_ptr())) }
}
