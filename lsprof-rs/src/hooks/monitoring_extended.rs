//! The callbacks of `sys.monitoring` while all profiles keep full stacks or details of calls: those of [`super::monitoring_events`]
//! for such recorders. Where they can't go on they hand over to its slower ones.

use lsprof_engine::{Key, clock};
use pyo3::ffi::PyObject;

use super::monitoring_events::{
    missing, on_call_over_slowly, on_call_slowly, on_enter_slowly, on_leave_slowly,
};
use crate::collect::events;
use crate::collect::registry;
use crate::ffi::builtin::{self, Seen};
use crate::ffi::callback::{Vectorcall, arguments, none};

/// In the order of `monitoring::Callback`.
pub const FUNCTIONS: [Vectorcall; 4] = [on_enter, on_leave, on_call, on_call_over];

/// PY_START, PY_RESUME (code, offset), PY_THROW (code, offset, exception).
unsafe extern "C" fn on_enter(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's; the GIL is held.
    unsafe {
        if let Some([code, _]) = arguments(args, count) {
            if let Some(thread) = registry::current_extended()
                && events::enter_extended_quickly(thread, *code as Key)
            {
                return none();
            }
        }
        on_enter_slowly(callback, args, count, names)
    }
}

/// PY_RETURN, PY_YIELD (code, offset, value), PY_UNWIND (code, offset, exception).
unsafe extern "C" fn on_leave(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    let now = clock::counter();
    // SAFETY: args and count are CPython's; the GIL is held.
    unsafe {
        if let Some([code, _, _]) = arguments(args, count) {
            if let Some(thread) = registry::current_extended()
                && events::leave_extended_quickly(thread, *code as Key, now)
            {
                return none();
            }
        }
        on_leave_slowly(callback, args, count, names)
    }
}

/// CALL (code, offset, callable, first argument or MISSING).
unsafe extern "C" fn on_call(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's; the GIL is held and the objects are alive.
    unsafe {
        if let Some([_, _, callable, first]) = arguments(args, count) {
            if let Some(thread) = registry::current_extended()
                && thread.as_ref().counts_builtins
            {
                match builtin::look_at(*callable, *first, missing()) {
                    Seen::Key(key) if events::enter_extended_quickly(thread, key) => return none(),
                    Seen::Uncounted => return none(),
                    _ => {}
                }
            }
        }
        on_call_slowly(callback, args, count, names)
    }
}

/// C_RETURN, C_RAISE (code, offset, callable, first argument or MISSING).
unsafe extern "C" fn on_call_over(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    let now = clock::counter();
    // SAFETY: args and count are CPython's; the GIL is held and the objects are alive.
    unsafe {
        if let Some([_, _, callable, first]) = arguments(args, count) {
            if let Some(thread) = registry::current_extended()
                && thread.as_ref().counts_builtins
            {
                match builtin::look_at(*callable, *first, missing()) {
                    Seen::Key(key) if events::leave_extended_quickly(thread, key, now) => return none(),
                    Seen::Uncounted => return none(),
                    _ => {}
                }
            }
        }
        on_call_over_slowly(callback, args, count, names)
    }
}
