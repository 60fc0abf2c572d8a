//! The native module `pikos._lsprof`: CPython's `_lsprof`, written anew.
//!
//! ```text
//!  CPython ─ hooks ─> collect: events, registry, collector ─> lsprof_engine::Recorder
//!                        ↑          └─> results: getstats, finished
//!  python::profiler ─> session: enable … disable, live
//!  its memory ─ sampling ─> pikos_sampler
//!  its memory ─ objects: census, referrers
//!  CPython ─ monitors: hooks, hub, sinks                                  ffi: for all of them
//! ```
//! Who may import whom is in `scripts/architecture.toml`.

mod collect;
mod ffi;
mod guards;
mod hooks;
mod monitors;
mod objects;
mod python;
mod results;
mod sampling;
mod session;

use pyo3::prelude::*;

/// The whole Python surface at a glance.
#[pymodule(gil_used = true)]
mod _lsprof {
    use super::ffi::modules;
    use super::results::{coroutines, getstats};
    use lsprof_engine::clock;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::python::profiler::Profiler;

    #[pymodule_export]
    use super::python::sampler::Sampler;

    #[pymodule_export]
    use super::python::stored::StoredProfile;

    #[pymodule_export]
    use super::python::whole_file::_replace_file;

    #[pymodule_export]
    use super::python::{batches::PyRecordBatches, listener::PyListener, relay::PyRelay};

    #[pymodule_export]
    use super::python::functions::{
        _holds_stacks, _kind_of, _memory, _now, _own_files, _peaks_problem, _quiet, _record_clock,
        _recorded_as, _set_own_folder, _shown, clock_name, hook,
    };

    #[pymodule_export]
    use super::python::objects::{_census, _instances, _most_holding, _owned, _referrers, _ways};

    #[pymodule_export]
    use super::guards::exec::_before_exec;

    #[pymodule_export]
    use super::guards::exit::_before_exit;

    #[pymodule_export]
    use super::guards::sigterm::{_before_sigterm, _die_of_sigterm, _let_sigterm_go, _sigterm_seen};

    #[pymodule_export]
    use super::hooks::main_frame::_at_main;

    #[cfg(not(Py_3_12))]
    #[pymodule_export]
    use super::python::functions::_monitor_new_thread;

    #[pymodule_export]
    use super::session::forks::{
        _live_after_fork_in_child, _live_after_fork_in_parent, _live_at_exit, _live_before_fork, _live_parent,
    };

    #[pymodule_export]
    use super::monitors::aside::_monitors_at_exit;

    #[pymodule_export]
    use super::monitors::{_monitors_after_fork_in_child, _monitors_before_fork};

    #[pymodule_export]
    use super::monitors::filter::{
        And, Base, Compare, Glob, Matches, Not, NotOnValue, OnChange, OnValue, Or, OwnCode,
    };

    #[pymodule_export]
    use super::monitors::{
        gauge::PyGauge, monitor::EventMonitor, records::Records, report::LineReport, sinks::Sink,
    };

    #[pymodule_export]
    use super::objects::events::{_objects_after_fork_in_child, monitor::ObjectEvents};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        clock::start();
        modules::note_own(module);
        module.setattr("__version__", env!("CARGO_PKG_VERSION"))?;
        let py = module.py();
        let types = getstats::types(py)?;
        module.add("profiler_entry", types.entry.class())?;
        module.add("profiler_subentry", types.subentry.class())?;
        module.add("profiler_thread", types.thread.class())?;
        module.add("profiler_labels", types.labels.class())?;
        coroutines::classes(py)?.into_iter().try_for_each(|(name, class)| module.add(name, class))
    }
}
