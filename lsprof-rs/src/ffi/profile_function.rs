//! 3.11's profile function, on this thread and on others.
//!
//! 3.11 has no `PyEval_SetProfileAllThreads`; it exports `_PyEval_SetProfile`, which takes the thread state.

use std::ffi::{c_char, c_int};

use pyo3::ffi::{
    Py_tracefunc, PyFrameObject, PyInterpreterState_Get, PyInterpreterState_ThreadHead, PyObject,
    PyThreadState, PyThreadState_Get, PyThreadState_GetID, PyThreadState_Next, PyThreadState_SetAsyncExc,
};
use pyo3::prelude::*;

use super::interpreter_frame::{self, InterpreterFrame};
use super::thread_state;

unsafe extern "C" {
    fn _PyEval_SetProfile(
        thread: *mut PyThreadState,
        function: Option<Py_tracefunc>,
        object: *mut PyObject,
    ) -> c_int;
    fn _PyEval_SetTrace(
        thread: *mut PyThreadState,
        function: Option<Py_tracefunc>,
        object: *mut PyObject,
    ) -> c_int;
    fn PySys_Audit(event: *const c_char, format: *const c_char, ...) -> c_int;
}

/// Tells audit hooks that a profile function will be set, as CPython does each time that it sets one.
///
/// # Errors
/// A hook's, which doesn't want it.
pub fn audit(py: Python<'_>) -> PyResult<()> {
    // SAFETY: the GIL is held; the event has no arguments.
    let status = unsafe { PySys_Audit(c"sys.setprofile".as_ptr(), std::ptr::null()) };
    if status == 0 { Ok(()) } else { Err(PyErr::fetch(py)) }
}

/// One of the two functions that a thread may have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Told of calls and returns.
    Profile,
    /// Told of lines.
    Trace,
}

/// A thread state of this interpreter. Valid as long as the GIL is not let go.
#[derive(Clone, Copy)]
pub struct ThreadHandle(*mut PyThreadState);

impl ThreadHandle {
    /// This thread's.
    pub fn current(_py: Python<'_>) -> Self {
        // SAFETY: an attached thread has one.
        Self(unsafe { PyThreadState_Get() })
    }

    /// All of this interpreter's threads, those included that were made and have not run yet.
    pub fn all(py: Python<'_>) -> Vec<Self> {
        let mut states = Vec::new();
        // Those that `made` has counted are in the list then.
        wait_for_the_list(py);
        // SAFETY: states leave the list under the GIL only, which we hold.
        unsafe {
            let mut next = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
            // The first may have got into the list a moment ago, and nothing may be in it yet, not even the next one's address.
            wait_for_the_list(py);
            while !next.is_null() {
                states.push(Self(next));
                next = PyThreadState_Next(next);
            }
        }
        states
    }

    /// How many the interpreter has made so far: the newest one's number.
    pub fn made(_py: Python<'_>) -> i64 {
        // SAFETY: the fields are whole words, of which either value will do; as long as the interpreter runs Python it has a thread,
        // and none is freed without the GIL.
        unsafe {
            let interpreter = PyInterpreterState_Get();
            let newest = PyInterpreterState_ThreadHead(interpreter);
            let number = Self(newest).id();
            let fields = &*interpreter.cast::<Interpreter>();
            // Of those that there are, the newest is the list's first; some that came later may be gone.
            if fields.head == newest { fields.made.max(number) } else { number }
        }
    }

    /// Where the thread stands in its code: equal only as long as it stands still.
    pub fn position(self) -> (usize, usize) {
        // SAFETY: the state is valid while the GIL is held, for which its thread waits.
        unsafe { thread_state::ThreadState::of(self.0) }.position()
    }

    /// Its number, which is never used again.
    pub fn id(self) -> i64 {
        // SAFETY: the state is valid while the GIL is held.
        unsafe { PyThreadState_GetID(self.0) }
    }

    /// Whether it has a profile function, ours or another.
    pub fn has_profile(self) -> bool {
        // SAFETY: the state is valid while the GIL is held; only its own thread or `_PyEval_SetProfile` writes the field.
        unsafe { thread_state::ThreadState::of(self.0) }.has_profile_function()
    }

    /// Whether this is its profile function's address.
    pub fn has_profile_at(self, function: usize) -> bool {
        // SAFETY: as in `has_profile`.
        unsafe { thread_state::ThreadState::of(self.0) }.has_profile_function_at(function)
    }

    /// Has another profile function: an address, 0 for none, and its object. Returns what was there. Runs no Python, and tells no audit
    /// hook.
    pub fn exchange_profile(
        self,
        py: Python<'_>,
        (function, object): (usize, Option<Py<PyAny>>),
    ) -> (usize, Option<Py<PyAny>>) {
        let object = object.map_or(std::ptr::null_mut(), Py::into_ptr);
        // SAFETY: as in `has_profile`; the thread owns a reference to its object, which goes from hand to hand.
        unsafe {
            let (before, object) = thread_state::ThreadState::of(self.0).exchange_profile((function, object));
            (before, Bound::from_owned_ptr_or_opt(py, object).map(Bound::unbind))
        }
    }

    /// Has every evaluation of the thread look for events, if somebody wants any.
    pub fn restore_tracing(self) {
        // SAFETY: as in `has_profile`; the thread waits for the GIL.
        unsafe { thread_state::ThreadState::of(self.0) }.restore_tracing();
    }

    /// What is set in the thread, by anybody: the function and its object.
    pub fn function(self, py: Python<'_>, which: Which) -> (Option<Py_tracefunc>, Option<Py<PyAny>>) {
        // SAFETY: the state is valid while the GIL is held.
        let state = unsafe { thread_state::ThreadState::of(self.0) };
        let (address, object) = match which {
            Which::Profile => state.profile_function(),
            Which::Trace => state.trace_function(),
        };
        // SAFETY: CPython keeps a function's address there, or 0, and a reference to the object beside it.
        unsafe {
            let function = std::mem::transmute::<usize, Option<Py_tracefunc>>(address);
            (function, Bound::from_borrowed_ptr_or_opt(py, object).map(Bound::unbind))
        }
    }

    /// Sets or takes away one of the thread's functions.
    pub fn set_function(
        self,
        py: Python<'_>,
        which: Which,
        function: Option<Py_tracefunc>,
        object: Option<&Py<PyAny>>,
    ) -> PyResult<()> {
        let object = object.map_or(std::ptr::null_mut(), Py::as_ptr);
        // SAFETY: the state is valid and the GIL is held; CPython takes its own reference to the object.
        let status = unsafe {
            match which {
                Which::Profile => _PyEval_SetProfile(self.0, function, object),
                Which::Trace => _PyEval_SetTrace(self.0, function, object),
            }
        };
        if status == 0 { Ok(()) } else { Err(PyErr::fetch(py)) }
    }

    /// Sets or takes away the thread's profile function. `object` is what `sys.getprofile()` returns there.
    pub fn set_profile(
        self,
        py: Python<'_>,
        function: Option<Py_tracefunc>,
        object: Option<&Py<PyAny>>,
    ) -> PyResult<()> {
        self.set_function(py, Which::Profile, function, object)
    }
}

/// Waits until nobody is at the list of threads. A thread of C's enters its state before it has the GIL, and fills it then: both
/// under the list's lock, which this call takes and gives back, looking for a thread of a number that none has.
fn wait_for_the_list(_py: Python<'_>) {
    // SAFETY: the GIL is held; without such a thread nothing is set.
    unsafe { PyThreadState_SetAsyncExc(-1, std::ptr::null_mut()) };
}

/// The beginning of 3.11's `PyInterpreterState`, as it is for all of 3.11, which is closed.
#[repr(C)]
struct Interpreter {
    next: *mut Interpreter,
    /// The number that a thread state has got last.
    made: i64,
    head: *mut PyThreadState,
}

/// The beginning of 3.11's `PyFrameObject`, as it is for all of 3.11, which is closed.
#[repr(C)]
struct FrameObject {
    ob_base: PyObject,
    f_back: *mut PyFrameObject,
    f_frame: *const InterpreterFrame,
}

/// The code object of a frame, as a key. The frame keeps it alive.
///
/// # Safety
/// `frame` is the live frame that CPython passed; the GIL is held.
#[inline(always)]
pub unsafe fn code(frame: *mut PyFrameObject) -> *mut PyObject {
    // SAFETY: by this function's contract.
    unsafe { interpreter_frame::code(interpreter(frame)) }
}

/// What the interpreter has of a frame.
///
/// # Safety
/// As for [`code`].
#[inline(always)]
pub unsafe fn interpreter(frame: *mut PyFrameObject) -> *const InterpreterFrame {
    // SAFETY: by this function's contract; a frame that runs has its interpreter frame.
    unsafe { (*frame.cast::<FrameObject>()).f_frame }
}
