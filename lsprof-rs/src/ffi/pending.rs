//! Asking Python's main thread to do something, from a thread that has nothing to do with Python.

use std::ffi::{c_int, c_void};

use pyo3::{Python, ffi};

use super::trampoline::guard;

/// Makes the main thread call `act` as soon as it runs Python code again. May be called without the GIL. False where too
/// much is waiting for it already.
pub fn call_main_thread(act: fn(Python<'_>)) -> bool {
    // SAFETY: needs neither the GIL nor a thread state; the argument is what `on_main_thread` takes.
    unsafe { ffi::Py_AddPendingCall(Some(on_main_thread), act as *mut c_void) == 0 }
}

extern "C" fn on_main_thread(act: *mut c_void) -> c_int {
    // SAFETY: it is what `call_main_thread` was given, and a function's address is as wide as data's wherever we build.
    let act = unsafe { std::mem::transmute::<*mut c_void, fn(Python<'_>)>(act) };
    // SAFETY: CPython calls this with the GIL held; on 3.15 perhaps before it calls itself initialised (while `site` runs).
    guard(|| unsafe { Python::attach_unchecked(act) });
    0
}
