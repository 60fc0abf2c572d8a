//! What we have Python do around a fork, registered in one place so that the order is a stated one.
//!
//! | when | in this order |
//! |---|---|
//! | before | the monitors write what they have; then the threads of sampled times end, and live profiles, and what sends records, close their sockets, last, as nobody hears them from then on |
//! | after, in the parent | they open them again |
//! | after, in the child | objects are counted no more, and the monitors, which are the parent's, are forgotten; then live profiles begin anew, unrecorded; sampled times go on |
//!
//! The handlers are functions of our module and named by what Python knows them as: they stand in rooms that nobody here
//! may know.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::gil::GilCell;
use super::modules;

/// When, and which function of `pikos._lsprof`. CPython calls what comes `before` from the last registered to the first,
/// all others from the first to the last.
const HANDLERS: [(&str, &str); 6] = [
    ("before", "_live_before_fork"),
    ("before", "_monitors_before_fork"),
    ("after_in_parent", "_live_after_fork_in_parent"),
    ("after_in_child", "_objects_after_fork_in_child"),
    ("after_in_child", "_monitors_after_fork_in_child"),
    ("after_in_child", "_live_after_fork_in_child"),
];

/// Registers them, once: a profile is about to be live or to sample its times, or a monitor to be enabled. Those that have nothing to do do nothing.
pub fn watch(py: Python<'_>) -> PyResult<()> {
    static WATCHES: GilCell<Cell<bool>> = GilCell::new(Cell::new(false));
    if WATCHES.get(py).replace(true) {
        return Ok(());
    }
    let (module, os) = (modules::own(py)?, py.import("os")?);
    HANDLERS.iter().try_for_each(|(when, name)| {
        let handler = PyDict::new(py);
        handler.set_item(when, module.getattr(*name)?)?;
        os.call_method("register_at_fork", (), Some(&handler)).map(drop)
    })
}
