//! The callbacks of `sys.monitoring`: what CPython calls for each event.
//!
//! There is a set of them for each way in which all enabled profiles may keep calls. Each callback does the common case of its way
//! itself; for all others it hands its arguments on, as its last step, to a slower one that begins again and knows all ways. Where
//! the common case calls nothing, it needs no stack frame of its own.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use lsprof_engine::{Ending, Key, Step, Ticks, clock};
use pyo3::ffi::PyObject;
use pyo3::prelude::*;

use super::quick::{Extended, Lean, Plain, Quick, Untimed};
use super::rests;
use super::steps::{self, CALLBACKS, PARKED, RESUMED, RETURNED, STARTED, THROWN, UNWOUND};
use crate::collect::collector::{ThreadRecorder, Timing};
use crate::collect::events::{self, Callee};
use crate::collect::registry;
use crate::ffi::builtin::{self, Builtin, Seen};
use crate::ffi::callback::{self, Vectorcall, arguments, none};
use crate::ffi::trampoline::guard;

/// Where an event goes.
pub enum Here {
    /// Nobody wants it.
    Nobody,
    /// To this recorder, which may keep calls as the callbacks expect.
    To(NonNull<ThreadRecorder>),
    /// That has to be found out.
    Unknown,
}

/// A way that callbacks try first.
pub trait Tried: Quick {
    /// What is called next where this way says no: callbacks in the order of `monitoring::Callback`.
    const OTHERWISE: [Vectorcall; CALLBACKS] = SLOWLY;

    /// Where an event goes.
    ///
    /// # Safety
    /// The GIL is held.
    unsafe fn here() -> Here;
}

impl Tried for Plain {
    #[inline(always)]
    unsafe fn here() -> Here {
        // SAFETY: by this function's contract.
        unsafe { registry::current_plain() }.map_or(Here::Unknown, Here::To)
    }
}

impl Tried for Untimed {
    #[inline(always)]
    unsafe fn here() -> Here {
        // SAFETY: by this function's contract.
        unsafe { registry::current_untimed() }.map_or(Here::Unknown, Here::To)
    }
}

impl Tried for Lean {
    const OTHERWISE: [Vectorcall; CALLBACKS] = trying::<Extended>();

    #[inline(always)]
    unsafe fn here() -> Here {
        // SAFETY: by this function's contract.
        unsafe { registry::current_extended() }.map_or(Here::Unknown, Here::To)
    }
}

impl Tried for Extended {
    #[inline(always)]
    unsafe fn here() -> Here {
        // SAFETY: by this function's contract.
        unsafe { registry::current_extended() }.map_or(Here::Unknown, Here::To)
    }
}

/// Where an event goes depends on the context; there, calls are timed plainly.
pub struct InContexts;

impl Tried for InContexts {
    const OTHERWISE: [Vectorcall; CALLBACKS] = trying::<ExtendedInContexts>();

    #[inline(always)]
    unsafe fn here() -> Here {
        // SAFETY: by this function's contract.
        let Some(thread) = (unsafe { registry::current_in_context() }) else { return Here::Unknown };
        let thread = NonNull::new(thread);
        if thread.is_none() {
            // SAFETY: as above.
            unsafe { rests::event_of_nobody() };
        }
        thread.map_or(Here::Nobody, Here::To)
    }
}

impl Quick for InContexts {
    #[inline(always)]
    unsafe fn enter(thread: NonNull<ThreadRecorder>, key: Key) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { thread.as_ref().timing == Timing::Plain && Plain::enter(thread, key) }
    }

    #[inline(always)]
    unsafe fn leave(thread: NonNull<ThreadRecorder>, key: Key, now: Ticks) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { thread.as_ref().timing == Timing::Plain && Plain::leave(thread, key, now) }
    }
}

/// The same where full stacks or details are kept.
pub struct ExtendedInContexts;

impl Tried for ExtendedInContexts {
    #[inline(always)]
    unsafe fn here() -> Here {
        // SAFETY: by this function's contract.
        unsafe { InContexts::here() }
    }
}

impl Quick for ExtendedInContexts {
    #[inline(always)]
    unsafe fn enter(thread: NonNull<ThreadRecorder>, key: Key) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { thread.as_ref().timing == Timing::Extended && Extended::enter(thread, key) }
    }

    #[inline(always)]
    unsafe fn leave(thread: NonNull<ThreadRecorder>, key: Key, now: Ticks) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { thread.as_ref().timing == Timing::Extended && Extended::leave(thread, key, now) }
    }

    #[inline(always)]
    unsafe fn enter_step(
        thread: NonNull<ThreadRecorder>,
        key: Key,
        step: impl FnOnce() -> Option<Step>,
    ) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { thread.as_ref().timing == Timing::Extended && Extended::enter_step(thread, key, step) }
    }

    #[inline(always)]
    unsafe fn leave_step(
        thread: NonNull<ThreadRecorder>,
        key: Key,
        may_park: bool,
        ending: impl FnOnce() -> Ending,
        now: Ticks,
    ) -> bool {
        // SAFETY: by the trait's contract.
        unsafe {
            thread.as_ref().timing == Timing::Extended
                && Extended::leave_step(thread, key, may_park, ending, now)
        }
    }
}

/// The callbacks that try this way first, in the order of `monitoring::Callback`.
pub const fn trying<W: Tried>() -> [Vectorcall; CALLBACKS] {
    [
        on_enter::<W, STARTED>,
        on_enter::<W, RESUMED>,
        on_enter::<W, THROWN>,
        on_leave::<W, RETURNED>,
        on_leave::<W, PARKED>,
        on_leave::<W, UNWOUND>,
        on_call::<W>,
        on_call_over::<W>,
    ]
}

/// Those that know all ways.
const SLOWLY: [Vectorcall; CALLBACKS] = [
    on_enter_slowly::<STARTED>,
    on_enter_slowly::<RESUMED>,
    on_enter_slowly::<THROWN>,
    on_leave_slowly::<RETURNED>,
    on_leave_slowly::<PARKED>,
    on_leave_slowly::<UNWOUND>,
    on_call_slowly,
    on_call_over_slowly,
];
/// Where in these arrays those stand that tell of a beginning, of an end, and of built-ins.
const ENTERS: usize = 0;
const LEAVES: usize = 3;
const CALL: usize = 6;
const CALL_OVER: usize = 7;

/// `sys.monitoring.MISSING`'s address: it stands for "no first argument".
static MISSING: AtomicUsize = AtomicUsize::new(0);

/// PY_START, PY_RESUME (code, offset), PY_THROW (code, offset, exception).
unsafe extern "C" fn on_enter<W: Tried, const HOW: u8>(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's; the GIL is held.
    unsafe {
        if let Some([code, _]) = arguments(args, count) {
            match W::here() {
                Here::Nobody => return none(),
                Here::To(thread) if W::enter_step(thread, *code as Key, || steps::step::<HOW>(*code)) => {
                    return none();
                }
                _ => {}
            }
        }
        W::OTHERWISE[ENTERS + HOW as usize](callback, args, count, names)
    }
}

#[inline(never)]
unsafe extern "C" fn on_enter_slowly<const HOW: u8>(
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
unsafe extern "C" fn on_leave<W: Tried, const HOW: u8>(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    let now = W::moment();
    // SAFETY: args and count are CPython's; the GIL is held.
    unsafe {
        if let Some([code, _, what]) = arguments(args, count) {
            let ending = || steps::ending::<HOW>(*what);
            match W::here() {
                Here::Nobody => return none(),
                Here::To(thread) if W::leave_step(thread, *code as Key, HOW == PARKED, ending, now) => {
                    return none();
                }
                _ => {}
            }
        }
        W::OTHERWISE[LEAVES + HOW as usize](callback, args, count, names)
    }
}

#[inline(never)]
unsafe extern "C" fn on_leave_slowly<const HOW: u8>(
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
unsafe extern "C" fn on_call<W: Tried>(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's; the GIL is held and the objects are alive.
    unsafe {
        if let Some([_, _, callable, first]) = arguments(args, count) {
            match W::here() {
                Here::Nobody => return none(),
                Here::To(thread) if thread.as_ref().counts_builtins => {
                    match builtin::look_at(*callable, *first, missing()) {
                        Seen::Key(key) if W::enter(thread, key) => return none(),
                        Seen::Uncounted => return none(),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        W::OTHERWISE[CALL](callback, args, count, names)
    }
}

#[inline(never)]
unsafe extern "C" fn on_call_slowly(
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
unsafe extern "C" fn on_call_over<W: Tried>(
    callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's; the GIL is held and the objects are alive.
    unsafe {
        if let Some([_, _, callable, first]) = arguments(args, count) {
            match W::here() {
                Here::Nobody => return none(),
                Here::To(thread) if thread.as_ref().counts_builtins => {
                    match builtin::look_at(*callable, *first, missing()) {
                        // The clock isn't read before: where it isn't needed, that would cost more than all the rest.
                        Seen::Key(key) if W::leave(thread, key, W::moment()) => return none(),
                        Seen::Uncounted => return none(),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
        W::OTHERWISE[CALL_OVER](callback, args, count, names)
    }
}

#[inline(never)]
unsafe extern "C" fn on_call_over_slowly(
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
fn missing() -> *mut PyObject {
    MISSING.load(Ordering::Relaxed) as *mut PyObject
}
