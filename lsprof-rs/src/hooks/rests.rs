//! From 3.12 on events come from all threads or from none. Where profiles follow contexts and no thread is inside one of these, none are
//! asked for: while a request that is profiled waits for its database, those that run meanwhile pay nothing.
//!
//! ```text
//!  events ─ 20,000 to nobody, no thread inside ─> none ─ a thread is about to get inside (doors.rs) ─> events
//! ```
//! To ask for events, or for none, has the interpreter instrument each function anew that runs next. That takes as long as some thousand
//! events: so it is done after as many have gone to nobody, and never costs more than it saves.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

#[cfg(not(Py_3_14))]
use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use super::turns;
use crate::collect::registry;
use crate::ffi::attach::in_python;
use crate::ffi::gil::GilCell;
use crate::ffi::thread;
use crate::ffi::trampoline::guard;

/// So many events go to nobody before none are asked for.
const PATIENCE: u32 = 20_000;

/// Whether it is known who is inside.
static IS_KNOWN: AtomicBool = AtomicBool::new(false);

/// Whether no events are asked for.
static RESTS: AtomicBool = AtomicBool::new(false);

/// How many more may go to nobody.
static LEFT: AtomicU32 = AtomicU32::new(PATIENCE);

/// The threads that are inside a followed context, by their addresses; `None` where no profile follows one.
static INSIDE: GilCell<RefCell<Option<HashSet<usize>>>> = GilCell::new(RefCell::new(None));

/// Asks for the events that are wanted now.
pub type Ask = fn(Python<'_>) -> PyResult<()>;

static ASK: GilCell<Cell<Ask>> = GilCell::new(Cell::new(|_| Ok(())));

/// Whether no events are to be asked for.
pub fn are_on() -> bool {
    RESTS.load(Ordering::Relaxed)
}

/// A profile follows the running context from now on, whose events are asked for next. `is_told`: we hear of each change of context.
pub fn begin(py: Python<'_>, is_told: bool, ask: Ask) {
    ASK.get(py).set(ask);
    let mut inside = INSIDE.get(py).borrow_mut();
    // Who was told of too late may be anywhere.
    let is_known = is_told && (inside.is_none() || IS_KNOWN.load(Ordering::Relaxed));
    inside.get_or_insert_default().insert(thread::address());
    IS_KNOWN.store(is_known, Ordering::Relaxed);
    RESTS.store(false, Ordering::Relaxed);
}

/// One is disabled; `has_others`: there are profiles that follow contexts still.
pub fn end(py: Python<'_>, has_others: bool) {
    if has_others {
        settle(py);
    } else {
        stop();
        INSIDE.get(py).take();
    }
}

fn stop() {
    IS_KNOWN.store(false, Ordering::Relaxed);
    RESTS.store(false, Ordering::Relaxed);
}

/// Whether somebody who gets in by a door that we don't know would be missed.
pub fn rely_on_doors() -> bool {
    IS_KNOWN.load(Ordering::Relaxed)
}

/// There is a door that we don't know: events have to be asked for.
///
/// # Errors
/// None.
pub fn rely_no_more(_py: Python<'_>) -> PyResult<()> {
    stop();
    Ok(())
}

/// An event went to nobody.
///
/// # Safety
/// The GIL is held.
#[inline(always)]
pub unsafe fn event_of_nobody() {
    // Written by one thread at a time.
    let left = LEFT.load(Ordering::Relaxed).wrapping_sub(1);
    LEFT.store(left, Ordering::Relaxed);
    if left == 0 {
        rest();
    }
}

#[cold]
#[inline(never)]
fn rest() {
    LEFT.store(PATIENCE, Ordering::Relaxed);
    if !IS_KNOWN.load(Ordering::Relaxed) {
        return;
    }
    // SAFETY: from a hook, so the GIL is held.
    guard(|| unsafe { in_python(|py| turns::take(py, || rest_if_nobody_is_inside(py))) });
}

fn rest_if_nobody_is_inside(py: Python<'_>) {
    let is_nobody_inside = INSIDE.get(py).borrow().as_ref().is_some_and(HashSet::is_empty);
    if is_nobody_inside && IS_KNOWN.load(Ordering::Relaxed) {
        RESTS.store(true, Ordering::Relaxed);
        // A failure leaves the events that there are.
        _ = ASK.get(py).get()(py);
    }
}

/// The running thread is about to enter this context. Whether that is followed.
///
/// # Safety
/// The GIL is held; it is a context, and no exception is set.
#[cfg(not(Py_3_14))]
#[inline(always)]
pub unsafe fn enter(context: *mut PyObject) -> bool {
    let mut is_inside = false;
    if IS_KNOWN.load(Ordering::Relaxed) {
        // SAFETY: by this function's contract.
        guard(|| unsafe {
            is_inside = registry::is_context_followed(Python::assume_attached(), context);
            if is_inside {
                in_python(|py| note(py, true));
            }
        });
    }
    is_inside
}

/// It has left it, or never got in. A profile may follow it only since it was entered, so what [`enter`] said doesn't matter.
///
/// # Safety
/// The GIL is held.
#[cfg(not(Py_3_14))]
#[inline(always)]
pub unsafe fn leave(_was_inside: bool) {
    // SAFETY: by this function's contract.
    unsafe { moved() };
}

/// It has come to another context, or its own has become a followed one.
///
/// # Safety
/// The GIL is held.
#[inline(always)]
pub unsafe fn moved() {
    if IS_KNOWN.load(Ordering::Relaxed) {
        // SAFETY: by this function's contract.
        guard(|| unsafe { in_python(settle) });
    }
}

fn settle(py: Python<'_>) {
    note(py, registry::is_followed(py));
}

/// Notes whether the running thread is inside, and has events come if it is.
fn note(py: Python<'_>, is_inside: bool) {
    let here = thread::address();
    match INSIDE.get(py).borrow_mut().as_mut() {
        Some(inside) if is_inside => inside.insert(here),
        Some(inside) => inside.remove(&here),
        None => return,
    };
    if is_inside && are_on() {
        turns::take(py, || {
            RESTS.store(false, Ordering::Relaxed);
            // There is nobody to tell of a failure.
            _ = ASK.get(py).get()(py);
        });
    }
}
