//! The callbacks of `sys.monitoring`: what CPython calls for each event, where calls are timed; and the slow way of all.
//!
//! Each callback does the common case itself and calls nothing on the way; for all others it hands its arguments on, as its
//! last step, to a slower one that begins again. So it needs no stack frame of its own.

use std::sync::atomic::{AtomicUsize, Ordering};

use lsprof_engine::{Key, clock};
use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use super::steps::{self, CALLBACKS, PARKED, RESUMED, RETURNED, STARTED, THROWN, UNWOUND};
use crate::collect::events::{self, Callee};
use crate::collect::registry;
use crate::ffi::builtin::{self, Builtin, Seen};
use crate::ffi::callback::{self, Vectorcall, arguments, none};
use crate::ffi::trampoline::guard;

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

/// `sys.monitoring.MISSING`'s address: it stands for "no first argument".
static MISSING: AtomicUsize = AtomicUsize::new(0);

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
            if let Some(thread) = registry::current_plain()
                && events::enter_quickly(thread, *code as Key)
            {
                return none();
            }
        }
        on_enter_slowly::<HOW>(callback, args, count, names)
    }
}

#[inline(never)]
pub unsafe extern "C" fn on_enter_slowly<const HOW: u8>(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([code, offset]) = (unsafe { arguments(args, count) }) else {
        return callback::too_few(2, count);
    };
    guard(|| {
        // SAFETY: CPython calls us with the GIL held and a live code object.
        unsafe {
            let thread = registry::current();
            if !thread.is_null() {
                events::placed_at(thread, *offset);
                if (*thread).recorder.follows_steps()
                    && let Some(step) = steps::step_of_code::<HOW>(*code)
                {
                    (*thread).recorder.expect_step(step);
                }
                events::enter(thread, Callee::Python(*code));
            }
        }
    });
    none()
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
        if let Some([code, _, _]) = arguments(args, count) {
            if let Some(thread) = registry::current_plain()
                && events::leave_quickly(thread, *code as Key, now)
            {
                return none();
            }
        }
        on_leave_slowly::<HOW>(callback, args, count, names)
    }
}

#[inline(never)]
pub unsafe extern "C" fn on_leave_slowly<const HOW: u8>(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([code, offset, what]) = (unsafe { arguments(args, count) }) else {
        return callback::too_few(3, count);
    };
    let now = clock::now();
    guard(|| {
        // SAFETY: CPython calls us with the GIL held.
        unsafe {
            let mut thread = registry::current();
            if !thread.is_null() && (*thread).recorder.follows_steps() {
                (*thread).recorder.end_step_as(*code as Key, steps::ending::<HOW>(*what));
                thread = steps::name_task(thread, HOW == PARKED, now);
            }
            if !thread.is_null() {
                events::placed_at(thread, *offset);
                events::leave_at(thread, *code as Key, now);
            }
        }
    });
    none()
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
            if let Some(thread) = registry::current_plain()
                && thread.as_ref().counts_builtins
            {
                match builtin::look_at(*callable, *first, missing()) {
                    Seen::Key(key) if events::enter_quickly(thread, key) => return none(),
                    Seen::Uncounted => return none(),
                    _ => {}
                }
            }
        }
        on_call_slowly(callback, args, count, names)
    }
}

#[inline(never)]
pub unsafe extern "C" fn on_call_slowly(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([code, offset, callable, first]) = (unsafe { arguments(args, count) }) else {
        return callback::too_few(4, count);
    };
    guard(|| {
        // SAFETY: CPython calls us with the GIL held and live objects.
        unsafe {
            let thread = registry::current();
            if thread.is_null() || !(*thread).counts_builtins {
                return;
            }
            events::placed_at(thread, *offset);
            if builtin::key_of_call(*callable, *first, missing()).is_some() {
                events::enter(thread, Callee::Builtin(Builtin::of_counted(*callable, *first)));
            } else {
                events::uncounted(thread, *callable, (*code, *offset));
            }
        }
    });
    none()
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
            if let Some(thread) = registry::current_plain()
                && thread.as_ref().counts_builtins
            {
                match builtin::look_at(*callable, *first, missing()) {
                    // The clock isn't read before: where it isn't needed, that would cost more than all the rest.
                    Seen::Key(key) if events::leave_quickly(thread, key, clock::counter()) => return none(),
                    Seen::Uncounted => return none(),
                    _ => {}
                }
            }
        }
        on_call_over_slowly(callback, args, count, names)
    }
}

#[inline(never)]
pub unsafe extern "C" fn on_call_over_slowly(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([_, offset, callable, first]) = (unsafe { arguments(args, count) }) else {
        return callback::too_few(4, count);
    };
    guard(|| {
        // SAFETY: CPython calls us with the GIL held and live objects.
        unsafe {
            let thread = registry::current();
            if thread.is_null() || !(*thread).counts_builtins {
                return;
            }
            events::placed_at(thread, *offset);
            if let Some(key) = builtin::key_of_call(*callable, *first, missing()) {
                events::leave(thread, key);
            }
        }
    });
    none()
}

/// Notes the object that stands for "no first argument".
pub fn set_missing(missing: &Bound<'_, PyAny>) {
    MISSING.store(missing.as_ptr() as usize, Ordering::Relaxed);
}

/// That object.
#[inline(always)]
pub fn missing() -> *mut PyObject {
    MISSING.load(Ordering::Relaxed) as *mut PyObject
}
