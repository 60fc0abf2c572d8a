//! One thread at a time changes what the interpreter tells us of: that takes several calls, between which another thread may run,
//! and enable or disable a profile of its own.

use std::cell::RefCell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pyo3::prelude::*;

use crate::ffi::gil::GilCell;
use crate::ffi::runtime;
use crate::ffi::thread::{self, Mark};

/// The thread whose turn it is, and the process.
static HOLDER: GilCell<RefCell<Option<(Mark, u32)>>> = GilCell::new(RefCell::new(None));

/// Calls `change` when it is the running thread's turn; at once where it has it already, by way of the garbage collector.
pub fn take<R>(py: Python<'_>, change: impl FnOnce() -> R) -> R {
    // A thread that is being taken down has none.
    let Some(mark) = thread::mark() else { return change() };
    let process = std::process::id();
    let holder = HOLDER.get(py);
    loop {
        let in_turn = match holder.borrow().as_ref() {
            // A fork leaves the other threads behind in the parent; nobody is left to finish.
            Some((other, there)) if *there == process && !other.ended.load(Ordering::Acquire) => other.number,
            _ => break,
        };
        if in_turn == mark.number {
            return change();
        }
        // From then on no other thread ever goes on.
        if runtime::is_finalizing() {
            break;
        }
        py.detach(|| std::thread::sleep(Duration::from_micros(20)));
    }
    holder.replace(Some((mark, process)));
    let result = change();
    holder.take();
    result
}
