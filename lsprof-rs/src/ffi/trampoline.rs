//! The one way in from C: stops a panic from unwinding into the interpreter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// Runs the body of a hook. A panic in it is reported once on standard error and costs the event, not the program.
#[inline(always)]
pub fn guard(body: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(body)).is_err() {
        report();
    }
}

#[cold]
#[inline(never)]
fn report() {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if !REPORTED.swap(true, Ordering::Relaxed) {
        eprintln!(
            "pikos: an internal error was stopped; the profile lacks at least one event. Please report it."
        );
    }
}
