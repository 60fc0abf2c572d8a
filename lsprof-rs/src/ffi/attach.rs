//! From a hook into Python: for the rare events that need more than the engine.

use pyo3::{PyErr, Python, ffi};

use super::thread_state::EventsOff;

/// Runs `body` attached to the interpreter, with no exception set, drops the exception that it leaves behind, and
/// puts the program's own back (a generator may be entered by a throw, with the exception already set).
///
/// CPython switches the thread's events off around its own callbacks; an evaluator of frames has to do it itself, or
/// what we run would be in the profile.
///
/// Telling PyO3 that the thread is attached matters: else it would put the references that `body` drops aside
/// until some later call, and the program's objects would live longer than without us.
///
/// # Safety
/// The thread holds the GIL: called from a hook.
pub unsafe fn in_python<R>(body: impl FnOnce(Python<'_>) -> R) -> R {
    // SAFETY: the thread is attached already, by this function's contract.
    unsafe {
        Python::attach_unchecked(|py| {
            let pending = PyErr::take(py);
            let events_off = EventsOff::new(py);
            let result = body(py);
            drop(events_off);
            drop(PyErr::take(py));
            if let Some(error) = pending {
                error.restore(py);
            }
            result
        })
    }
}

/// Calls a Python function with this thread's events off. Returns a new reference, or null with an exception set.
///
/// There is nothing in this frame, and there should be nothing in its callers', that has to be dropped: up to 3.13 CPython ends a daemon
/// thread that waits in there by `pthread_exit`, and what that unwinds may neither be caught nor touch a Python object.
///
/// # Safety
/// The thread holds the GIL; the function is alive, and no exception is set.
pub unsafe fn call_quietly(function: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: an attached thread has a state, which is the same one after the call.
    unsafe {
        ffi::PyThreadState_EnterTracing(ffi::PyThreadState_Get());
        let result = ffi::PyObject_CallNoArgs(function);
        ffi::PyThreadState_LeaveTracing(ffi::PyThreadState_Get());
        result
    }
}

/// Runs `body`, which may call Python, as [`in_python`] does, in a thread that is attached already.
pub fn aside<R>(_py: Python<'_>, body: impl FnOnce(Python<'_>) -> R) -> R {
    // SAFETY: the token shows that the GIL is held.
    unsafe { in_python(body) }
}
