//! Asking Python's main thread to do something, from a thread that has nothing to do with Python.

use std::ffi::{c_int, c_void};

use pyo3::{Python, ffi};

use super::trampoline::guard;

/// Makes the main thread call [`crate::session::live::carry_out_tasks`] as soon as it runs Python code again. May be called without
/// the GIL. False where too much is waiting for it already.
pub fn call_main_thread() -> bool {
    // SAFETY: needs neither the GIL nor a thread state; the function takes any argument.
    unsafe { ffi::Py_AddPendingCall(Some(on_main_thread), std::ptr::null_mut()) == 0 }
}

extern "C" fn on_main_thread(_: *mut c_void) -> c_int {
    // SAFETY: CPython calls this with the GIL held; on 3.15 perhaps before it calls itself initialised (while `site` runs).
    guard(|| unsafe { Python::attach_unchecked(crate::session::live::carry_out_tasks) });
    0
}
