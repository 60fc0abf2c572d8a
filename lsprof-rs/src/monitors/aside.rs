//! From an event into Python, and not after the program's end.
//!
//! Up to 3.13 CPython ends a daemon thread that wants the GIL while the interpreter goes down by unwinding its stack, which native frames
//! don't survive. So nobody may be in Python by way of us by then.

use std::cell::Cell;
use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::ffi::gil::GilCell;
use crate::ffi::{attach, thread};

/// How many threads are in Python by way of an event.
static INSIDE: GilCell<Cell<usize>> = GilCell::new(Cell::new(0));
/// The main thread's address, once the program ends; 0 before.
static ENDS_WITH: GilCell<Cell<usize>> = GilCell::new(Cell::new(0));

/// So long the end of the program waits for them.
const PATIENCE: Duration = Duration::from_secs(2);

/// Runs `body`, which may call Python, with this thread's events off. Nothing may be borrowed. `None` if it didn't: the program has ended, and
/// this is another thread.
pub fn aside<R>(py: Python<'_>, body: impl FnOnce(Python<'_>) -> R) -> Option<R> {
    let ends_with = ENDS_WITH.get(py).get();
    if ends_with != 0 && ends_with != thread::address() {
        return None;
    }
    let inside = INSIDE.get(py);
    inside.set(inside.get() + 1);
    let result = attach::aside(py, body);
    // A child that was forked in there begins at none.
    inside.set(inside.get().saturating_sub(1));
    Some(result)
}

/// In a forked child: those who were inside are the parent's.
pub fn forget_others(py: Python<'_>) {
    INSIDE.get(py).set(0);
}

/// For `atexit`: lets those come back who are in Python, and nobody go there any more but the main thread.
#[pyfunction]
pub fn _monitors_at_exit(py: Python<'_>) {
    ENDS_WITH.get(py).set(thread::address());
    let began = Instant::now();
    while INSIDE.get(py).get() > 0 && began.elapsed() < PATIENCE {
        py.detach(|| std::thread::sleep(Duration::from_millis(1)));
    }
}

/// Registers that, once.
pub fn watch_exit(py: Python<'_>) -> PyResult<()> {
    static WATCHES: GilCell<Cell<bool>> = GilCell::new(Cell::new(false));
    if WATCHES.get(py).replace(true) {
        return Ok(());
    }
    let handler = crate::ffi::modules::own(py)?.getattr("_monitors_at_exit")?;
    py.import("atexit")?.call_method1("register", (handler,)).map(drop)
}
