//! Steps of coroutines and generators, where they are followed: what goes on, how a step ends, what its task is called.

#[cfg(Py_3_12)]
use std::ffi::CStr;

use lsprof_engine::{Ending, Entered, Key, Named, Step, Ticks};
#[cfg(Py_3_12)]
use pyo3::ffi;
use pyo3::ffi::{CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_ITERABLE_COROUTINE, PyObject};
use pyo3::intern;
use pyo3::prelude::*;

use super::made;
use crate::collect::collector::ThreadRecorder;
use crate::collect::registry;
use crate::ffi::attach::in_python;
use crate::ffi::modules::imported;
#[cfg(Py_3_12)]
use crate::ffi::thread_state::ThreadState;
use crate::ffi::{generator, interpreter_frame};

/// Which event tells of a call.
#[cfg(Py_3_12)]
mod events {
    /// How many callbacks there are: for these, and for the beginning and the end of a built-in's call.
    pub const CALLBACKS: usize = 8;

    /// How it begins.
    pub const STARTED: u8 = 0;
    pub const RESUMED: u8 = 1;
    pub const THROWN: u8 = 2;

    /// How it ends.
    pub const RETURNED: u8 = 0;
    pub const PARKED: u8 = 1;
    pub const UNWOUND: u8 = 2;
}

#[cfg(Py_3_12)]
pub use events::{CALLBACKS, PARKED, RESUMED, RETURNED, STARTED, THROWN, UNWOUND};

/// The most base classes that are looked at.
#[cfg(Py_3_12)]
const BASES: usize = 16;

/// Whether calls of this code are steps of something.
///
/// # Safety
/// It is a code object, and alive.
#[inline(always)]
unsafe fn makes_steps(code: *mut PyObject) -> bool {
    const MAKES_STEPS: std::ffi::c_int =
        CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR | CO_ITERABLE_COROUTINE;
    // SAFETY: by this function's contract.
    unsafe { interpreter_frame::code_flags(code) & MAKES_STEPS != 0 }
}

/// The step that begins, of a function whose steps are followed.
///
/// # Safety
/// In the event of its beginning: the GIL is held, and the newest frame is its.
#[cfg(Py_3_12)]
#[inline]
pub unsafe fn step<const HOW: u8>(code: *mut PyObject) -> Option<Step> {
    let entered = match HOW {
        STARTED => Entered::Started,
        RESUMED => Entered::Resumed,
        _ => Entered::Thrown,
    };
    // SAFETY: by this function's contract; the running thread has a state.
    let object = unsafe { generator::of_frame(ThreadState::of(ffi::PyThreadState_Get()).newest_frame())? };
    if HOW == STARTED {
        // SAFETY: by this function's contract.
        unsafe { made::look_out() };
    }
    Some(Step { key: code as Key, object, entered, thrown: Ending::Raised })
}

/// [`step`] of any function.
///
/// # Safety
/// As for [`step`].
#[cfg(Py_3_12)]
pub unsafe fn step_of_code<const HOW: u8>(code: *mut PyObject) -> Option<Step> {
    // SAFETY: by this function's contract.
    unsafe { if makes_steps(code) { step::<HOW>(code) } else { None } }
}

/// The step that begins with this frame. Which exception is thrown in, or ends it, nobody tells.
///
/// # Safety
/// In the event of a call: the GIL is held, and the frame is the one that was passed.
#[cfg(not(Py_3_12))]
pub unsafe fn step_of_frame(frame: *const interpreter_frame::InterpreterFrame) -> Option<Step> {
    /// As `dis` has it.
    const RESUME: u8 = 151;
    // SAFETY: by this function's contract.
    unsafe {
        let code = interpreter_frame::code(frame);
        if !makes_steps(code) {
            return None;
        }
        let object = generator::of_frame(frame)?;
        let [opcode, argument] = *(interpreter_frame::instruction(frame) as *const [u8; 2]);
        let entered = match (opcode, argument) {
            (RESUME, 0) => {
                made::look_out();
                Entered::Started
            }
            (RESUME, _) => Entered::Resumed,
            _ => Entered::Thrown,
        };
        Some(Step { key: code as Key, object, entered, thrown: Ending::Raised })
    }
}

/// How the step of this frame ends; `returned` is null where an exception ends it.
///
/// # Safety
/// In the event of a return: the GIL is held, and the arguments are what was passed.
#[cfg(not(Py_3_12))]
pub unsafe fn ending_of_frame(
    frame: *const interpreter_frame::InterpreterFrame,
    returned: *mut PyObject,
) -> Ending {
    // SAFETY: by this function's contract.
    unsafe {
        if returned.is_null() {
            Ending::Unwound
        } else if generator::of_frame(frame).is_some() && generator::is_parked(frame) {
            Ending::Parked
        } else {
            Ending::Returned
        }
    }
}

/// How a step ends: `what` is the value, or the exception.
///
/// # Safety
/// In the event of its end: the GIL is held, and the argument is what was passed.
#[cfg(Py_3_12)]
#[inline]
pub unsafe fn ending<const HOW: u8>(what: *mut PyObject) -> Ending {
    match HOW {
        RETURNED => Ending::Returned,
        PARKED => Ending::Parked,
        // SAFETY: by this function's contract.
        _ => unsafe { of_exception(ffi::Py_TYPE(what)) },
    }
}

/// What an exception of this class makes of a coroutine that it ends.
///
/// # Safety
/// The class is alive; the GIL is held.
#[cfg(Py_3_12)]
unsafe fn of_exception(class: *mut ffi::PyTypeObject) -> Ending {
    // SAFETY: by this function's contract; a class keeps its bases, and its name ends with a zero.
    unsafe {
        if ffi::PyType_IsSubtype(class, ffi::PyExc_GeneratorExit.cast()) != 0 {
            return Ending::Dropped;
        }
        let mut next = class;
        for _ in 0..BASES {
            if next.is_null() {
                break;
            }
            // `trio` calls its own so.
            let name = CStr::from_ptr((*next).tp_name).to_bytes();
            if name
                .rsplit(|byte| *byte == b'.')
                .next()
                .is_some_and(|name| name == b"CancelledError" || name == b"Cancelled")
            {
                return Ending::Cancelled;
            }
            next = (*next).tp_base;
        }
    }
    Ending::Raised
}

/// Asks what the running task is called, if the step that ends now is of one that nobody has named. Returns the running thread's
/// recorder, looked up anew where Python may have run.
///
/// # Safety
/// From a hook: the GIL is held; `thread` is [`registry::current`], not null.
pub unsafe fn name_task(thread: *mut ThreadRecorder, is_parked: bool, now: Ticks) -> *mut ThreadRecorder {
    // SAFETY: by this function's contract.
    unsafe {
        if !(*thread).recorder.wants_task_name(is_parked, now) {
            return thread;
        }
        let named = in_python(task_that_runs);
        let thread = registry::current();
        if !thread.is_null() {
            (*thread).recorder.name_task(&named);
        }
        thread
    }
}

/// What is said of the task that runs: asyncio's (uvloop's tasks are that, too), or trio's. Nothing if there is none.
fn task_that_runs(py: Python<'_>) -> Named {
    let of_asyncio = || -> Option<Named> {
        let task = imported(py, intern!(py, "asyncio"))?.call_method0(intern!(py, "current_task")).ok()?;
        let name = task.call_method0(intern!(py, "get_name")).ok()?.extract().ok()?;
        Some(Named { name, task: task.as_ptr() as usize, parent: 0 })
    };
    let of_trio = || -> Option<Named> {
        let trio = imported(py, intern!(py, "trio.lowlevel"))?;
        let task = trio.call_method0(intern!(py, "current_task")).ok()?;
        let name = task.getattr(intern!(py, "name")).ok()?.extract().ok()?;
        let nursery = task.getattr(intern!(py, "parent_nursery"));
        let parent = nursery.and_then(|nursery| nursery.getattr(intern!(py, "parent_task")));
        let parent = parent.and_then(|parent| parent.getattr(intern!(py, "coro")));
        Some(Named { name, task: 0, parent: parent.map_or(0, |coroutine| coroutine.as_ptr() as usize) })
    };
    of_asyncio().or_else(of_trio).unwrap_or_default()
}
