//! The toolkit's native half: monitors of function and line events.
//!
//! ```text
//!  CPython ─ hooks ─> hub: which monitors? ─> focus ─> filter ─> sink: csv, text, columns
//!                                                 ├──> records: a recorder in Python
//!                                                 └──> the monitor's own method, in Python
//! ```
//! An event is decoded once (`codes`, `texts`) and offered to each enabled monitor. Where recorder, filter and record type
//! are ours, no Python runs. A recorder or a filter of the user's own is called once for each record, which is made here (`records`).
//! Where the monitor's own methods are somebody else's, its `on_function_event` or `on_line_event` is called, as documented.
//!
//! Why so: docs/design/toolkit.md.

mod active;
mod argument;
pub mod aside;
mod codes;
mod event;
mod extra;
pub mod filter;
mod focus;
mod found;
pub mod gauge;
mod hooks;
mod hub;
pub mod monitor;
mod output;
pub mod records;
pub mod report;
pub mod sinks;
mod switch;
mod texts;
mod writer;

pub use codes::set_own_folder;
pub use extra::clock;
pub use gauge::peaks_problem;
#[cfg(not(Py_3_12))]
pub use hooks::thread_started;
use pyo3::prelude::*;

/// The memory of this process: resident and virtual, in bytes.
pub fn memory() -> (u64, u64) {
    let usage = pikos_os::memory::Meter::open().read();
    (usage.rss, usage.vms)
}

/// For `os.register_at_fork`: nothing must be written twice.
#[pyfunction]
pub fn _monitors_before_fork(py: Python<'_>) {
    switch::flush(py);
}

/// For `os.register_at_fork`: the child's events are not the parent's.
#[pyfunction]
pub fn _monitors_after_fork_in_child(py: Python<'_>) -> PyResult<()> {
    switch::stop(py)
}
