//! 3.11's dear events, saved where they can be.
//!
//! A profile function has the interpreter make a frame object for each call and look for events at *every* instruction.
//! So, beside it, an evaluator (PEP 523) looks at each frame. The code of a *leaf* has no instruction that reports a
//! call: the evaluator enters, has the frame evaluated with events off, and leaves. What a leaf calls all the same
//! (operators, properties, iterators) comes through the evaluator, and has its events on again. All other frames
//! pass through, and report to the profile function. Whoever hears first of a call's end ends it.
//!
//! To the frames that pass through, an evaluator is a cost: the interpreter no longer inlines calls. Where there
//! are too few leaves to pay for that, or the stack gets too deep, the frames are given back. Compensation, whose
//! constants are calibrated with the evaluator, has it stay; there leaves are truer, as no event slows their code.
//!
//! A thread that C has made has no profile function when it first runs Python, but its frames come to the evaluator. So, where
//! all threads are watched, it is set however calls are timed; it comes back for a while with each function that is met for
//! the first time, as the one is that starts such a thread, or that the thread calls; and it stays from the first such thread on.

use std::cell::RefCell;
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use lsprof_engine::cells::Link;
use lsprof_engine::{Edge, Frame, Key, Kind, Recorder, Ticks, clock};
use pikos_os::stack;
use pyo3::ffi::{PyObject, PyThreadState, PyThreadState_Get};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCode};

use super::set_profile;
use crate::collect::collector::{ThreadRecorder, Timing};
use crate::collect::events;
use crate::collect::kinds;
use crate::collect::registry::{self, Scope};
use crate::ffi::attach::in_python;
use crate::ffi::frame_eval;
use crate::ffi::gil::GilCell;
use crate::ffi::interpreter_frame::{self, InterpreterFrame};
use crate::ffi::profile_function;
use crate::ffi::thread_state::ThreadState;
use crate::ffi::trampoline::guard;

/// What an entry's note says of its code: nobody has looked yet.
const UNKNOWN: u8 = 0;
/// It is a leaf's.
const LEAF: u8 = 1;
/// It is not.
const OTHER: u8 = 2;

/// So many calls through one caller, and the code is looked at.
const HOT: u64 = 16;

/// A leaf saves about as much as so many other frames cost.
const SAVED_BY_LEAF: i64 = 3;
/// After so many other frames without a leaf, we give up.
const CREDIT: i64 = 10_000;
/// For so many frames we come back, to look for threads: about what it takes to meet a new function.
const GLANCE: i64 = 128;

/// Whether the evaluator decides anything. It may be called when it doesn't: another tool may have put it behind its own.
static RUNNING: AtomicBool = AtomicBool::new(false);

/// What leaves have saved, and other frames have not cost yet. Written with the GIL held.
static BALANCE: AtomicI64 = AtomicI64::new(0);

/// The profiles that it runs for.
static SCOPES: GilCell<RefCell<Vec<Scope>>> = GilCell::new(RefCell::new(Vec::new()));

/// Whether frames come to us.
pub fn is_running() -> bool {
    RUNNING.load(Ordering::Relaxed)
}

/// Whether this evaluator is set.
pub fn is_set(py: Python<'_>) -> bool {
    frame_eval::is(py, evaluate)
}

/// Evaluates leaves from now on, if the frames are CPython's own to evaluate and look as we know them. The profile
/// function is set.
pub fn install(py: Python<'_>, scope: Scope) -> PyResult<()> {
    if !is_running() {
        if !(frame_eval::is_default(py) && ThreadState::is_as_declared(py)? && looks_for_events()) {
            return Ok(());
        }
        BALANCE.store(CREDIT, Ordering::Relaxed);
        RUNNING.store(true, Ordering::Relaxed);
        frame_eval::set(py, evaluate);
        registry::forget_cached(py);
    }
    SCOPES.get(py).borrow_mut().push(scope);
    Ok(())
}

/// Whether the running thread's state shows what the profile function's being set must have done to it.
fn looks_for_events() -> bool {
    // SAFETY: an attached thread has a state.
    let state = unsafe { ThreadState::of(PyThreadState_Get()) };
    state.is_profiled_only_by(set_profile::on_event) && state.traces()
}

/// Has all frames come to us until no profile needs them: there are threads that nothing else tells of.
pub fn stay(py: Python<'_>) {
    come_back(py);
    BALANCE.store(i64::MAX / 2, Ordering::Relaxed);
}

/// Has some frames come to us, to look for threads.
pub fn glance(py: Python<'_>) {
    if !is_running() {
        BALANCE.store(GLANCE, Ordering::Relaxed);
        come_back(py);
    }
}

/// Takes the frames that were given back, if nobody else has taken them.
fn come_back(py: Python<'_>) {
    let was_found_fit = !SCOPES.get(py).borrow().is_empty();
    if was_found_fit && !is_running() && frame_eval::is_default(py) {
        RUNNING.store(true, Ordering::Relaxed);
        frame_eval::set(py, evaluate);
        registry::forget_cached(py);
    }
}

/// Gives the frames back to CPython, if no profile needs them any more.
pub fn remove(py: Python<'_>, scope: Scope) {
    let mut scopes = SCOPES.get(py).borrow_mut();
    scopes.retain(|covered| *covered != scope);
    if scopes.is_empty() {
        drop(scopes);
        stop(py);
    }
}

/// Gives the frames back to CPython: the profile function hears of everything from here on.
fn stop(py: Python<'_>) {
    if !RUNNING.swap(false, Ordering::Relaxed) {
        return;
    }
    if is_set(py) {
        frame_eval::set_default(py);
    }
    for state in profile_function::ThreadHandle::all(py) {
        state.restore_tracing();
    }
    registry::forget_cached(py);
}

type Arguments = (*mut PyThreadState, *mut InterpreterFrame, c_int);

/// What CPython calls for each Python frame.
unsafe extern "C-unwind" fn evaluate(
    state: *mut PyThreadState,
    frame: *mut InterpreterFrame,
    throw: c_int,
) -> *mut PyObject {
    // SAFETY: CPython calls us with the GIL held, this thread's state and a live frame.
    unsafe {
        let thread = registry::current();
        // Unprofiled threads need stack as well, so this comes first.
        if stack::here() < registry::stack_limit() {
            give_back();
        } else if !thread.is_null() && is_ours(ThreadState::of(state), &*thread) {
            let is_compensated = (*thread).timing == Timing::Compensated;
            let code = interpreter_frame::code(frame);
            let edge = (*thread).recorder.next_edge(code as Key);
            match edge.map(|edge| (edge, edge.callee.note.get())) {
                Some((edge, LEAF)) if !interpreter_frame::makes_generator(frame, code) => {
                    let arguments = (state, frame, throw);
                    return match (*thread).timing {
                        Timing::Plain => evaluate_leaf::<PLAIN>(thread, edge, code, arguments),
                        Timing::Sampled => evaluate_leaf::<SAMPLED>(thread, edge, code, arguments),
                        Timing::Extended => evaluate_leaf::<EXTENDED>(thread, edge, code, arguments),
                        _ => evaluate_leaf::<COMPENSATED>(thread, edge, code, arguments),
                    };
                }
                Some((edge, UNKNOWN)) if edge.calls.get() >= HOT => look_at(edge, code),
                _ => {}
            }
            if !ThreadState::of(state).traces() {
                return evaluate_in_leaf((state, frame, throw));
            }
            // Compensation knows what calls take while frames come to us.
            if !is_compensated && earn(-1) < 0 {
                give_back();
            }
        } else if !thread.is_null() {
            pass_through(ThreadState::of(state));
        }
        frame_eval::evaluate(state, frame, throw)
    }
}

/// Whether the thread's events are for us alone, and are counted in a way that we know.
#[inline(always)]
fn is_ours(state: &ThreadState, thread: &ThreadRecorder) -> bool {
    state.is_profiled_only_by(set_profile::on_event)
        && !state.is_silent()
        && match thread.timing {
            Timing::Plain | Timing::Extended => true,
            Timing::Compensated | Timing::Sampled => thread.recorder.has_subcalls(),
            Timing::Clock | Timing::Timer | Timing::Unsettled => false,
        }
}

#[inline(always)]
fn earn(amount: i64) -> i64 {
    let balance = BALANCE.load(Ordering::Relaxed) + amount;
    BALANCE.store(balance, Ordering::Relaxed);
    balance
}

const PLAIN: u8 = Timing::Plain as u8;
const COMPENSATED: u8 = Timing::Compensated as u8;
const SAMPLED: u8 = Timing::Sampled as u8;
const EXTENDED: u8 = Timing::Extended as u8;

/// Enters, has the frame evaluated with events off, and leaves. `TIMING` is how its call is timed.
#[inline(always)]
unsafe fn evaluate_leaf<const TIMING: u8>(
    thread: *mut ThreadRecorder,
    edge: Link<Edge>,
    code: *mut PyObject,
    (state, frame, throw): Arguments,
) -> *mut PyObject {
    let began = if TIMING == COMPENSATED {
        clock::settle();
        clock::counter()
    } else {
        Ticks(0)
    };
    // Now: afterwards the profile may have been cleared, and the edge with it.
    let kind = kinds::of_leaf(edge.callee.kind);
    // SAFETY: as in `evaluate`.
    unsafe {
        if !(*thread).recorder.enter_edge(edge) {
            // Never so deep before: the profile function makes room.
            return evaluate_in_leaf((state, frame, throw));
        }
        let call = (*thread).recorder.top();
        let traced = ThreadState::of(state).traces();
        ThreadState::of(state).set_traces(false);
        match TIMING {
            COMPENSATED => {
                (*thread).recorder.prepare();
                (*thread).recorder.start_extended(began, clock::counter());
            }
            SAMPLED => {
                earn(SAVED_BY_LEAF);
                (*thread).recorder.start_untimed();
            }
            EXTENDED => {
                earn(SAVED_BY_LEAF);
                (*thread).recorder.prepare();
                (*thread).recorder.start(clock::counter());
            }
            _ => {
                earn(SAVED_BY_LEAF);
                (*thread).recorder.start(clock::counter());
            }
        }
        let result = frame_eval::evaluate(state, frame, throw);
        if TIMING == COMPENSATED {
            clock::settle();
        }
        let now = if TIMING == SAMPLED { Ticks(0) } else { clock::counter() };
        let thread = registry::current();
        if !thread.is_null()
            && is_running()
            && is_ours(ThreadState::of(state), &*thread)
            && (*thread).timing as u8 == TIMING
            && leave::<TIMING>(&mut (*thread).recorder, (call, code as Key), kind, now)
        {
            ThreadState::of(state).set_traces(traced);
        } else {
            after_change(state, call, code as Key);
        }
        result
    }
}

#[inline(always)]
fn leave<const TIMING: u8>(
    recorder: &mut Recorder,
    (call, key): (Link<Frame>, Key),
    kind: Kind,
    now: Ticks,
) -> bool {
    match TIMING {
        COMPENSATED => {}
        SAMPLED => return recorder.leave_frame_untimed(call, key),
        EXTENDED => return recorder.leave_frame_of_kind(call, key, kind, now),
        _ => return recorder.leave_frame(call, key, now),
    }
    let is_over = recorder.leave_frame_of_kind(call, key, kind, now);
    recorder.spend(clock::counter().since(now));
    is_over
}

/// Something has changed during the call: the profile, its function, or who evaluates frames.
#[cold]
#[inline(never)]
unsafe fn after_change(state: *mut PyThreadState, call: Link<Frame>, key: Key) {
    // SAFETY: the GIL is held.
    unsafe {
        let state = ThreadState::of(state);
        state.set_traces(state.wants_events());
        guard(|| {
            let thread = registry::current();
            if !thread.is_null() {
                events::leave_if_open(call, key, thread);
            }
        });
    }
}

/// A frame that reports its events, called by one that has them off.
#[cold]
#[inline(never)]
unsafe fn evaluate_in_leaf((state, frame, throw): Arguments) -> *mut PyObject {
    // SAFETY: as in `evaluate`.
    unsafe {
        let traced = ThreadState::of(state).traces();
        ThreadState::of(state).set_traces(true);
        let result = frame_eval::evaluate(state, frame, throw);
        let state = ThreadState::of(state);
        let is_as_before = is_running() && state.is_profiled_only_by(set_profile::on_event);
        state.set_traces(if is_as_before { traced } else { state.wants_events() });
        result
    }
}

#[cold]
#[inline(never)]
unsafe fn look_at(edge: Link<Edge>, code: *mut PyObject) {
    let look = |py: Python<'_>| {
        // SAFETY: the GIL is held, and the frame keeps its code alive.
        let code = unsafe { Bound::from_borrowed_ptr(py, code) };
        // Of a step the recorder is told more than that it begins and ends.
        let is_followed = edge.callee.form().is_followed();
        let is_leaf = !is_followed && code.cast::<PyCode>().is_ok_and(|code| is_leaf(code).unwrap_or(false));
        edge.callee.note.set(if is_leaf { LEAF } else { OTHER });
    };
    // SAFETY: the GIL is held; no Python code runs.
    guard(|| unsafe { in_python(look) });
}

/// Whether the code has no instruction by which it would report a call other than its own, or make one that an evaluator
/// doesn't hear of.
fn is_leaf(code: &Bound<'_, PyCode>) -> PyResult<bool> {
    /// `CALL_FUNCTION_EX`, `CALL`, which report; `BINARY_SUBSCR`, which may inline a `__getitem__`.
    const CALLS: [u8; 3] = [142, 171, 25];
    let instructions = code.getattr("co_code")?.cast_into::<PyBytes>()?;
    // Inline caches are zeros here; arguments stand at odd places.
    Ok(instructions.as_bytes().iter().step_by(2).all(|opcode| !CALLS.contains(opcode)))
}

/// A frame whose events are for others, or are timed in another way; or of a thread that C has made.
#[inline(never)]
unsafe fn pass_through(state: &ThreadState) {
    if state.has_profile_function() {
        if earn(-1) < 0 {
            // SAFETY: the GIL is held.
            unsafe { give_back() };
        }
        return;
    }
    // SAFETY: the GIL is held.
    guard(|| unsafe {
        if set_profile::has_new_threads(Python::assume_attached()) {
            in_python(|py| {
                if set_profile::find_new_threads(py) {
                    stay(py);
                }
            });
        }
    });
}

/// The stack is too far down, or it doesn't pay.
#[cold]
#[inline(never)]
unsafe fn give_back() {
    // SAFETY: the GIL is held.
    guard(|| unsafe { in_python(stop) });
}
