//! Keeping the program's pending exception out of the way while we call into Python.

use pyo3::{PyErr, Python};

/// Runs `body` with no exception set, drops what it leaves behind, and puts the program's own back.
///
/// A generator may be entered by a throw, with the exception already set.
pub fn set_aside<R>(py: Python<'_>, body: impl FnOnce() -> R) -> R {
    let pending = PyErr::take(py);
    let result = body();
    drop(PyErr::take(py));
    if let Some(error) = pending {
        error.restore(py);
    }
    result
}
