//! What an event does, whichever hook it came through: enter or leave, on this thread's recorder.

use std::ptr::NonNull;

use lsprof_engine::cells::Link;
use lsprof_engine::{Ending, Form, Frame, Key, Kind, Pauses, Step, Ticks, clock};
use pstats_compat::COLLECTION;
use pstats_compat::waiting::{only_calls, only_works};
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::collect::collector::{ThreadRecorder, Timing};
use crate::collect::followed::Followed;
#[cfg(Py_3_12)]
use crate::collect::kinds;
use crate::collect::kinds::Calibration;
use crate::collect::{greenlets, labels, registry};
use crate::ffi::attach::in_python;
use crate::ffi::builtin::Builtin;
#[cfg(Py_3_12)]
use crate::ffi::callable;

/// What is called.
#[derive(Clone, Copy)]
pub enum Callee {
    /// A Python function, generator or coroutine: its code object.
    Python(*mut PyObject),
    /// A built-in.
    Builtin(Builtin),
    /// The collector of garbage.
    Collection,
}

/// What stands for the collector: an address of ours, which nothing else has.
static COLLECTOR: u64 = 0;

impl Callee {
    /// What tells it from all others.
    #[inline(always)]
    pub fn key(self) -> Key {
        match self {
            Callee::Collection => std::ptr::from_ref(&COLLECTOR).addr(),
            Callee::Python(code) => code as Key,
            Callee::Builtin(builtin) => builtin.definition as Key,
        }
    }

    /// Where it may stand still for another reason than to wait for the GIL; `code` is [`Callee::code`]. A built-in that compresses
    /// or hashes without the GIL waits for it when it is done, and for nothing else. Of one that only
    /// calls what it is given, the end of the gap tells: from 3.13 on a thread loses the GIL at the entry of a function, before
    /// the hook hears of the call.
    fn pauses(self, code: &Bound<'_, PyAny>) -> Pauses {
        let label = code.cast::<PyString>().ok().and_then(|label| label.to_str().ok());
        match self {
            Callee::Python(_) | Callee::Collection => Pauses::Never,
            Callee::Builtin(_) if label.is_some_and(only_works) => Pauses::Never,
            Callee::Builtin(_) if label.is_some_and(only_calls) => Pauses::BeforeItEnds,
            Callee::Builtin(_) => Pauses::Anywhere,
        }
    }

    /// The callee's kind, for compensation.
    fn kind(self, py: Python<'_>, calibration: &Calibration) -> Kind {
        match self {
            Callee::Python(code) => {
                // SAFETY: the code object is the running frame's, so it is alive.
                let code = unsafe { Bound::from_borrowed_ptr(py, code) };
                calibration.of_python(&code)
            }
            // SAFETY: the call is going on.
            Callee::Builtin(builtin) => calibration.of_builtin(builtin, unsafe { builtin.convention() }),
            // Nothing of it is reported.
            Callee::Collection => Kind::default(),
        }
    }

    /// What cProfile calls `code`: the code object (kept alive from now on), or the built-in's label.
    fn code(self, py: Python<'_>) -> Py<PyAny> {
        match self {
            // SAFETY: the code object is the running frame's, so it is alive.
            Callee::Python(code) => unsafe { Bound::from_borrowed_ptr(py, code) }.unbind(),
            // SAFETY: the call is going on, the GIL is held, and `in_python` put exceptions aside.
            Callee::Builtin(builtin) => PyString::new(py, &unsafe { builtin.label(py) }).into_any().unbind(),
            Callee::Collection => PyString::new(py, COLLECTION).into_any().unbind(),
        }
    }
}

/// [`enter`] in the common case: a known function, timed plainly. Otherwise false, and nothing is done.
///
/// # Safety
/// From a hook: the GIL is held. `thread` is [`registry::current_plain`], and such calls count.
#[inline(always)]
pub unsafe fn enter_quickly(mut thread: NonNull<ThreadRecorder>, key: Key) -> bool {
    // SAFETY: the recorder is this thread's own, valid until a profile changes, which happens only in Python code.
    unsafe { thread.as_mut() }.recorder.enter_quickly(key, clock::counter)
}

/// [`leave`] in the common case. Otherwise false, and nothing is done. `now` was read as early as could be.
///
/// # Safety
/// As for [`enter_quickly`].
#[inline(always)]
pub unsafe fn leave_quickly(mut thread: NonNull<ThreadRecorder>, key: Key, now: Ticks) -> bool {
    // SAFETY: as in `enter_quickly`.
    unsafe { thread.as_mut() }.recorder.leave_quickly(key, now)
}

/// [`enter_quickly`] with details, of a call that needs nothing of them.
///
/// # Safety
/// As for [`enter_quickly`], of [`registry::current_extended`].
#[inline(always)]
pub unsafe fn enter_leanly(mut thread: NonNull<ThreadRecorder>, key: Key) -> bool {
    // SAFETY: as in `enter_quickly`.
    unsafe { thread.as_mut() }.recorder.enter_leanly(key, clock::counter)
}

/// [`leave_quickly`] with details, of a call that needs little of them.
///
/// # Safety
/// As for [`enter_leanly`].
#[inline(always)]
pub unsafe fn leave_leanly(mut thread: NonNull<ThreadRecorder>, key: Key, now: Ticks) -> bool {
    // SAFETY: as in `enter_quickly`.
    unsafe { thread.as_mut() }.recorder.leave_leanly(key, now)
}

/// [`enter_quickly`] with full stacks or details. `step`, which runs no Python, says what goes on, where steps are followed.
///
/// # Safety
/// As for [`enter_quickly`], of [`registry::current_extended`].
#[inline(always)]
pub unsafe fn enter_extended_quickly(
    mut thread: NonNull<ThreadRecorder>,
    key: Key,
    step: impl FnOnce() -> Option<Step>,
) -> bool {
    // SAFETY: as in `enter_quickly`.
    unsafe { thread.as_mut() }.recorder.enter_extended_quickly(key, step, clock::counter)
}

/// [`leave_quickly`] with full stacks or details; `ending`, likewise, how the step ends.
///
/// # Safety
/// As for [`enter_extended_quickly`].
#[inline(always)]
pub unsafe fn leave_extended_quickly(
    mut thread: NonNull<ThreadRecorder>,
    key: Key,
    ending: impl FnOnce() -> Ending,
    now: Ticks,
) -> bool {
    // SAFETY: as in `enter_quickly`.
    unsafe { thread.as_mut() }.recorder.leave_extended_quickly(key, ending, now)
}

/// [`enter_quickly`] where calls are counted and not timed.
///
/// # Safety
/// As for [`enter_quickly`], of [`registry::current_untimed`].
#[inline(always)]
pub unsafe fn count_quickly(mut thread: NonNull<ThreadRecorder>, key: Key) -> bool {
    // SAFETY: as in `enter_quickly`.
    unsafe { thread.as_mut() }.recorder.enter_untimed_quickly(key)
}

/// [`leave_quickly`] where calls are counted and not timed.
///
/// # Safety
/// As for [`count_quickly`].
#[inline(always)]
pub unsafe fn end_quickly(mut thread: NonNull<ThreadRecorder>, key: Key) -> bool {
    // SAFETY: as in `enter_quickly`.
    unsafe { thread.as_mut() }.recorder.leave_untimed_quickly(key)
}

/// A call begins.
///
/// # Safety
/// From a hook: the GIL is held, and the callee is alive. `thread` is [`registry::current`], not null.
pub unsafe fn enter(thread: *mut ThreadRecorder, callee: Callee) {
    // SAFETY: by this function's contract.
    unsafe { enter_if(thread, callee, || true) };
}

/// [`enter`]; of a function that is new, if `is_ours` says so once it is known what it is: another hook may have taken over meanwhile.
#[inline(always)]
unsafe fn enter_if(thread: *mut ThreadRecorder, callee: Callee, is_ours: fn() -> bool) {
    let began = clock::now();
    // SAFETY: the recorder is this thread's own, valid until a profile changes, which happens only in Python
    // code; after any that may have run (below), it is looked up anew.
    let this = unsafe { &mut *thread };
    if this.recorder.enter(callee.key()) {
        // SAFETY: as this function's.
        unsafe { start(thread, began) };
    } else if this.recorder.hides(callee.key()) {
        this.recorder.enter_hidden(began);
        if this.timing == Timing::Compensated {
            this.recorder.spend_on_hidden(callee.key(), clock::now().since(began));
        }
    } else {
        // SAFETY: as this function's.
        unsafe { enter_new(callee, began, is_ours) };
    }
}

#[inline(always)]
unsafe fn start(thread: *mut ThreadRecorder, began: Ticks) {
    // SAFETY: as in `enter`.
    let this = unsafe { &mut *thread };
    this.recorder.prepare();
    match this.timing {
        Timing::Plain | Timing::Extended | Timing::Clock => this.recorder.start(clock::now()),
        Timing::Sampled => this.recorder.start_untimed(),
        Timing::Compensated => this.recorder.start_extended(began, clock::now()),
        // SAFETY: as this function's.
        Timing::Timer => unsafe { start_timed(thread) },
        // SAFETY: as this function's.
        Timing::Unsettled => unsafe { start_unsettled(thread, began) },
    }
    // SAFETY: as above: what may have run Python has looked that the recorder is there.
    unsafe { (*thread).recorder.start_step() };
}

/// A call is over.
///
/// # Safety
/// As for [`enter`].
pub unsafe fn leave(thread: *mut ThreadRecorder, key: Key) {
    // SAFETY: as this function's.
    unsafe { leave_at(thread, key, clock::now()) };
}

/// [`leave`], of a call that was over at `now`.
///
/// # Safety
/// As for [`enter`].
pub unsafe fn leave_at(thread: *mut ThreadRecorder, key: Key, now: Ticks) {
    // SAFETY: as in `enter`.
    let this = unsafe { &mut *thread };
    let now = this.recorder.time_of_event(now);
    match this.timing {
        Timing::Plain | Timing::Extended | Timing::Clock => _ = this.recorder.leave_extended(key, now),
        Timing::Sampled => _ = this.recorder.leave_untimed(key),
        Timing::Compensated => {
            let is_recorded = this.recorder.leave_extended(key, now) || !this.recorder.hides(key);
            let time = clock::now().since(now);
            if is_recorded { this.recorder.spend(time) } else { this.recorder.spend_on_hidden(key, time) }
        }
        // SAFETY: as this function's.
        Timing::Timer => unsafe { leave_timed(thread, key) },
        // SAFETY: as this function's.
        Timing::Unsettled => unsafe { leave_unsettled(thread, key, now) },
    }
}

/// A call was reported that is none of a built-in: it costs, although it isn't counted.
///
/// # Safety
/// As for [`enter`]; `callable` is alive, and is called in this code at this offset.
#[cfg(Py_3_12)]
#[inline(always)]
pub unsafe fn uncounted(
    thread: *mut ThreadRecorder,
    callable: *mut PyObject,
    (code, offset): (*mut PyObject, *mut PyObject),
) {
    // SAFETY: as in `enter`.
    let this = unsafe { &mut *thread };
    if this.timing == Timing::Compensated {
        // SAFETY: by this function's contract.
        let kind = kinds::of_uncounted(unsafe { callable::look_at(callable, code, offset) });
        this.recorder.spend_on(kind);
    }
}

/// The interpreter has made an object for an event's place in the code, as it does in long functions.
///
/// # Safety
/// As for [`enter`], or [`leave`], which follows.
#[cfg(Py_3_12)]
#[inline(always)]
pub unsafe fn placed_at(thread: *mut ThreadRecorder, offset: *mut PyObject) {
    // SAFETY: as in `enter`; the offset is alive.
    unsafe {
        // Those that it keeps are immortal, and have many references.
        if (*thread).timing == Timing::Compensated && pyo3::ffi::Py_REFCNT(offset) == 1 {
            (*thread).recorder.spend_on(kinds::LARGE_OFFSET);
        }
    }
}

/// A call that began in [`enter_frame`]: to be ended once, by [`leave_frame`].
#[derive(Clone, Copy)]
pub struct OpenCall {
    frame: Link<Frame>,
    key: Key,
    /// The call around it.
    outer: Option<Link<Frame>>,
}

/// A call of a Python function begins, in a hook that is on the C stack until it is over. `None` if it isn't counted, as one isn't
/// whose function had to be looked at first, if `is_ours` says no then.
///
/// # Safety
/// As for [`enter`].
#[inline(always)]
pub unsafe fn enter_frame(
    thread: *mut ThreadRecorder,
    code: *mut PyObject,
    is_ours: fn() -> bool,
) -> Option<OpenCall> {
    let key = code as Key;
    // SAFETY: as this function's.
    unsafe {
        if (*thread).timing != Timing::Plain || !enter_quickly(NonNull::new_unchecked(thread), key) {
            let is_counted = (*thread).timing == Timing::Sampled
                && (*thread).recorder.has_subcalls()
                && count_quickly(NonNull::new_unchecked(thread), key);
            if !is_counted {
                return enter_frame_slowly(thread, code, is_ours);
            }
        }
        let frame = (*thread).recorder.top();
        Some(OpenCall { frame, key, outer: (*thread).evaluating.replace(frame) })
    }
}

#[cold]
#[inline(never)]
unsafe fn enter_frame_slowly(
    thread: *mut ThreadRecorder,
    code: *mut PyObject,
    is_ours: fn() -> bool,
) -> Option<OpenCall> {
    // SAFETY: as for `enter_frame`.
    let before = unsafe { (*thread).recorder.top() };
    // SAFETY: as for `enter_frame`.
    unsafe { enter_if(thread, Callee::Python(code), is_ours) };
    // SAFETY: the GIL is held; looked up anew, since `enter` may have run Python.
    let thread = unsafe { registry::current().as_mut() }?;
    let frame = thread.recorder.top();
    if frame == before {
        return None;
    }
    let outer = thread.evaluating.replace(frame);
    Some(OpenCall { frame, key: code as Key, outer })
}

/// The call that is being evaluated has returned, and its frame is being cleared: from here on its caller calls.
///
/// # Safety
/// As for [`enter`].
#[cold]
#[inline(never)]
pub unsafe fn leave_cleared_frame(thread: *mut ThreadRecorder) {
    // SAFETY: as in `enter`.
    let this = unsafe { &mut *thread };
    if this.evaluating.take().is_some_and(|frame| frame == this.recorder.top()) {
        // SAFETY: as this function's.
        unsafe { leave(thread, this.recorder.top_key()) };
    }
}

/// The call is over. Does nothing if the profile has ended it since, or another hook has.
///
/// # Safety
/// As for [`enter`]; `thread` is looked up after the call.
#[inline(always)]
pub unsafe fn leave_frame(call: OpenCall, thread: *mut ThreadRecorder) {
    let now = clock::counter();
    // SAFETY: as in `enter`.
    let this = unsafe { &mut *thread };
    this.evaluating = call.outer;
    if this.timing != Timing::Plain || !this.recorder.leave_frame(call.frame, call.key, now) {
        let is_counted =
            this.timing == Timing::Sampled && this.recorder.leave_frame_untimed(call.frame, call.key);
        if !is_counted {
            // SAFETY: as this function's.
            unsafe { leave_frame_slowly(call, thread) };
        }
    }
}

/// As [`leave_frame`], where another hook may have seen the end of the call, too: only if it is the newest one.
///
/// # Safety
/// As for [`leave_frame`].
#[cold]
#[inline(never)]
pub unsafe fn leave_top_frame(call: OpenCall, thread: *mut ThreadRecorder) {
    // SAFETY: as in `enter`.
    let recorder = unsafe { &(*thread).recorder };
    if recorder.top() == call.frame && recorder.top_key() == call.key {
        // SAFETY: as this function's.
        unsafe { leave(thread, call.key) };
    }
}

/// Timed otherwise, or where the call isn't the newest one: what is above it missed its leave and ends, too.
#[cold]
#[inline(never)]
unsafe fn leave_frame_slowly(call: OpenCall, thread: *mut ThreadRecorder) {
    // SAFETY: as this function's.
    unsafe { leave_if_open(call.frame, call.key, thread) }
}

/// The call is over that was the newest when [`lsprof_engine::Recorder::top`] gave `frame`, unless somebody has ended it.
///
/// # Safety
/// As for [`leave_frame`].
#[cold]
#[inline(never)]
pub unsafe fn leave_if_open(frame: Link<Frame>, key: Key, thread: *mut ThreadRecorder) {
    // SAFETY: as in `enter`.
    while unsafe { (*thread).recorder.has_open(frame, key) } {
        // SAFETY: as in `enter`.
        let top = unsafe { (*thread).recorder.top_key() };
        // SAFETY: as this function's. It always finds the top frame.
        unsafe { leave(thread, top) };
    }
}

/// The first call of a function in this thread: finds out what it is. Calls Python, so anything may have
/// changed when that is done.
#[cold]
#[inline(never)]
unsafe fn enter_new(callee: Callee, began: Ticks, is_ours: fn() -> bool) {
    let look_up = |py: Python<'_>| {
        let Some(collector) = registry::current_collector(py) else { return };
        registry::look_for_threads(py);
        // If it has labels already, there will be a word of the next one.
        labels::find(py);
        collector.tell_waits(py);
        let function = collector.intern(py, callee.key(), || callee.code(py));
        // SAFETY: the GIL is held.
        let thread = unsafe { registry::current() };
        // SAFETY: not null, and just looked up.
        let Some(this) = (unsafe { thread.as_mut() }) else { return };
        if !this.belongs_to(&collector) {
            return;
        }
        if !this.thread.has_name() {
            this.thread.learn_name(py);
        }
        if !greenlets::follow(py, this) {
            collector.await_greenlets();
            registry::forget_cached(py);
        }
        // SAFETY: as above; the collector has kept its recorders.
        let Some(this) = (unsafe { thread.as_mut() }) else { return };
        let kind = collector.kind(|calibration| callee.kind(py, calibration));
        let pauses = callee.pauses(&collector.code(py, function));
        if !collector.shows(py, function) {
            this.recorder.hide(callee.key(), kind, pauses);
            return;
        }
        this.recorder.define_pausing(callee.key(), function, kind, pauses);
        if let (Callee::Python(code), Some(followed)) = (callee, collector.follows()) {
            // SAFETY: the code object is the running frame's, so it is alive.
            let code = unsafe { Bound::from_borrowed_ptr(py, code) };
            this.recorder.set_form(callee.key(), form(&code, followed));
        }
        if !is_ours() {
            return;
        }
        this.recorder.enter(callee.key());
        // SAFETY: as this function's.
        unsafe { start(thread, began) };
    };
    // SAFETY: a hook holds the GIL.
    unsafe { in_python(look_up) };
}

/// What a function makes of its calls.
fn form(code: &Bound<'_, PyAny>, followed: Followed) -> Form {
    /// `inspect.CO_GENERATOR`, `CO_COROUTINE`, `CO_ITERABLE_COROUTINE`, `CO_ASYNC_GENERATOR`.
    const GENERATOR: u32 = 0x20;
    const COROUTINE: u32 = 0x80;
    const ITERABLE_COROUTINE: u32 = 0x100;
    const ASYNC_GENERATOR: u32 = 0x200;
    let flags = code.getattr("co_flags").and_then(|flags| flags.extract::<u32>()).unwrap_or(0);
    let has = |flag: u32| flags & flag != 0;
    if has(COROUTINE | ITERABLE_COROUTINE) {
        Form::COROUTINE
    } else if has(ASYNC_GENERATOR) {
        Form::ASYNC_GENERATOR
    } else if has(GENERATOR) {
        if followed.generators { Form::FOLLOWED_GENERATOR } else { Form::GENERATOR }
    } else if is_callback(code) {
        Form::CALLBACK
    } else {
        Form::PLAIN
    }
}

/// Whether an event loop calls a function for each thing that there is to do: all of asyncio's come through one.
fn is_callback(code: &Bound<'_, PyAny>) -> bool {
    let text = |name: &str| code.getattr(name).and_then(|text| text.extract::<String>()).unwrap_or_default();
    text("co_qualname") == "Handle._run" && text("co_filename").ends_with("asyncio/events.py")
}

/// Looks whether greenlet is there by now. Returns how the profile's calls are timed.
unsafe fn settle(thread: *mut ThreadRecorder) -> Timing {
    let look = |py: Python<'_>| {
        let collector = registry::current_collector(py)?;
        // SAFETY: as in `enter`; what runs here calls greenlet alone, which lets no profile change.
        let this = unsafe { &mut *thread };
        if greenlets::follow(py, this) {
            this.timing = collector.timing();
            registry::forget_cached(py);
        }
        Some(collector.timing())
    };
    // SAFETY: a hook holds the GIL.
    unsafe { in_python(look) }.unwrap_or(Timing::Clock)
}

#[cold]
#[inline(never)]
unsafe fn start_unsettled(thread: *mut ThreadRecorder, began: Ticks) {
    // SAFETY: as in `enter`.
    unsafe {
        match settle(thread) {
            Timing::Timer => start_timed(thread),
            Timing::Sampled => (*thread).recorder.start_untimed(),
            Timing::Compensated => (*thread).recorder.start_extended(began, clock::now()),
            _ => (*thread).recorder.start(clock::now()),
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn leave_unsettled(thread: *mut ThreadRecorder, key: Key, now: Ticks) {
    // SAFETY: as in `enter`.
    unsafe {
        match settle(thread) {
            Timing::Timer => leave_timed(thread, key),
            Timing::Sampled => _ = (*thread).recorder.leave_untimed(key),
            _ => _ = (*thread).recorder.leave_extended(key, now),
        }
    }
}

/// Starts the frame's clock with a custom timer.
#[cold]
#[inline(never)]
unsafe fn start_timed(thread: *mut ThreadRecorder) {
    // SAFETY: as in `enter`; the timer is ours to keep while it runs.
    let Some(timer) = (unsafe { (*thread).timer.clone() }) else { return };
    // SAFETY: a hook holds the GIL.
    let now = unsafe { in_python(|py| timer.read(py)) };
    // SAFETY: a profile refuses to change while its timer runs, so the recorder is still there.
    unsafe { (*thread).recorder.start(now) };
}

#[cold]
#[inline(never)]
unsafe fn leave_timed(thread: *mut ThreadRecorder, key: Key) {
    // SAFETY: as in `enter`.
    let this = unsafe { &*thread };
    let Some(timer) = this.timer.clone() else { return };
    // Without a frame to close, cProfile doesn't read the timer either.
    if !this.recorder.expects(key) {
        return;
    }
    // SAFETY: a hook holds the GIL.
    let now = unsafe { in_python(|py| timer.read(py)) };
    // SAFETY: as in `start_timed`.
    unsafe { (*thread).recorder.leave_extended(key, now) };
}
