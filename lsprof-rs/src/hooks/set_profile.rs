//! `PyEval_SetProfile`, on 3.11: one profile function a thread.
//!
//! New threads are found where they are made: when `_thread.start_new_thread` returns, the new thread's state
//! is in the interpreter's list and has not run yet, since the GIL is still ours. Threads that C has made, and their states,
//! come without a word. They are looked for at moments that we have anyway, in [`find_new_threads`]; those that came and
//! went in between are counted.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::ffi::c_int;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use lsprof_engine::{Ending, Key, clock};
use pyo3::ffi::{
    PyFrameObject, PyObject, PyTrace_C_CALL, PyTrace_C_EXCEPTION, PyTrace_C_RETURN, PyTrace_CALL,
    PyTrace_RETURN,
};
use pyo3::prelude::*;

use super::quick::{Extended, Lean, Plain, Quick, Untimed};
use super::{steps, switches};
use crate::collect::collector::{ThreadRecorder, Timing};
use crate::collect::events::{self, Callee};
use crate::collect::kinds;
use crate::collect::registry::{self, Scope};
use crate::ffi::attach::in_python;
use crate::ffi::builtin::{self, Builtin};
use crate::ffi::gil::GilCell;
use crate::ffi::interpreter_frame;
use crate::ffi::profile_function::{self, ThreadHandle};
use crate::ffi::trampoline::guard;

pub const NAME: &str = "set_profile";
pub const REASON: &str = "sys.monitoring does not exist before 3.12";

/// Why it is the faster one for Python functions, too, if it is.
pub const FASTER_THAN_FRAMES: Option<&str> = None;

pub const ALL_THREADS_BY_DEFAULT: bool = false;

pub const REFUSES_SECOND_ENABLE: bool = false;

/// What there is one of.
pub const SLOT: &str = "the thread's profile function is in use";

/// The profile that watches all threads, and the numbers of the thread states that it is set in.
struct AllThreads {
    profiler: Py<PyAny>,
    states: HashSet<i64>,
    /// How many thread states there had been when it was enabled.
    made: i64,
    /// How many of those that came since have our function.
    found: usize,
    /// Whether a function that the program has set stays where it is.
    gives_way: bool,
}

static ALL_THREADS: GilCell<RefCell<Option<AllThreads>>> = GilCell::new(RefCell::new(None));

/// A profile that watches one thread.
struct OneThread {
    /// The thread state's number.
    state: i64,
    /// What `sys.getprofile()` returns there, where it isn't the Profiler.
    stand_in: Option<Py<PyAny>>,
}

/// Those, by the thread's number.
static THREADS: GilCell<RefCell<Option<HashMap<u64, OneThread>>>> = GilCell::new(RefCell::new(None));

/// The definition of `_thread.start_new_thread` while all threads are watched, else 0. (The module's older
/// name for it, `start_new`, has a definition of its own and is in nobody's use.)
static STARTS_THREAD: AtomicUsize = AtomicUsize::new(0);

/// With so many states those are forgotten that are gone.
const FORGET_AT: usize = 10_000;

/// How many thread states there had been when new ones were looked for last; beyond all numbers while nobody looks.
static LOOKED_AT: AtomicI64 = AtomicI64::new(i64::MAX);

/// Sets the profile function in this thread, or in all.
pub fn install(py: Python<'_>, scope: Scope, profiler: &Py<PyAny>) -> PyResult<()> {
    match scope {
        Scope::Thread(number) => {
            let state = ThreadHandle::current(py);
            let thread = OneThread { state: state.id(), stand_in: None };
            switches::forget(py, thread.state);
            THREADS.get(py).borrow_mut().get_or_insert_default().insert(number, thread);
            state.set_profile(py, Some(on_event), Some(profiler))
        }
        Scope::AllThreads => install_in_all(py, profiler, false),
        Scope::Context(_)
            if !watches_all_threads() && switches::begin(py, scope, registry::contexts_are_told(py))? =>
        {
            Ok(())
        }
        Scope::Context(_) => install_for_contexts(py),
    }
}

/// Sets the function in all threads: any of them may come to be in a context that is followed.
pub fn install_for_contexts(py: Python<'_>) -> PyResult<()> {
    if ALL_THREADS.get(py).borrow().is_none() {
        return install_in_all(py, &stand_in(py)?, false);
    }
    // The running one may be C's, and new.
    find_new_threads(py);
    Ok(())
}

/// What `sys.getprofile()` returns where no Profiler is at hand, or several are.
fn stand_in(py: Python<'_>) -> PyResult<Py<PyAny>> {
    Ok(py.get_type::<PyAny>().call0()?.unbind())
}

fn install_in_all(py: Python<'_>, profiler: &Py<PyAny>, gives_way: bool) -> PyResult<()> {
    switches::stop(py, false);
    let starter = py.import("_thread")?.getattr("start_new_thread")?;
    let starter = Builtin::of_object(&starter);
    STARTS_THREAD.store(starter.map_or(0, |starter| starter.definition as usize), Ordering::Relaxed);
    let made = ThreadHandle::made(py);
    let all =
        AllThreads { profiler: profiler.clone_ref(py), states: HashSet::new(), made, found: 0, gives_way };
    ALL_THREADS.get(py).replace(Some(all));
    watch_new_threads(py)
}

/// Takes the profile function away from where `install` and the threads' starts put it.
pub fn remove(py: Python<'_>, scope: Scope, profiler: Option<&Py<PyAny>>) -> PyResult<()> {
    match scope {
        Scope::Thread(number) => {
            let current = ThreadHandle::current(py);
            let removed = THREADS.get(py).borrow_mut().as_mut().and_then(|threads| threads.remove(&number));
            let Some(thread) = removed else { return Ok(()) };
            let state = ThreadHandle::all(py).into_iter().find(|state| state.id() == thread.state);
            let profiler = thread.stand_in.as_ref().or(profiler);
            match state {
                Some(state) if state.id() != current.id() || is_ours(py, profiler)? => {
                    state.set_profile(py, None, None)?;
                }
                // The thread has ended, or the program has set a function of its own.
                _ => {}
            }
            Ok(())
        }
        Scope::Context(_) if switches::are_on() => {
            switches::end(py, scope);
            Ok(())
        }
        Scope::AllThreads | Scope::Context(_) => remove_from_all(py),
    }
}

/// Takes it away from all threads, unless another profile needs it there.
fn remove_from_all(py: Python<'_>) -> PyResult<()> {
    if registry::any_ordinary_in_all_threads(py) {
        return Ok(());
    }
    STARTS_THREAD.store(0, Ordering::Relaxed);
    LOOKED_AT.store(i64::MAX, Ordering::Relaxed);
    let Some(all) = ALL_THREADS.get(py).take() else { return Ok(()) };
    let current = ThreadHandle::current(py);
    for state in ThreadHandle::all(py) {
        let here = state.id() == current.id();
        if all.states.contains(&state.id()) && (!here || is_ours(py, Some(&all.profiler))?) {
            state.set_profile(py, None, None)?;
        }
    }
    // One may have been enabled within this, by way of the garbage collector, and have lost what it had set.
    ALL_THREADS.get(py).borrow_mut().iter_mut().for_each(|all| all.states.clear());
    watch_new_threads(py)
}

/// What has to be known to set the function in a thread when that isn't running: its thread state's number.
pub type Place = i64;

/// The running thread's.
pub fn place(py: Python<'_>) -> Place {
    ThreadHandle::current(py).id()
}

/// Nothing to do: a profile function needs nothing beforehand.
pub fn reserve(_py: Python<'_>) -> PyResult<()> {
    Ok(())
}

/// Nothing to do.
pub fn release(_py: Python<'_>) -> PyResult<()> {
    Ok(())
}

/// Sets the function for a profile that frame evaluation has given back, except where the program has set its own in the
/// meantime: there, calls are lost. The Profiler isn't at hand, and frame evaluation kept nothing alive; so
/// `sys.getprofile()` returns a stand-in.
pub fn take_over(py: Python<'_>, scope: Scope, place: Place) -> PyResult<()> {
    let stand_in = stand_in(py)?;
    match scope {
        Scope::Thread(number) => {
            let mut states = ThreadHandle::all(py).into_iter();
            let Some(state) = states.find(|state| state.id() == place && !state.has_profile()) else {
                return Ok(()); // or it has ended
            };
            let thread = OneThread { state: place, stand_in: Some(stand_in.clone_ref(py)) };
            THREADS.get(py).borrow_mut().get_or_insert_default().insert(number, thread);
            state.set_profile(py, Some(on_event), Some(&stand_in))
        }
        Scope::AllThreads => install_in_all(py, &stand_in, true),
        Scope::Context(_) if watches_all_threads() => {
            // The running one may be C's, and new.
            find_new_threads(py);
            Ok(())
        }
        Scope::Context(_) => install_in_all(py, &stand_in, true),
    }
}

/// Ends this thread's profile, if its object is referred to by the thread's state alone.
pub fn release_abandoned(py: Python<'_>, is_profiler: fn(&Bound<'_, PyAny>) -> bool) -> PyResult<()> {
    // One reference is the thread state's, the other is `now`.
    let now = py.import("sys")?.call_method0("getprofile")?;
    // SAFETY: the object is alive and the GIL held.
    let references = unsafe { pyo3::ffi::Py_REFCNT(now.as_ptr()) };
    if references == 2 && is_profiler(&now) {
        now.call_method0("disable")?;
    }
    Ok(())
}

/// Whether this thread's profile function is still ours: the program may have set its own.
fn is_ours(py: Python<'_>, profiler: Option<&Py<PyAny>>) -> PyResult<bool> {
    let Ok(sys) = py.import("sys") else {
        return Ok(true); // the interpreter is being taken down
    };
    let now = sys.call_method0("getprofile")?;
    Ok(profiler.is_none_or(|profiler| now.is(profiler)))
}

/// Whether all threads are watched.
pub fn watches_all_threads() -> bool {
    LOOKED_AT.load(Ordering::Relaxed) != i64::MAX
}

/// Whether there have been thread states that nobody has looked at. Cheap.
#[inline(always)]
pub fn has_new_threads(py: Python<'_>) -> bool {
    ThreadHandle::made(py) > LOOKED_AT.load(Ordering::Relaxed)
}

/// Sets the profile function in threads that have come without being started by Python, if all are watched. Whether there
/// were any.
pub fn find_new_threads(py: Python<'_>) -> bool {
    let has_new = has_new_threads(py);
    if has_new {
        // A failure leaves them unwatched, and counted.
        _ = watch_new_threads(py);
    }
    has_new
}

/// How many threads have come that have not got the profile function, or were gone when they were looked for.
pub fn missed(py: Python<'_>) -> usize {
    let all = ALL_THREADS.get(py).borrow();
    let missed = |all: &AllThreads| ThreadHandle::made(py) - all.made - all.found as i64;
    all.as_ref().map(missed).and_then(|missed| usize::try_from(missed).ok()).unwrap_or_default()
}

/// Sets the profile function in each thread that hasn't got it yet.
#[cold]
fn watch_new_threads(py: Python<'_>) -> PyResult<()> {
    let fresh: Vec<ThreadHandle> = {
        let mut all = ALL_THREADS.get(py).borrow_mut();
        let Some(all) = all.as_mut() else { return Ok(()) };
        LOOKED_AT.store(ThreadHandle::made(py), Ordering::Relaxed);
        let is_free = |state: &ThreadHandle| !(all.gives_way && state.has_profile());
        let fresh: Vec<_> = ThreadHandle::all(py)
            .into_iter()
            .filter(|state| is_free(state) && all.states.insert(state.id()))
            .collect();
        if all.states.len() > FORGET_AT {
            // A thread of C's has a new state for each call.
            let alive: HashSet<i64> = ThreadHandle::all(py).into_iter().map(ThreadHandle::id).collect();
            all.states.retain(|state| alive.contains(state));
        }
        all.found += fresh.iter().filter(|state| state.id() > all.made).count();
        fresh
    };
    for state in fresh {
        let profiler = ALL_THREADS.get(py).borrow().as_ref().map(|all| all.profiler.clone_ref(py));
        state.set_profile(py, Some(on_event), profiler.as_ref())?;
    }
    Ok(())
}

/// Does the common case and calls nothing on the way; hands all others on, as its last step, so that it needs no stack
/// frame of its own.
pub(super) unsafe extern "C" fn on_event(
    profiler: *mut PyObject,
    frame: *mut PyFrameObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    // SAFETY: CPython calls us with the GIL held, a live frame, and for C events the live function.
    unsafe {
        let is_done = if let Some(thread) = registry::current_plain() {
            record::<Plain>(thread, frame, what, arg)
        } else if let Some(thread) = registry::current_untimed() {
            record::<Untimed>(thread, frame, what, arg)
        } else {
            return on_event_with_details(profiler, frame, what, arg);
        };
        if is_done { 0 } else { on_event_slowly(profiler, frame, what, arg) }
    }
}

/// The same where details are kept, and few are needed.
#[inline(never)]
unsafe extern "C" fn on_event_with_details(
    profiler: *mut PyObject,
    frame: *mut PyFrameObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    // SAFETY: as in `on_event`.
    unsafe {
        match registry::current_extended() {
            Some(thread) if record::<Lean>(thread, frame, what, arg) => 0,
            Some(_) => on_event_otherwise(profiler, frame, what, arg),
            None => on_event_in_context(profiler, frame, what, arg),
        }
    }
}

/// The same where it depends on the context who records, and calls are timed plainly; or nobody does.
#[inline(never)]
unsafe extern "C" fn on_event_in_context(
    profiler: *mut PyObject,
    frame: *mut PyFrameObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    // SAFETY: as in `on_event`.
    unsafe {
        let Some(thread) = registry::current_in_context() else {
            return on_event_slowly(profiler, frame, what, arg);
        };
        let is_done = match NonNull::new(thread) {
            Some(thread) if thread.as_ref().timing == Timing::Plain => {
                record::<Plain>(thread, frame, what, arg)
            }
            Some(_) => return on_event_otherwise(profiler, frame, what, arg),
            // A thread that is being started may come to be in a context that is followed.
            None => !switches::are_on() && (what != PyTrace_C_RETURN || !starts_thread(arg)),
        };
        if is_done { 0 } else { on_event_slowly(profiler, frame, what, arg) }
    }
}

/// The same of recorders that call something on the way.
#[inline(never)]
unsafe extern "C" fn on_event_otherwise(
    profiler: *mut PyObject,
    frame: *mut PyFrameObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    // SAFETY: as in `on_event`.
    unsafe {
        let in_context = || registry::current_in_context().and_then(NonNull::new);
        let thread = registry::current_extended().or_else(in_context);
        let is_done = thread
            .filter(|thread| thread.as_ref().timing == Timing::Extended)
            .is_some_and(|thread| record::<Extended>(thread, frame, what, arg));
        if is_done { 0 } else { on_event_slowly(profiler, frame, what, arg) }
    }
}

/// Whether this function has started a thread, while all are watched.
///
/// # Safety
/// It is a live function, and the GIL is held.
#[inline(always)]
unsafe fn starts_thread(function: *mut PyObject) -> bool {
    // SAFETY: as for this function.
    unsafe { builtin::look_at(function) }.is_some_and(|key| key == STARTS_THREAD.load(Ordering::Relaxed))
}

/// The common case, where calls are kept in this way.
///
/// # Safety
/// As for [`on_event`]; `thread` is the running thread's, and keeps calls so.
#[inline(always)]
unsafe fn record<W: Quick>(
    thread: NonNull<ThreadRecorder>,
    frame: *mut PyFrameObject,
    what: c_int,
    arg: *mut PyObject,
) -> bool {
    // SAFETY: as for this function.
    unsafe {
        let counts_builtins = thread.as_ref().counts_builtins;
        #[allow(non_upper_case_globals)] // C's names
        match what {
            PyTrace_CALL => {
                let frame = profile_function::interpreter(frame);
                let key = interpreter_frame::code(frame) as Key;
                W::enter_step(thread, key, || steps::step_of_frame(frame))
            }
            PyTrace_RETURN => {
                let now = W::moment();
                let frame = profile_function::interpreter(frame);
                let key = interpreter_frame::code(frame) as Key;
                W::leave_step(thread, key, true, || steps::ending_of_frame(frame, arg), now)
            }
            PyTrace_C_CALL => match builtin::look_at(arg) {
                Some(key) if counts_builtins => W::enter(thread, key),
                _ => false,
            },
            PyTrace_C_RETURN => {
                let now = W::moment();
                match builtin::look_at(arg) {
                    Some(key) if counts_builtins && key != STARTS_THREAD.load(Ordering::Relaxed) => {
                        W::leave(thread, key, now)
                    }
                    _ => false,
                }
            }
            _ => false,
        }
    }
}

#[inline(never)]
unsafe extern "C" fn on_event_slowly(
    _profiler: *mut PyObject,
    frame: *mut PyFrameObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    let now = clock::now();
    guard(|| {
        // SAFETY: CPython calls us with the GIL held, a live frame, and for C events the live function.
        unsafe {
            let thread = registry::current();
            if thread.is_null() {
                if switches::are_on() {
                    // Its profile has ended elsewhere.
                    in_python(switches::settle);
                } else if what == PyTrace_C_RETURN && starts_thread(arg) {
                    // As below.
                    _ = in_python(watch_new_threads);
                }
                return;
            }
            let counts_builtins = (*thread).counts_builtins;
            #[allow(non_upper_case_globals)] // C's names
            match what {
                PyTrace_CALL => {
                    let frame = profile_function::interpreter(frame);
                    if (*thread).recorder.follows_steps()
                        && let Some(step) = steps::step_of_frame(frame)
                    {
                        (*thread).recorder.expect_step(step);
                    }
                    events::enter(thread, Callee::Python(interpreter_frame::code(frame)));
                }
                PyTrace_RETURN => {
                    let frame = profile_function::interpreter(frame);
                    let key = interpreter_frame::code(frame) as Key;
                    let mut thread = thread;
                    if (*thread).recorder.follows_steps() {
                        let ending = steps::ending_of_frame(frame, arg);
                        (*thread).recorder.end_step_as(key, ending);
                        thread = steps::name_task(thread, ending == Ending::Parked, now);
                    }
                    if !thread.is_null() {
                        events::leave_at(thread, key, now);
                    }
                }
                PyTrace_C_CALL if !counts_builtins => {
                    // Reported all the same.
                    (*thread).recorder.spend_on(kinds::CALL_OF_OTHER);
                }
                PyTrace_C_CALL if builtin::key_of_function(arg).is_some() => {
                    events::enter(thread, Callee::Builtin(Builtin::of_counted(arg, std::ptr::null_mut())));
                }
                PyTrace_C_RETURN | PyTrace_C_EXCEPTION => {
                    if let Some(key) = builtin::key_of_function(arg) {
                        if counts_builtins {
                            events::leave(thread, key);
                        }
                        if key == STARTS_THREAD.load(Ordering::Relaxed) {
                            // A failure leaves the new thread unwatched; there is nobody to tell.
                            _ = in_python(watch_new_threads);
                        }
                    }
                }
                _ => {}
            }
        }
    });
    0
}
