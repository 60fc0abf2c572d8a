//! The callbacks of `sys.monitoring` while all profiles keep full stacks or details of calls: those of [`super::monitoring_events`]
//! for such recorders. Where they can't go on they hand over to its slower ones.

use lsprof_engine::{Ending, Key, clock};
use pyo3::ffi::PyObject;

use super::monitoring_events::{
    missing, on_call_over_slowly, on_call_slowly, on_enter_slowly, on_leave_slowly,
};
use super::steps::{self, CALLBACKS, PARKED, RESUMED, RETURNED, STARTED, THROWN, UNWOUND};
use crate::collect::events;
use crate::collect::registry;
use crate::ffi::builtin::{self, Seen};
use crate::ffi::callback::{Vectorcall, arguments, none};

/// In the order of `monitoring::Callback`.
pub const FUNCTIONS: [Vectorcall; CALLBACKS] = [
    on_enter::<STARTED>,
    on_enter::<RESUMED>,
    on_enter::<THROWN>,
    on_leave::<RETURNED>,
    on_leave::<PARKED>,
    on_leave::<UNWOUND>,
    on_call,
    on_call_over,
];

/// PY_START, PY_RESUME (code, offset), PY_THROW (code, offset, exception).
unsafe extern "C" fn on_enter<const HOW: u8>(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's; the GIL is held.
    unsafe {
        if let Some([code, _]) = arguments(args, count) {
            if let Some(thread) = registry::current_extended()
                && events::enter_extended_quickly(thread, *code as Key, || steps::step::<HOW>(*code))
            {
                return none();
            }
        }
        on_enter_slowly::<HOW>(callback, args, count, names)
    }
}

/// PY_RETURN, PY_YIELD (code, offset, value), PY_UNWIND (code, offset, exception).
unsafe extern "C" fn on_leave<const HOW: u8>(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    let now = clock::counter();
    // SAFETY: args and count are CPython's; the GIL is held.
    unsafe {
        if let Some([code, _, what]) = arguments(args, count) {
            if let Some(thread) = registry::current_extended()
                && !thread.as_ref().recorder.wants_task_name(HOW == PARKED, now)
                && events::leave_extended_quickly(thread, *code as Key, || steps::ending::<HOW>(*what), now)
            {
                return none();
            }
        }
        on_leave_slowly::<HOW>(callback, args, count, names)
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
                    Seen::Key(key) if events::enter_extended_quickly(thread, key, || None) => return none(),
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
                    Seen::Key(key) if events::leave_extended_quickly(thread, key, || Ending::Parked, now) => {
                        return none();
                    }
                    Seen::Uncounted => return none(),
                    _ => {}
                }
            }
        }
        on_call_over_slowly(callback, args, count, names)
    }
}
