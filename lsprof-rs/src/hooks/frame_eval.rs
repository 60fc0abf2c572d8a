//! PEP 523 frame evaluation: Python functions only, and the cheapest where CPython's own hooks are dear.
//!
//! Our function stands around CPython's: it enters, has the frame evaluated, and leaves. It sees no built-ins.
//! The interpreter no longer inlines calls of Python functions, so each takes a piece of the C stack. Before that
//! becomes dangerous, [`take_over`] gives the frames back and the ordinary hook sees the rest of the run: deeper
//! calls cost no stack then, as without us. Calls that are open at that moment are left by whichever hook comes first.
//!
//! It belongs to the whole interpreter; frames of threads that no profile covers pass through uncounted.
//!
//! What follows from being no event: docs/design/frame-evaluation.md.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;
use std::sync::atomic::Ordering;

use pikos_os::stack;
use pyo3::ffi::{PyObject, PyThreadState};
use pyo3::prelude::*;

use super::evaluation::{RUNNING, is_running};
use super::ordinary::{self, Place};
use super::{self_check, turns};
use crate::collect::events::{self, OpenCall};
use crate::collect::registry::{self, Scope};
use crate::ffi::attach::in_python;
use crate::ffi::frame_eval;
use crate::ffi::gil::GilCell;
use crate::ffi::interpreter_frame::{self, InterpreterFrame};
use crate::ffi::thread_state::ThreadState;
use crate::ffi::trampoline::guard;

pub const NAME: &str = "frame-eval";

/// What is profiled this way, and where the ordinary hook would have to be set for it.
static SCOPES: GilCell<RefCell<Vec<(Scope, Place)>>> = GilCell::new(RefCell::new(Vec::new()));

/// Why the ordinary hook took over, last time.
static TAKEN_OVER: GilCell<Cell<&'static str>> = GilCell::new(Cell::new(""));

const TOO_DEEP: &str =
    "it took over from frame-eval, which takes C stack for each call, where the calls got too deep for that";

/// Why frames can't be evaluated by us now, if so.
pub fn obstacle(py: Python<'_>) -> PyResult<Option<String>> {
    #[cfg(not(Py_3_12))]
    if super::leaf_frames::is_set(py) {
        // Another profile uses the ordinary hook, which has that as a part.
        return Ok(None);
    }
    if is_running() {
        return Ok(None);
    }
    let fault = self_check::fault(py)?;
    if fault.is_none() && !frame_eval::is_default(py) && !frame_eval::is(py, evaluate) {
        return Ok(Some(self_check::OTHER_TOOL.into()));
    }
    Ok(fault)
}

/// Whether this is profiled through frames.
pub fn covers(py: Python<'_>, scope: Scope) -> bool {
    SCOPES.get(py).borrow().iter().any(|(covered, _)| *covered == scope)
}

/// Why the ordinary hook took over, last time.
pub fn why_taken_over(py: Python<'_>) -> &'static str {
    TAKEN_OVER.get(py).get()
}

/// How far down this thread's stack frames may be evaluated; below it our function has something to decide.
pub fn stack_limit() -> usize {
    if is_running() { stack::limit_of_calls() } else { usize::MAX }
}

/// Sets our function, if it isn't. There is no obstacle.
pub fn install(py: Python<'_>, scope: Scope) -> PyResult<()> {
    SCOPES.get(py).borrow_mut().push((scope, ordinary::place(py)));
    if !RUNNING.swap(true, Ordering::Relaxed) {
        // First of all: what follows may let another thread run, which relies on RUNNING.
        frame_eval::set(py, evaluate);
        registry::forget_cached(py);
        if let Err(error) = ordinary::reserve(py) {
            remove(py, scope)?;
            return Err(error);
        }
    }
    Ok(())
}

/// Gives the frames back to CPython, if nobody needs them any more.
pub fn remove(py: Python<'_>, scope: Scope) -> PyResult<()> {
    SCOPES.get(py).borrow_mut().retain(|(covered, _)| *covered != scope);
    if !SCOPES.get(py).borrow().is_empty() {
        return Ok(());
    }
    stop(py);
    ordinary::release(py)
}

/// Gives the frames back to CPython, and all profiles to the ordinary hook.
pub fn take_over(py: Python<'_>, why: &'static str) -> PyResult<()> {
    let scopes = SCOPES.get(py).take();
    if scopes.is_empty() {
        return Ok(());
    }
    TAKEN_OVER.get(py).set(why);
    stop(py);
    scopes.into_iter().try_for_each(|(scope, place)| {
        registry::set_ordinary(py, scope);
        ordinary::take_over(py, scope, place)
    })
}

fn stop(py: Python<'_>) {
    RUNNING.store(false, Ordering::Relaxed);
    if frame_eval::is(py, evaluate) {
        frame_eval::set_default(py);
    }
    registry::forget_cached(py);
}

/// What CPython calls for each Python frame.
unsafe extern "C-unwind" fn evaluate(
    state: *mut PyThreadState,
    frame: *mut InterpreterFrame,
    throw: c_int,
) -> *mut PyObject {
    let mut call = None;
    // SAFETY: CPython calls us with the GIL held, this thread's state and a live frame.
    guard(|| unsafe { call = enter(state, frame) });
    // SAFETY: the arguments are CPython's.
    let result = unsafe { frame_eval::evaluate(state, frame, throw) };
    if let Some(call) = call {
        // SAFETY: the GIL is held again.
        guard(|| unsafe { leave(call) });
    }
    result
}

/// # Safety
/// The GIL is held; the arguments are CPython's.
#[inline(always)]
unsafe fn enter(state: *mut PyThreadState, frame: *mut InterpreterFrame) -> Option<OpenCall> {
    // SAFETY: by this function's contract.
    unsafe {
        let thread = registry::current();
        // Unprofiled threads need stack as well, so this comes first.
        if stack::here() < registry::stack_limit() {
            give_back(state);
            return None;
        }
        if thread.is_null() || ThreadState::of(state).is_silent() {
            return None;
        }
        if ThreadState::of(state).is_clearing_frame() {
            events::leave_cleared_frame(thread);
        }
        let code = interpreter_frame::code(frame);
        if interpreter_frame::makes_generator(frame, code) {
            return None;
        }
        events::enter_frame(thread, code, is_running)
    }
}

/// # Safety
/// The GIL is held.
#[inline(always)]
unsafe fn leave(call: OpenCall) {
    // SAFETY: by this function's contract.
    unsafe {
        let thread = registry::current();
        if thread.is_null() {
            return;
        }
        if is_running() {
            events::leave_frame(call, thread);
        } else {
            // If the ordinary hook has left it already, it isn't on top.
            events::leave_top_frame(call, thread);
        }
    }
}

/// The stack is too far down, or we aren't running. The frame is the first that the ordinary hook sees.
///
/// # Safety
/// The GIL is held; the state is this thread's.
#[cold]
#[inline(never)]
unsafe fn give_back(state: *mut PyThreadState) {
    if !is_running() {
        return;
    }
    // SAFETY: by this function's contract.
    unsafe {
        let thread = registry::current();
        if !thread.is_null()
            && !ThreadState::of(state).is_silent()
            && ThreadState::of(state).is_clearing_frame()
        {
            // The ordinary hook will not hear of that call's end: it is over.
            events::leave_cleared_frame(thread);
        }
        // A failure leaves deeper calls uncounted; the program goes on as without us.
        _ = in_python(|py| turns::take(py, || take_over(py, TOO_DEEP)));
    }
}
