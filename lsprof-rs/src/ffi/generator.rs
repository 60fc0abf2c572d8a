//! Generators, coroutines and asynchronous generators: each holds the frame that its function runs in.
//!
//! Their layout is CPython's own business. It is written down here for each release, as far as we need it, and compared with what a
//! running interpreter says before it is relied upon ([`are_as_declared`]).

use pyo3::ffi::{self, PyObject, PyTypeObject};
use pyo3::prelude::*;

use super::attach;
use super::interpreter_frame::{self, InterpreterFrame};

/// Where the frame stands in the object.
#[cfg(not(Py_3_12))]
const FRAME: usize = 80;
/// As above: without the code object.
#[cfg(Py_3_12)]
const FRAME: usize = 72;
/// The frame's state is so far in front of it.
const STATE: usize = 5;
/// `FRAME_CREATED`.
#[cfg(not(Py_3_13))]
const CREATED: i8 = -2;
/// As above.
#[cfg(all(Py_3_13, not(Py_3_15)))]
const CREATED: i8 = -3;
/// As above.
#[cfg(Py_3_15)]
const CREATED: i8 = 0;
/// `FRAME_COMPLETED`: those that are greater are over as well.
#[cfg(not(Py_3_15))]
const ENDED: i8 = 1;
/// As above.
#[cfg(Py_3_15)]
const ENDED: i8 = 5;
/// `FRAME_SUSPENDED`.
#[cfg(not(Py_3_12))]
const SUSPENDED: i8 = -1;

/// The object that holds this frame, as an address; `None` of a frame that none holds.
///
/// # Safety
/// The frame is alive.
#[inline(always)]
pub unsafe fn of_frame(frame: *const InterpreterFrame) -> Option<usize> {
    // SAFETY: by this function's contract.
    unsafe { interpreter_frame::is_held_by_generator(frame) }.then(|| frame as usize - FRAME)
}

/// The frame that an object holds.
///
/// # Safety
/// The object is a generator, a coroutine or an asynchronous generator.
unsafe fn frame_of(object: *mut PyObject) -> *const InterpreterFrame {
    // SAFETY: by this function's contract the frame is a part of it.
    unsafe { object.cast::<u8>().add(FRAME).cast::<InterpreterFrame>() }
}

/// # Safety
/// As for [`frame_of`].
unsafe fn state(object: *mut PyObject) -> i8 {
    // SAFETY: as above.
    unsafe { *object.cast::<i8>().add(FRAME - STATE) }
}

/// The code object of what has been made and never had a step; `None` of all else.
///
/// # Safety
/// As for [`frame_of`].
pub unsafe fn code_before_first_step(object: *mut PyObject) -> Option<*mut PyObject> {
    // SAFETY: by this function's contract. A frame that has not begun has its code object.
    unsafe { (state(object) == CREATED).then(|| interpreter_frame::code(frame_of(object))) }
}

/// Whether an object that nobody refers to is handed to a function that may keep it: an asynchronous generator's finaliser.
///
/// # Safety
/// As for [`frame_of`].
pub unsafe fn may_live_on(object: *mut PyObject) -> bool {
    /// In front of the frame's state and three other bytes, which begin at an address that 8 divides.
    const FINALISER: usize = FRAME - 16;
    // SAFETY: by this function's contract.
    unsafe {
        ffi::Py_TYPE(object) == &raw mut ffi::PyAsyncGen_Type
            && *object.cast::<u8>().add(FINALISER).cast::<usize>() != 0
            && state(object) < ENDED
    }
}

/// Whether the frame that has just reported its end will go on.
///
/// # Safety
/// The frame is alive, and a generator holds it.
#[cfg(not(Py_3_12))]
pub unsafe fn is_parked(frame: *const InterpreterFrame) -> bool {
    // SAFETY: by this function's contract the state stands in front of it.
    unsafe { *frame.cast::<i8>().sub(STATE) == SUSPENDED }
}

/// The types of these objects.
pub fn types() -> [*mut PyTypeObject; 3] {
    [&raw mut ffi::PyCoro_Type, &raw mut ffi::PyGen_Type, &raw mut ffi::PyAsyncGen_Type]
}

/// Whether an object is a coroutine.
///
/// # Safety
/// It is alive, or being freed.
pub unsafe fn is_coroutine(object: *mut PyObject) -> bool {
    // SAFETY: by this function's contract.
    unsafe { ffi::Py_TYPE(object) == &raw mut ffi::PyCoro_Type }
}

/// Whether these objects of the running interpreter look like the declarations above.
pub fn are_as_declared(py: Python<'_>) -> PyResult<bool> {
    attach::aside(py, |py| {
        let fresh = py.eval(c"(lambda: (yield))()", None, None)?;
        let code = fresh.getattr("gi_code")?;
        // SAFETY: it is a generator, and alive.
        let before = unsafe { code_before_first_step(fresh.as_ptr()) };
        fresh.call_method0("__next__")?;
        // SAFETY: as above.
        let after = unsafe { code_before_first_step(fresh.as_ptr()) };
        // SAFETY: as above; the frame lives as long as it.
        let object = unsafe { of_frame(frame_of(fresh.as_ptr())) };
        Ok(before == Some(code.as_ptr()) && after.is_none() && object == Some(fresh.as_ptr() as usize))
    })
}
