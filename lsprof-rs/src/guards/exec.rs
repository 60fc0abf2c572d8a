//! `os.exec*`: what is to be done before the program of this process is replaced.
//!
//! Nobody else tells: the process number and start time stay, so the sockets would look alive, and no exit handler runs. `os.execl`,
//! `os.execvp` and the others call these two, the last of them for one folder after another: only where there is a program will this
//! process end.

use std::cell::RefCell;
use std::path::PathBuf;

use pikos_os::process;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::ffi::attach::call_quietly;
use crate::ffi::gil::GilCell;
use crate::ffi::in_front::{Before, Function, first};

static EXECV: Before = Before::new();
static EXECVE: Before = Before::new();

/// What is to be called, kept for good.
static WATCHERS: GilCell<RefCell<Vec<*mut PyObject>>> = GilCell::new(RefCell::new(Vec::new()));

/// Has `act()` called before this process runs another program, after those that were there before. It returns what is to be called if
/// the program stays after all.
#[pyfunction]
pub fn _before_exec(act: Bound<'_, PyAny>) -> PyResult<()> {
    let py = act.py();
    WATCHERS.get(py).borrow_mut().push(act.into_ptr());
    let posix = py.import("posix")?;
    EXECV.stand(&posix, "execv", Function::Fast(execv))?;
    EXECVE.stand(&posix, "execve", Function::Keywords(execve)).map(drop)
}

unsafe extern "C-unwind" fn execv(
    module: *mut PyObject,
    arguments: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    // SAFETY: the arguments are CPython's; there is a first one if there are two.
    let path = if count == 2 { unsafe { *arguments } } else { std::ptr::null_mut() };
    // SAFETY: the GIL is held, and the arguments are CPython's.
    unsafe { around(path, || EXECV.fast(module, arguments, count)) }
}

unsafe extern "C-unwind" fn execve(
    module: *mut PyObject,
    arguments: *const *mut PyObject,
    count: isize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the arguments are CPython's.
    let path = unsafe { first(arguments, count, names, c"path") };
    // SAFETY: the GIL is held, and the arguments are CPython's.
    unsafe { around(path, || EXECVE.keywords(module, arguments, count, names)) }
}

/// # Safety
/// The GIL is held; `path` is alive, or null.
unsafe fn around(path: *mut PyObject, execute: impl FnOnce() -> *mut PyObject) -> *mut PyObject {
    // SAFETY: by this function's contract; no exception is set before, and one after, as CPython returns only to say why it couldn't.
    unsafe {
        let mut undo = Vec::new();
        if !path.is_null() && Python::attach_unchecked(|py| is_program(&Bound::from_borrowed_ptr(py, path))) {
            for watcher in WATCHERS.get_unattached().borrow().clone() {
                undo.push(call_quietly(watcher));
                if undo.ends_with(&[std::ptr::null_mut()]) {
                    go_on(undo);
                    return std::ptr::null_mut();
                }
            }
        }
        let result = execute();
        go_on(undo);
        result
    }
}

/// The program stays.
///
/// # Safety
/// The GIL is held; these are references of ours, or null.
unsafe fn go_on(undo: Vec<*mut PyObject>) {
    let (mut kind, mut value, mut traceback) =
        (std::ptr::null_mut(), std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: by this function's contract; the exception is put aside, and put back.
    unsafe {
        ffi::PyErr_Fetch(&mut kind, &mut value, &mut traceback);
        for act in undo.into_iter().rev().filter(|act| !act.is_null()) {
            ffi::Py_XDECREF(call_quietly(act));
            ffi::PyErr_Clear();
            ffi::Py_DECREF(act);
        }
        ffi::PyErr_Restore(kind, value, traceback);
    }
}

fn is_program(path: &Bound<'_, PyAny>) -> bool {
    // SAFETY: it is alive. A descriptor that is open for execution: the system says whether it is one.
    if unsafe { ffi::PyLong_Check(path.as_ptr()) } != 0 {
        return true;
    }
    let decoded = match path.cast::<PyBytes>() {
        Ok(bytes) => Some(pikos_os::paths::from_bytes(bytes.as_bytes())),
        Err(_) => path.extract::<PathBuf>().ok(),
    };
    decoded.is_some_and(|path| process::can_be_executed(&path))
}
