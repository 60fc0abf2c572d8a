//! The callbacks of `sys.monitoring` while it depends on the context where an event goes: those of [`super::monitoring_events`] with a
//! look at the thread's context first. Where they can't go on they hand over to its slower ones.

use std::ptr::NonNull;

use lsprof_engine::{Ending, Key, clock};
use pyo3::ffi::PyObject;

use super::monitoring_events::{
    missing, on_call_over_slowly, on_call_slowly, on_enter_slowly, on_leave_slowly,
};
use super::steps::{self, CALLBACKS, PARKED, RESUMED, RETURNED, STARTED, THROWN, UNWOUND};
use crate::collect::collector::{ThreadRecorder, Timing};
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

/// Where an event goes.
enum Here {
    /// No profile follows this context.
    Nobody,
    /// To a recorder that times calls plainly.
    Plain(NonNull<ThreadRecorder>),
    /// To one that keeps full stacks or details as well.
    Extended(NonNull<ThreadRecorder>),
    /// To another one; or it has to be found out.
    Other,
}

/// # Safety
/// The GIL is held.
#[inline(always)]
unsafe fn here() -> Here {
    // SAFETY: by this function's contract; the recorder is the running thread's own.
    unsafe {
        match registry::current_in_context() {
            Some(thread) => match NonNull::new(thread) {
                None => Here::Nobody,
                Some(thread) => match thread.as_ref().timing {
                    Timing::Plain => Here::Plain(thread),
                    Timing::Extended => Here::Extended(thread),
                    _ => Here::Other,
                },
            },
            None => Here::Other,
        }
    }
}

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
            match here() {
                Here::Nobody => return none(),
                Here::Plain(thread) if events::enter_quickly(thread, *code as Key) => return none(),
                Here::Extended(thread)
                    if events::enter_extended_quickly(thread, *code as Key, || steps::step::<HOW>(*code)) =>
                {
                    return none();
                }
                _ => {}
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
            match here() {
                Here::Nobody => return none(),
                Here::Plain(thread) if events::leave_quickly(thread, *code as Key, now) => return none(),
                Here::Extended(thread)
                    if !thread.as_ref().recorder.wants_task_name(HOW == PARKED, now)
                        && events::leave_extended_quickly(
                            thread,
                            *code as Key,
                            || steps::ending::<HOW>(*what),
                            now,
                        ) =>
                {
                    return none();
                }
                _ => {}
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
            match here() {
                Here::Nobody => return none(),
                Here::Plain(thread) if thread.as_ref().counts_builtins => {
                    match builtin::look_at(*callable, *first, missing()) {
                        Seen::Key(key) if events::enter_quickly(thread, key) => return none(),
                        Seen::Uncounted => return none(),
                        _ => {}
                    }
                }
                Here::Extended(thread) if thread.as_ref().counts_builtins => {
                    match builtin::look_at(*callable, *first, missing()) {
                        Seen::Key(key) if events::enter_extended_quickly(thread, key, || None) => {
                            return none();
                        }
                        Seen::Uncounted => return none(),
                        _ => {}
                    }
                }
                _ => {}
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
    // SAFETY: args and count are CPython's; the GIL is held and the objects are alive.
    unsafe {
        if let Some([_, _, callable, first]) = arguments(args, count) {
            match here() {
                Here::Nobody => return none(),
                Here::Plain(thread) if thread.as_ref().counts_builtins => {
                    match builtin::look_at(*callable, *first, missing()) {
                        Seen::Key(key) if events::leave_quickly(thread, key, clock::counter()) => {
                            return none();
                        }
                        Seen::Uncounted => return none(),
                        _ => {}
                    }
                }
                Here::Extended(thread) if thread.as_ref().counts_builtins => {
                    match builtin::look_at(*callable, *first, missing()) {
                        Seen::Key(key)
                            if events::leave_extended_quickly(
                                thread,
                                key,
                                || Ending::Parked,
                                clock::counter(),
                            ) =>
                        {
                            return none();
                        }
                        Seen::Uncounted => return none(),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        on_call_over_slowly(callback, args, count, names)
    }
}
