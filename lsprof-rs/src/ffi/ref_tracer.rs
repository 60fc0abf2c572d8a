//! The reference tracer (3.13): CPython calls it whenever an object is made or about to go. A process has one.

use std::ffi::{c_int, c_void};
use std::ptr;

use pyo3::ffi::PyObject;
use pyo3::prelude::*;

/// What CPython calls: with an object and [`CREATE`] or [`DESTROY`]; with null and another number when it is replaced (3.15).
pub type Tracer = unsafe extern "C" fn(*mut PyObject, c_int, *mut c_void) -> c_int;

/// The object is there: it has its type and one reference, and nothing in it yet.
pub const CREATE: c_int = 0;
/// The object is whole still.
pub const DESTROY: c_int = 1;

unsafe extern "C" {
    fn PyRefTracer_SetTracer(tracer: Option<Tracer>, data: *mut c_void) -> c_int;
    fn PyRefTracer_GetTracer(data: *mut *mut c_void) -> Option<Tracer>;
}

/// The one that is set; `None` if there is none.
fn current(_py: Python<'_>) -> Option<Tracer> {
    let mut data = ptr::null_mut();
    // SAFETY: the GIL is held, and the place for the data is there.
    unsafe { PyRefTracer_GetTracer(&mut data) }
}

/// Whether somebody has it.
pub fn is_taken(py: Python<'_>) -> bool {
    current(py).is_some()
}

/// Whether this one is set.
pub fn is_set(py: Python<'_>, tracer: Tracer) -> bool {
    current(py).is_some_and(|current| ptr::fn_addr_eq(current, tracer))
}

/// Sets it. What was set before is told of its end, where CPython does so.
pub fn set(py: Python<'_>, tracer: Tracer) -> PyResult<()> {
    // SAFETY: the GIL is held; the function lives as long as the process, since CPython never unloads an extension.
    match unsafe { PyRefTracer_SetTracer(Some(tracer), ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(PyErr::fetch(py)),
    }
}

/// Takes this one out. Where another tool has put its own in its place, that stays: then it is false.
pub fn remove(py: Python<'_>, tracer: Tracer) -> bool {
    // SAFETY: the GIL is held.
    is_set(py, tracer) && unsafe { PyRefTracer_SetTracer(None, ptr::null_mut()) } == 0
}
