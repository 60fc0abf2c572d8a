//! PEP 523: the function that evaluates Python frames. One for each interpreter; ours or somebody else's.

use std::ffi::c_int;

use pyo3::Python;
use pyo3::ffi::{PyInterpreterState, PyInterpreterState_Get, PyObject, PyThreadState};

use super::interpreter_frame::InterpreterFrame;
use super::thread_state::ThreadState;

/// Evaluates a frame. `throw` is not 0 where an exception is thrown into a generator.
///
/// "C-unwind" everywhere: up to 3.13 CPython ends daemon threads by `pthread_exit`, in the middle of their calls when the
/// interpreter ends, and that unwinds their stacks. Through plain "C" it would abort the process.
pub type Evaluator =
    unsafe extern "C-unwind" fn(*mut PyThreadState, *mut InterpreterFrame, c_int) -> *mut PyObject;

unsafe extern "C-unwind" {
    fn _PyInterpreterState_GetEvalFrameFunc(interpreter: *mut PyInterpreterState) -> Evaluator;
    fn _PyInterpreterState_SetEvalFrameFunc(interpreter: *mut PyInterpreterState, function: Evaluator);
    fn _PyEval_EvalFrameDefault(
        state: *mut PyThreadState,
        frame: *mut InterpreterFrame,
        throw: c_int,
    ) -> *mut PyObject;
}

/// Whether frames go through this function now.
pub fn is(_py: Python<'_>, function: Evaluator) -> bool {
    // SAFETY: the GIL is held, so there is a running interpreter.
    let now = unsafe { _PyInterpreterState_GetEvalFrameFunc(PyInterpreterState_Get()) };
    std::ptr::fn_addr_eq(now, function)
}

/// Whether CPython itself evaluates frames.
pub fn is_default(py: Python<'_>) -> bool {
    is(py, _PyEval_EvalFrameDefault)
}

/// From now on each Python call in this interpreter goes through this function.
pub fn set(_py: Python<'_>, function: Evaluator) {
    // SAFETY: the GIL is held; the function is of the type that CPython expects.
    unsafe { _PyInterpreterState_SetEvalFrameFunc(PyInterpreterState_Get(), function) }
}

/// Gives the frames back to CPython: calls of Python functions are inlined again.
pub fn set_default(py: Python<'_>) {
    set(py, _PyEval_EvalFrameDefault);
}

/// Has the frame evaluated by whoever evaluates frames now.
///
/// # Safety
/// As for [`evaluate`].
pub unsafe fn pass_on(
    state: *mut PyThreadState,
    frame: *mut InterpreterFrame,
    throw: c_int,
) -> *mut PyObject {
    // SAFETY: by this function's contract; the GIL is held, so there is a running interpreter.
    unsafe { _PyInterpreterState_GetEvalFrameFunc(PyInterpreterState_Get())(state, frame, throw) }
}

/// Has CPython evaluate the frame. What that call takes of the C recursion limit (3.12, 3.13) is given back while it
/// lasts: without us the interpreter would have inlined it.
///
/// # Safety
/// The arguments are what CPython passed to an evaluator, and are passed on once.
#[inline(always)]
pub unsafe fn evaluate(
    state: *mut PyThreadState,
    frame: *mut InterpreterFrame,
    throw: c_int,
) -> *mut PyObject {
    // SAFETY: by this function's contract.
    unsafe {
        ThreadState::of(state).give_back_c_recursion();
        let result = _PyEval_EvalFrameDefault(state, frame, throw);
        ThreadState::of(state).take_c_recursion();
        result
    }
}
