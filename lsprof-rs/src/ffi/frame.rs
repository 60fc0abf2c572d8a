//! The frame that is running, as Python sees it, and lines of code objects.

use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

/// The running frame; None outside of Python code.
pub fn running_frame(py: Python<'_>) -> Py<PyAny> {
    // SAFETY: the GIL is held; the reference is borrowed from the thread's stack.
    let frame = unsafe { Bound::from_borrowed_ptr_or_opt(py, ffi::PyEval_GetFrame().cast()) };
    frame.map_or_else(|| py.None(), Bound::unbind)
}

/// Which frame runs: one has this address as long as it lives, also while it is suspended. And the instruction that it is at.
pub fn running_instruction(_py: Python<'_>) -> Option<(usize, i32)> {
    // SAFETY: the GIL is held; the reference is borrowed from the thread's stack.
    unsafe {
        let frame = ffi::PyEval_GetFrame();
        (!frame.is_null()).then(|| (frame as usize, ffi::PyFrame_GetLasti(frame)))
    }
}

/// Calls `each` with the code object and the line of each frame below the running one, the innermost first.
pub fn open_below(
    py: Python<'_>,
    mut each: impl FnMut(&Bound<'_, PyAny>, u32) -> PyResult<()>,
) -> PyResult<()> {
    let mut frame = running_frame(py).into_bound(py);
    if frame.is_none() {
        return Ok(());
    }
    loop {
        frame = frame.getattr(intern!(py, "f_back"))?;
        if frame.is_none() {
            return Ok(());
        }
        // None where the frame is between lines.
        let line = frame.getattr(intern!(py, "f_lineno"))?.extract::<Option<u32>>()?;
        each(&frame.getattr(intern!(py, "f_code"))?, line.unwrap_or(0))?;
    }
}

/// Calls `each` with the code object of each frame that is open in the running thread, the innermost first.
pub fn each_open(py: Python<'_>, mut each: impl FnMut(&Bound<'_, PyAny>)) {
    // SAFETY: an attached thread has a state; the reference is new, or there is none.
    let innermost = unsafe { ffi::PyThreadState_GetFrame(ffi::PyThreadState_Get()) };
    // SAFETY: as above.
    let mut frame = unsafe { Bound::from_owned_ptr_or_opt(py, innermost.cast()) };
    while let Some(open) = frame {
        // SAFETY: it is a frame, and alive; each has a code object, of which we get a reference.
        each(&unsafe { Bound::from_owned_ptr(py, ffi::PyFrame_GetCode(open.as_ptr().cast()).cast()) });
        // SAFETY: as above; of the outermost it is null.
        frame =
            unsafe { Bound::from_owned_ptr_or_opt(py, ffi::PyFrame_GetBack(open.as_ptr().cast()).cast()) };
    }
}

/// The global variables of the running frame; None outside of Python code.
pub fn running_globals(py: Python<'_>) -> Py<PyAny> {
    // SAFETY: the GIL is held; the reference is borrowed from the running frame.
    let globals = unsafe { Bound::from_borrowed_ptr_or_opt(py, PyEval_GetGlobals()) };
    globals.map_or_else(|| py.None(), Bound::unbind)
}

/// The line of the instruction at this offset, in bytes, of a code object; `None` if it has none.
pub fn code_line(code: &Bound<'_, PyAny>, offset: usize) -> Option<u32> {
    // SAFETY: the caller got it from CPython as a code object.
    unsafe { code_line_at(code.as_ptr(), offset) }
}

/// The same of a code object that is borrowed.
///
/// # Safety
/// It is alive; the GIL is held.
pub unsafe fn code_line_at(code: *mut ffi::PyObject, offset: usize) -> Option<u32> {
    // SAFETY: by this function's contract; the function only reads its tables.
    let line = unsafe { PyCode_Addr2Line(code, i32::try_from(offset).ok()?) };
    u32::try_from(line).ok()
}

/// The line that a frame is at.
///
/// # Safety
/// `frame` is alive; the GIL is held.
#[cfg(not(Py_3_12))]
pub unsafe fn line_of_frame(frame: *mut ffi::PyFrameObject) -> u32 {
    // SAFETY: by this function's contract.
    u32::try_from(unsafe { ffi::PyFrame_GetLineNumber(frame) }).unwrap_or(0)
}

/// The offset, in bytes, of the instruction that a frame is at.
///
/// # Safety
/// `frame` is alive; the GIL is held.
#[cfg(not(Py_3_12))]
pub unsafe fn offset_of_frame(frame: *mut ffi::PyFrameObject) -> usize {
    // SAFETY: by this function's contract.
    usize::try_from(unsafe { PyFrame_GetLasti(frame) }).unwrap_or(0)
}

unsafe extern "C" {
    #[cfg(not(Py_3_12))]
    fn PyFrame_GetLasti(frame: *mut ffi::PyFrameObject) -> std::ffi::c_int;
    fn PyEval_GetGlobals() -> *mut ffi::PyObject;
    fn PyCode_Addr2Line(code: *mut ffi::PyObject, offset: i32) -> i32;
}
