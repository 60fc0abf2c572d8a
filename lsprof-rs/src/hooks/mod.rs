//! The hooks through which CPython tells us of calls, and the choice among them.
//!
//! | release | hook | why |
//! |---|---|---|
//! | 3.11 | [`set_profile`] | `sys.monitoring` does not exist |
//! | 3.12 on | [`monitoring`] | cheaper, and it covers all threads |
//!
//! PEP 523 frame evaluation will stand here as a third one.

#[cfg(Py_3_12)]
mod monitoring;
#[cfg(not(Py_3_12))]
mod set_profile;

#[cfg(Py_3_12)]
use monitoring as chosen;
#[cfg(not(Py_3_12))]
use set_profile as chosen;

#[cfg(Py_3_12)]
pub use monitoring::callback;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::registry::Scope;

/// A hook, and why it is this one.
pub struct Choice {
    /// Its name.
    pub name: &'static str,
    /// The reason.
    pub reason: &'static str,
}

/// Which hook this interpreter's events come through.
pub fn choice() -> Choice {
    chosen::CHOICE
}

/// Whether a profile watches all threads where the user didn't say: as the interpreter's own cProfile does.
pub fn all_threads_by_default() -> bool {
    chosen::ALL_THREADS_BY_DEFAULT
}

/// Whether enabling a profile twice is an error, as it is with the interpreter's own cProfile from 3.12 on.
pub fn refuses_second_enable() -> bool {
    chosen::REFUSES_SECOND_ENABLE
}

/// The error where another tool, or another profile, stands in the way. The words in front are CPython's, those of
/// all its releases together: its own tests and people's `except` clauses look for them.
pub fn already_active(owner: &str) -> PyErr {
    PyValueError::new_err(format!("Another profiling tool is already active ({}): {owner}", chosen::SLOT))
}

/// Lets go of a profile that nobody but the interpreter refers to any more: it can't be disabled, so it must not
/// stand in the way.
pub fn release_abandoned(py: Python<'_>) -> PyResult<()> {
    chosen::release_abandoned(py)
}

/// Lets the events of `scope` come in. The registry has the profile already. `profiler` is the Profiler object.
pub fn install(py: Python<'_>, scope: Scope, profiler: &Py<PyAny>) -> PyResult<()> {
    chosen::install(py, scope, profiler)
}

/// Undoes `install`. The registry has lost the profile already.
pub fn remove(py: Python<'_>, scope: Scope, profiler: Option<&Py<PyAny>>) -> PyResult<()> {
    chosen::remove(py, scope, profiler)
}
