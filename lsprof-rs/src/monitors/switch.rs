//! Monitors on and off, and the hook with them.

use std::rc::Rc;

use pikos_os::process;
use pyo3::prelude::*;

use super::active::{Active, Destination};
use super::aside::{forget_others, watch_exit};
use super::hub;
use super::{codes, hooks};
use crate::ffi::at_fork;

/// Enables one more, and sets the hook for it.
pub fn add(py: Python<'_>, monitor: &Rc<Active>) -> PyResult<()> {
    at_fork::watch(py)?;
    watch_exit(py)?;
    process::note_forks();
    if process::is_forked() {
        // By somebody who told no one.
        stop(py)?;
    }
    let all = hub::active(py).iter().cloned().chain([Rc::clone(monitor)]).collect();
    drop(hub::set_active(py, Some(all)));
    hooks::follow(py).inspect_err(|_| forget(py, monitor))
}

/// Disables one. Gives the hook back if it was the last.
pub fn remove(py: Python<'_>, monitor: &Rc<Active>) -> PyResult<()> {
    forget(py, monitor);
    hooks::follow(py)?;
    if hub::active(py).is_empty() {
        codes::release(py);
    }
    Ok(())
}

fn forget(py: Python<'_>, monitor: &Rc<Active>) {
    let rest = hub::active(py).iter().filter(|other| !Rc::ptr_eq(other, monitor)).cloned().collect();
    drop(hub::set_active(py, Some(rest)));
}

/// Hands on what is buffered, or a forked child would write it, too.
pub fn flush(py: Python<'_>) {
    for monitor in hub::active(py).iter() {
        if let Destination::Sink(sink) = &monitor.destination {
            sink.get().flush(py);
        }
    }
}

/// In a forked child: the monitors are the parent's. Does nothing where there never were any.
pub fn stop(py: Python<'_>) -> PyResult<()> {
    let before = hub::set_active(py, None);
    process::take_note_of_fork();
    forget_others(py);
    match before {
        Some(before) => {
            drop(before);
            hooks::follow(py)
        }
        None => Ok(()),
    }
}
