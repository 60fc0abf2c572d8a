//! The native module `pikos._lsprof`: CPython's `_lsprof`, written anew.
//!
//! ```text
//!  CPython ─ hooks ─> events ─> registry: which recorder? ─> lsprof_engine::Recorder
//!                                  │
//!  Profiler ─ collector: a recorder for each thread, names of functions ─> getstats, finished
//! ```

mod collector;
mod command;
mod events;
mod ffi;
mod finished;
mod getstats;
mod greenlets;
mod hooks;
mod kinds;
mod listener;
mod live;
mod monitors;
mod profiler;
mod publisher;
mod registry;
mod stored;
mod threads;
mod timer;
mod whole_file;

use pyo3::prelude::*;

/// The whole Python surface at a glance.
#[pymodule(gil_used = true)]
mod _lsprof {
    use super::ffi::{recursion, signals};
    use super::{getstats, hooks, kinds, monitors};
    use lsprof_engine::clock;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::profiler::Profiler;

    #[pymodule_export]
    use super::command::_command;

    #[pymodule_export]
    use super::live::{
        _live_after_fork_in_child, _live_after_fork_in_parent, _live_at_exit, _live_before_exec,
        _live_before_fork, _live_parent,
    };

    #[pymodule_export]
    use super::listener::PyListener;

    #[pymodule_export]
    use super::monitors::{_monitors_after_fork_in_child, _monitors_before_fork};

    #[pymodule_export]
    use super::stored::StoredProfile;

    #[pymodule_export]
    use super::whole_file::_replace_file;

    #[pymodule_export]
    use super::monitors::filter::{NotOnValue, OnChange, OnValue};

    #[pymodule_export]
    use super::monitors::{monitor::EventMonitor, report::LineReport, sinks::Sink};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        clock::start();
        let py = module.py();
        let types = getstats::types(py)?;
        module.add("profiler_entry", types.entry.class())?;
        module.add("profiler_subentry", types.subentry.class())?;
        module.add("profiler_thread", types.thread.class())
    }

    /// Returns (name, reason): the hook that events come through unless a profile asks for another, and why.
    #[pyfunction]
    fn hook() -> (&'static str, String) {
        let choice = hooks::choice();
        (choice.name, choice.reason.into_owned())
    }

    /// For the launcher: makes this thread's frames so far count as `frames` towards the recursion limit.
    #[pyfunction]
    fn _count_frames_as(py: Python<'_>, frames: i32) -> PyResult<()> {
        recursion::count_as(py, frames)
    }

    /// For the launcher: narrows the handler that was just installed for a signal to this process. Children that
    /// it forks take the default action, and so does this one after `patience` seconds in which the handler could not run.
    /// False if the system refuses.
    #[pyfunction]
    fn _keep_signal_to_this_process(signal: i32, patience: u32) -> bool {
        signals::keep_to_this_process(signal, patience.saturating_mul(1000))
    }

    /// For the launcher: that handler runs.
    #[pyfunction]
    fn _signal_seen() {
        signals::seen();
    }

    /// For the calibration: the kind of call that a built-in's are, by its calling convention.
    #[pyfunction]
    fn _kind_of(builtin: &Bound<'_, PyAny>) -> Option<&'static str> {
        kinds::name_for_builtin(builtin)
    }

    /// The clock's reading, in its own unit.
    #[pyfunction]
    fn _now() -> u64 {
        clock::now().0
    }

    /// For the launcher: whether the format that a file's name says holds full stacks; None if it says none.
    #[pyfunction]
    fn _holds_stacks(path: std::path::PathBuf) -> Option<bool> {
        pstats_compat::formats::Format::from_path(&path).map(|format| format.needs_stacks())
    }

    /// The memory of this process: (resident, virtual), in bytes; zeros if the system doesn't say.
    #[pyfunction]
    fn _memory() -> (u64, u64) {
        monitors::memory()
    }

    /// For the monitors: code in this folder is Pikos' own, whose events nobody wants to see.
    #[pyfunction]
    fn _set_own_folder(py: Python<'_>, folder: &str) {
        monitors::set_own_folder(py, folder);
    }

    /// For `threading.setprofile` and `settrace`: covers a thread that has begun.
    #[cfg(not(Py_3_12))]
    #[pyfunction]
    #[pyo3(signature = (_frame, _event, _argument))]
    fn _monitor_new_thread(
        py: Python<'_>,
        _frame: &Bound<'_, PyAny>,
        _event: &Bound<'_, PyAny>,
        _argument: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        monitors::thread_started(py)
    }

    /// The name of the clock that times calls without a timer.
    #[pyfunction]
    fn clock_name() -> &'static str {
        clock::name()
    }
}
