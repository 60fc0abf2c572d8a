//! The common case of an event, by how the thread's calls are kept: what both ordinary hooks try first.

use std::ptr::NonNull;

use lsprof_engine::{Ending, Key, Step, Ticks, clock};

use crate::collect::collector::ThreadRecorder;
use crate::collect::events;

/// A way to keep calls. Each function does the whole of an event, or says false and has done nothing.
///
/// # Safety
/// Of all of them: from a hook, the GIL is held; `thread` is the running thread's, and keeps calls so; calls of the kind count.
pub trait Quick {
    /// The moment of an event, read as early as can be; nothing where calls aren't timed.
    #[inline(always)]
    fn moment() -> Ticks {
        clock::counter()
    }

    /// A call begins.
    unsafe fn enter(thread: NonNull<ThreadRecorder>, key: Key) -> bool;

    /// A call is over, since `now`.
    unsafe fn leave(thread: NonNull<ThreadRecorder>, key: Key, now: Ticks) -> bool;

    /// [`Quick::enter`] of a Python function. `step`, which runs no Python, says what goes on, where steps are followed.
    #[inline(always)]
    unsafe fn enter_step(
        thread: NonNull<ThreadRecorder>,
        key: Key,
        _step: impl FnOnce() -> Option<Step>,
    ) -> bool {
        // SAFETY: as this function's.
        unsafe { Self::enter(thread, key) }
    }

    /// [`Quick::leave`] of a Python function; `ending`, likewise, says how the step ends, and `may_park` whether it may go on.
    #[inline(always)]
    unsafe fn leave_step(
        thread: NonNull<ThreadRecorder>,
        key: Key,
        _may_park: bool,
        _ending: impl FnOnce() -> Ending,
        now: Ticks,
    ) -> bool {
        // SAFETY: as this function's.
        unsafe { Self::leave(thread, key, now) }
    }
}

/// Calls are timed, and nothing else. Calls nothing on the way, so that a hook needs no stack frame.
pub struct Plain;

impl Quick for Plain {
    #[inline(always)]
    unsafe fn enter(thread: NonNull<ThreadRecorder>, key: Key) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { events::enter_quickly(thread, key) }
    }

    #[inline(always)]
    unsafe fn leave(thread: NonNull<ThreadRecorder>, key: Key, now: Ticks) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { events::leave_quickly(thread, key, now) }
    }
}

/// Calls are counted, and the clock, which takes as long as all the rest, isn't read. Likewise calls nothing.
pub struct Untimed;

impl Quick for Untimed {
    #[inline(always)]
    fn moment() -> Ticks {
        Ticks::default()
    }

    #[inline(always)]
    unsafe fn enter(thread: NonNull<ThreadRecorder>, key: Key) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { events::count_quickly(thread, key) }
    }

    #[inline(always)]
    unsafe fn leave(thread: NonNull<ThreadRecorder>, key: Key, _now: Ticks) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { events::end_quickly(thread, key) }
    }
}

/// Details are kept, and most calls need little of them: what [`Extended`] does of these without calling anything on the way.
pub struct Lean;

impl Quick for Lean {
    #[inline(always)]
    unsafe fn enter(thread: NonNull<ThreadRecorder>, key: Key) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { events::enter_leanly(thread, key) }
    }

    #[inline(always)]
    unsafe fn leave(thread: NonNull<ThreadRecorder>, key: Key, now: Ticks) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { events::leave_leanly(thread, key, now) }
    }
}

/// Calls are timed, and full stacks or details kept.
pub struct Extended;

impl Quick for Extended {
    #[inline(always)]
    unsafe fn enter(thread: NonNull<ThreadRecorder>, key: Key) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { events::enter_extended_quickly(thread, key, || None) }
    }

    #[inline(always)]
    unsafe fn leave(thread: NonNull<ThreadRecorder>, key: Key, now: Ticks) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { events::leave_extended_quickly(thread, key, || Ending::Parked, now) }
    }

    #[inline(always)]
    unsafe fn enter_step(
        thread: NonNull<ThreadRecorder>,
        key: Key,
        step: impl FnOnce() -> Option<Step>,
    ) -> bool {
        // SAFETY: by the trait's contract.
        unsafe { events::enter_extended_quickly(thread, key, step) }
    }

    #[inline(always)]
    unsafe fn leave_step(
        thread: NonNull<ThreadRecorder>,
        key: Key,
        may_park: bool,
        ending: impl FnOnce() -> Ending,
        now: Ticks,
    ) -> bool {
        // SAFETY: by the trait's contract. A name is asked for in Python.
        unsafe {
            !thread.as_ref().recorder.wants_task_name(may_park, now)
                && events::leave_extended_quickly(thread, key, ending, now)
        }
    }
}
