//! `os._exit`: what is to be done before.

use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

use crate::ffi::attach::call_quietly;
use crate::ffi::in_front::{Before, Function, first};

static BEFORE: Before = Before::new();
/// What is to be done; kept for good, since another thread may be doing it.
static ACT: AtomicPtr<PyObject> = AtomicPtr::new(std::ptr::null_mut());

/// Has `act()` called before `os._exit` ends the process, in whichever thread; what it raises is of no consequence.
#[pyfunction]
pub fn _before_exit(act: Bound<'_, PyAny>) -> PyResult<()> {
    let py = act.py();
    ACT.store(act.into_ptr(), Ordering::Relaxed);
    BEFORE.stand(&py.import("posix")?, "_exit", Function::Keywords(leave)).map(drop)
}

unsafe extern "C-unwind" fn leave(
    module: *mut PyObject,
    arguments: *const *mut PyObject,
    count: isize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the arguments are CPython's, and the GIL is held. A call that will be refused, with the wrong number of them or with
    // what is no status, ends nothing.
    unsafe {
        let status = first(arguments, count, names, c"status");
        let given = count + if names.is_null() { 0 } else { ffi::PyTuple_GET_SIZE(names) };
        let act = ACT.load(Ordering::Relaxed);
        if given == 1
            && !status.is_null()
            && !act.is_null()
            && is_status(status)
            && call_quietly(act).is_null()
        {
            // Ctrl-C in the middle: once more, then it is as if nobody had stood here.
            ffi::PyErr_Clear();
            if call_quietly(act).is_null() {
                ffi::PyErr_Clear();
            }
        }
        BEFORE.keywords(module, arguments, count, names)
    }
}

/// Whether CPython takes it for an exit status. Other objects with an `__index__` are, too, but asking them twice might show.
///
/// # Safety
/// The object is alive, and the GIL held.
unsafe fn is_status(object: *mut PyObject) -> bool {
    // SAFETY: by this function's contract.
    unsafe {
        if ffi::PyLong_Check(object) == 0 {
            return (*ffi::Py_TYPE(object))
                .tp_as_number
                .as_ref()
                .is_some_and(|number| number.nb_index.is_some());
        }
        let mut overflow = 0;
        let value = ffi::PyLong_AsLongAndOverflow(object, &mut overflow);
        overflow == 0 && i32::try_from(value).is_ok()
    }
}
