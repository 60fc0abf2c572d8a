//! The module's functions.

use std::borrow::Cow;

use lsprof_engine::clock;
use pstats_compat::formats::Format;
use pstats_compat::owners::Owners;
use pstats_compat::printable::escaped_code;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyString, PyTuple};

use crate::collect::kinds;
use crate::ffi::thread_state::EventsOff;
use crate::{hooks, monitors};

/// Returns (name, reason): the hook that events come through unless a profile asks for another, and why.
#[pyfunction]
pub fn hook() -> (&'static str, String) {
    let choice = hooks::choice();
    (choice.name, choice.reason.into_owned())
}

/// For the launcher: a callable that calls `act()` with this thread's events off, so that nothing of that is recorded.
#[pyfunction]
pub fn _quiet(act: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = act.py();
    let act = act.unbind();
    let quietly = move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<Py<PyAny>> {
        let py = args.py();
        let _events_off = EventsOff::new(py);
        act.call0(py)
    };
    PyCFunction::new_closure(py, None, None, quietly).map(Bound::into_any)
}

/// For the calibration: the kind of call that a built-in's are, by its calling convention.
#[pyfunction]
pub fn _kind_of(builtin: &Bound<'_, PyAny>) -> Option<&'static str> {
    kinds::name_for_builtin(builtin)
}

/// For recorders: a text as a line of text has it, with an escape for what a terminal would obey or what would end the line.
#[pyfunction]
pub fn _shown(text: Bound<'_, PyString>) -> Bound<'_, PyString> {
    match text.to_str().map(escaped_code) {
        Ok(Cow::Owned(shown)) => PyString::new(text.py(), &shown),
        // As it is; or what is no Unicode: no stream takes that.
        _ => text,
    }
}

/// The clock's reading, in its own unit.
#[pyfunction]
pub fn _now() -> u64 {
    clock::now().0
}

/// For the launcher: whether the format that a file's name says holds full stacks; None if it says none.
#[pyfunction]
pub fn _holds_stacks(path: std::path::PathBuf) -> Option<bool> {
    Format::of_target(&path).map(Format::needs_stacks)
}

/// The name of the format that a recorded profile is written in, with or without full stacks, to a file of this name.
#[pyfunction]
pub fn _recorded_as(path: std::path::PathBuf, has_stacks: bool) -> &'static str {
    Format::of_recorded(&path, Format::untold(has_stacks)).name()
}

/// Whether each of these files, named as in a profile, is the user's own code, in a run of this command.
#[pyfunction]
pub fn _own_files(files: Vec<std::ffi::OsString>, command: &str) -> Vec<bool> {
    let files = files.iter().map(|file| file.as_encoded_bytes());
    Owners::of_files(files, command).own().collect()
}

/// The memory of this process: (resident, virtual), in bytes; zeros if the system doesn't say.
#[pyfunction]
pub fn _memory() -> (u64, u64) {
    monitors::memory()
}

/// Why records can't tell the most memory since the one before, on this system; None where they can.
#[pyfunction]
pub fn _peaks_problem(py: Python<'_>) -> Option<String> {
    monitors::peaks_problem(py)
}

/// Seconds on the clock of records, which begins with the first one; `ago`, if nobody has asked for it yet, so long ago.
#[pyfunction]
#[pyo3(signature = (ago=None))]
pub fn _record_clock(ago: Option<f64>) -> f64 {
    monitors::clock(ago)
}

/// For the monitors: code in this folder is Pikos' own, whose events nobody wants to see.
#[pyfunction]
pub fn _set_own_folder(py: Python<'_>, folder: &str) -> PyResult<()> {
    monitors::set_own_folder(py, folder)
}

/// For `threading.setprofile` and `settrace`: covers a thread that has begun.
#[cfg(not(Py_3_12))]
#[pyfunction]
#[pyo3(signature = (_frame, _event, _argument))]
pub fn _monitor_new_thread(
    py: Python<'_>,
    _frame: &Bound<'_, PyAny>,
    _event: &Bound<'_, PyAny>,
    _argument: &Bound<'_, PyAny>,
) -> PyResult<()> {
    monitors::thread_started(py)
}

/// The name of the clock that times calls without a timer.
#[pyfunction]
pub fn clock_name() -> &'static str {
    clock::name()
}
