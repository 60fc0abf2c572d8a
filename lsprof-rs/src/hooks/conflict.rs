//! The error where another tool, or another profile, stands in the way.

use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

/// `slot` is what there is one of, `owner` who has it. The words in front are CPython's, those of all its releases together:
/// its own tests and people's `except` clauses look for them.
pub fn already_active(slot: &str, owner: &str) -> PyErr {
    PyValueError::new_err(format!("Another profiling tool is already active ({slot}): {owner}"))
}
