//! `PyThreadState`: what remains of the recursion limits, and whether events are switched off.
//!
//! The fields are declared in CPython's public headers and move with each release; they are checked against a
//! running interpreter before they are relied upon ([`ThreadState::is_as_declared`]).

use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, Ordering};

#[cfg(not(Py_3_12))]
use pyo3::ffi::{Py_tracefunc, PyObject};
use pyo3::ffi::{PyThreadState, PyThreadState_EnterTracing, PyThreadState_Get, PyThreadState_LeaveTracing};
use pyo3::prelude::*;

use super::interpreter_frame::{self, InterpreterFrame};

/// Its first fields.
#[repr(C)]
pub struct ThreadState {
    links: [usize; 3],
    #[cfg(Py_3_13)]
    eval_breaker: usize,
    flags: [c_int; FLAGS],
    recursion_remaining: c_int,
    recursion_limit: c_int,
    #[cfg(all(Py_3_12, not(Py_3_14)))]
    c_recursion_remaining: c_int,
    recursion_headroom: c_int,
    tracing: c_int,
    what_event: c_int,
    current: *mut Current,
    profile_function: usize,
    #[cfg(not(Py_3_12))]
    trace_function: usize,
    #[cfg(not(Py_3_12))]
    profile_object: *mut PyObject,
    #[cfg(not(Py_3_12))]
    trace_object: *mut PyObject,
}

/// 3.11's `_PyCFrame`: there is one for each evaluation on the C stack.
#[cfg(not(Py_3_12))]
#[repr(C)]
struct Current {
    use_tracing: u8,
    frame: *mut InterpreterFrame,
    previous: *mut Current,
}

/// Where the running frame is found: 3.12 has a `_PyCFrame` in between, whose first field it is.
#[cfg(all(Py_3_12, not(Py_3_13)))]
#[repr(C)]
struct Current {
    frame: *mut InterpreterFrame,
}
#[cfg(Py_3_13)]
type Current = InterpreterFrame;

/// 3.11: _initialized, _static. From 3.12 on: _status; then _whence and state; holds_gil; gil_requested.
const FLAGS: usize = match () {
    #[cfg(not(Py_3_12))]
    () => 2,
    #[cfg(all(Py_3_12, not(Py_3_13)))]
    () => 1,
    #[cfg(all(Py_3_13, not(Py_3_14)))]
    () => 3,
    #[cfg(all(Py_3_14, not(Py_3_15)))]
    () => 4,
    #[cfg(Py_3_15)]
    () => 5,
};

/// What evaluating a frame takes of the C recursion limit of 3.12 and 3.13: 1 or 2, it changed within releases.
static C_RECURSION_UNITS: AtomicI32 = AtomicI32::new(0);

impl ThreadState {
    /// The fields of a thread state.
    ///
    /// # Safety
    /// It is the running thread's.
    #[inline(always)]
    pub unsafe fn of<'a>(state: *mut PyThreadState) -> &'a mut Self {
        // SAFETY: by this function's contract; nobody else touches these fields while we hold the GIL.
        unsafe { &mut *state.cast::<Self>() }
    }

    /// Whether an event now would be no call of the program's: the frame is about to fail with a RecursionError
    /// before its first instruction, or it belongs to a trace function, for which CPython switches events off.
    #[inline(always)]
    pub fn is_silent(&self) -> bool {
        (self.recursion_remaining <= 0 && self.recursion_headroom == 0) || self.tracing != 0
    }

    /// Whether the running frame has returned already and is being cleared: what runs now are destructors of its locals,
    /// called by its caller. On 3.11 that happens outside of its evaluation.
    #[cfg(not(Py_3_12))]
    #[inline(always)]
    pub fn is_clearing_frame(&self) -> bool {
        false
    }

    /// Whether the running frame has returned already and is being cleared: what runs now are destructors of its locals,
    /// called by its caller. The frame that CPython has below each evaluation is the current one then.
    #[cfg(Py_3_12)]
    #[inline(always)]
    pub fn is_clearing_frame(&self) -> bool {
        #[cfg(not(Py_3_13))]
        // SAFETY: a thread that runs Python has a `_PyCFrame`.
        let frame = unsafe { (*self.current).frame };
        #[cfg(Py_3_13)]
        let frame = self.current;
        // SAFETY: the current frame is alive.
        !frame.is_null() && unsafe { interpreter_frame::is_entry(frame) }
    }

    /// The interpreter that the thread is in, as an address.
    #[inline(always)]
    pub fn interpreter(&self) -> usize {
        self.links[2]
    }

    /// The newest frame; null where the thread runs no Python.
    pub fn newest_frame(&self) -> *const InterpreterFrame {
        #[cfg(not(Py_3_13))]
        // SAFETY: every thread state has one of these, from the moment on that it is among the others.
        return if self.current.is_null() { std::ptr::null() } else { unsafe { (*self.current).frame } };
        #[cfg(Py_3_13)]
        return self.current;
    }

    /// The innermost frame of a Python function: the address of its code object, which it keeps alive, and of the instruction that
    /// it is at. `None` where the thread runs no Python.
    #[inline(always)]
    pub fn running_code(&self) -> Option<(*mut pyo3::ffi::PyObject, usize)> {
        let mut frame = self.newest_frame();
        // SAFETY: the frames of a thread that runs are alive, each keeps its code object, and they form a list that ends.
        unsafe {
            while !frame.is_null() && interpreter_frame::is_entry(frame) {
                frame = interpreter_frame::previous(frame);
            }
            (!frame.is_null())
                .then(|| (interpreter_frame::code(frame), interpreter_frame::instruction(frame)))
        }
    }

    /// Lets the call that is about to happen cost no C recursion. [`ThreadState::take_c_recursion`] ends that.
    #[inline(always)]
    pub fn give_back_c_recursion(&mut self) {
        #[cfg(all(Py_3_12, not(Py_3_14)))]
        {
            self.c_recursion_remaining += C_RECURSION_UNITS.load(Ordering::Relaxed);
        }
    }

    /// Ends what [`ThreadState::give_back_c_recursion`] began.
    #[inline(always)]
    pub fn take_c_recursion(&mut self) {
        #[cfg(all(Py_3_12, not(Py_3_14)))]
        {
            self.c_recursion_remaining -= C_RECURSION_UNITS.load(Ordering::Relaxed);
        }
    }

    /// The profile function and its object: an address, 0 for none, and a borrowed reference.
    #[cfg(not(Py_3_12))]
    pub fn profile_function(&self) -> (usize, *mut PyObject) {
        (self.profile_function, self.profile_object)
    }

    /// Has another profile function, and returns what was there: whoever has that owns the reference, as the thread owns the one that
    /// is given. Unlike CPython's own function for it this runs no Python: it tells no audit hook.
    #[cfg(not(Py_3_12))]
    #[inline(always)]
    pub fn exchange_profile(&mut self, (function, object): (usize, *mut PyObject)) -> (usize, *mut PyObject) {
        let before = self.profile_function();
        self.profile_function = function;
        self.profile_object = object;
        let traces = self.tracing == 0 && self.wants_events();
        self.set_traces(traces);
        before
    }

    /// The trace function and its object, likewise.
    #[cfg(not(Py_3_12))]
    pub fn trace_function(&self) -> (usize, *mut PyObject) {
        (self.trace_function, self.trace_object)
    }

    /// Whether this is the address of the thread's profile function.
    #[cfg(not(Py_3_12))]
    #[inline(always)]
    pub fn has_profile_function_at(&self, function: usize) -> bool {
        self.profile_function == function
    }

    /// Whether somebody has set a profile function in the thread.
    #[cfg(not(Py_3_12))]
    pub fn has_profile_function(&self) -> bool {
        self.profile_function != 0
    }

    /// Whether this is the thread's profile function, and there is no trace function.
    #[cfg(not(Py_3_12))]
    #[inline(always)]
    pub fn is_profiled_only_by(&self, function: Py_tracefunc) -> bool {
        self.profile_function == function as *const () as usize && self.trace_function == 0
    }

    /// Whether the evaluation that is under way looks for events at each instruction.
    #[cfg(not(Py_3_12))]
    #[inline(always)]
    pub fn traces(&self) -> bool {
        // SAFETY: a thread that evaluates a frame has one of these for it.
        unsafe { (*self.current).use_tracing != 0 }
    }

    /// Says whether it does; an evaluation that begins takes over what the one around it says.
    #[cfg(not(Py_3_12))]
    #[inline(always)]
    pub fn set_traces(&mut self, traces: bool) {
        // SAFETY: as above. 255 turns every opcode into the one that looks for events.
        unsafe { (*self.current).use_tracing = if traces { 255 } else { 0 } };
    }

    /// Has every evaluation on this thread's stack look for events, if somebody wants any.
    #[cfg(not(Py_3_12))]
    pub fn restore_tracing(&mut self) {
        let traces = if self.wants_events() { 255 } else { 0 };
        let mut current = self.current;
        while !current.is_null() {
            // SAFETY: they form a list that ends with the thread's own, and live as long as their evaluations.
            unsafe {
                (*current).use_tracing = traces;
                current = (*current).previous;
            }
        }
    }

    /// Where the thread stands: its newest frame and that frame's instruction, as addresses; zeros where it runs no Python.
    #[cfg(not(Py_3_12))]
    pub fn position(&self) -> (usize, usize) {
        // SAFETY: every thread state has one of these; the thread, which waits for the GIL, keeps its frame.
        unsafe {
            let frame = (*self.current).frame;
            if frame.is_null() { (0, 0) } else { (frame as usize, interpreter_frame::instruction(frame)) }
        }
    }

    /// Whether there is a profile function or a trace function.
    #[cfg(not(Py_3_12))]
    #[inline(always)]
    pub fn wants_events(&self) -> bool {
        self.profile_function != 0 || self.trace_function != 0
    }

    /// What is left of the C recursion limit; 0 where there is none (3.11) or it is counted in bytes (3.14).
    pub fn c_recursion_remaining(&self) -> c_int {
        #[cfg(all(Py_3_12, not(Py_3_14)))]
        return self.c_recursion_remaining;
        #[cfg(not(all(Py_3_12, not(Py_3_14))))]
        0
    }

    /// Says what evaluating a frame takes of it.
    pub fn set_c_recursion_units(units: c_int) {
        C_RECURSION_UNITS.store(units, Ordering::Relaxed);
    }

    /// Whether the running interpreter's thread state looks like the declaration above.
    pub fn is_as_declared(py: Python<'_>) -> PyResult<bool> {
        let limit: c_int = py.import("sys")?.call_method0("getrecursionlimit")?.extract()?;
        // SAFETY: an attached thread has a state.
        let state = unsafe { PyThreadState_Get() };
        // SAFETY: the running thread's; each reference ends before CPython writes to the field.
        let tracing = || unsafe { ThreadState::of(state).tracing };
        let before = tracing();
        // SAFETY: the running thread's; undone at once.
        unsafe { PyThreadState_EnterTracing(state) };
        let inside = tracing();
        // SAFETY: as above.
        unsafe { PyThreadState_LeaveTracing(state) };
        // SAFETY: the running thread's.
        let this = unsafe { ThreadState::of(state) };
        Ok(inside == before + 1 && tracing() == before && this.recursion_limit == limit
            && this.recursion_headroom == 0
            // The launcher may have raised what remains by a frame or two.
            && (0..=limit + 8).contains(&this.recursion_remaining))
    }
}

/// Switches the thread's events off as long as it lives, as CPython does around its own callbacks.
pub struct EventsOff(*mut PyThreadState);

impl EventsOff {
    /// Switches them off.
    pub fn new(_py: Python<'_>) -> Self {
        // SAFETY: an attached thread has a state, which outlives this value: it stays in this thread.
        unsafe {
            let state = PyThreadState_Get();
            PyThreadState_EnterTracing(state);
            Self(state)
        }
    }
}

impl Drop for EventsOff {
    fn drop(&mut self) {
        // SAFETY: the state that `new` took, of this thread.
        unsafe { PyThreadState_LeaveTracing(self.0) };
    }
}
