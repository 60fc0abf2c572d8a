//! The program's first frame: what is to be done before it runs and after it has, without standing around it.
//!
//! The interpreter runs `__main__` by its own code, as it would without us. We see its frame come by, in an evaluator of frames (PEP
//! 523) that is set while the interpreter starts, for the few frames that it runs before, and gone when the program begins. So nothing
//! of ours is on the program's stack but one function of C.

use std::cell::RefCell;
use std::ffi::c_int;

use lsprof_engine::Key;
use pyo3::exceptions::PySystemExit;
use pyo3::ffi::{self, PyObject, PyThreadState};
use pyo3::prelude::*;

use crate::collect::events::{self, Callee};
use crate::collect::registry;
use crate::ffi::attach::in_python;
use crate::ffi::builtin::Builtin;
use crate::ffi::frame_eval;
use crate::ffi::gil::GilCell;
use crate::ffi::interpreter_frame::{self, InterpreterFrame};
use crate::ffi::trampoline::guard;

struct Awaited {
    begin: Py<PyAny>,
    end: Py<PyAny>,
    /// The namespace of `__main__`, which stays the one that the interpreter has made.
    namespace: usize,
    /// Whether what is imported on the way to `__main__` is the program's, too.
    imports: bool,
    /// `builtins.exec`, if the program is to look as if that had called it: cProfile's users know that row.
    exec: Option<Py<PyAny>>,
}

static AWAITED: GilCell<RefCell<Option<Awaited>>> = GilCell::new(RefCell::new(None));

/// For the launcher, while the interpreter starts: has `begin(code)` called when the program's first frame is about to run, and
/// `end(name)` when it has, with the name of the exception that it left by, or None (also for SystemExit). `begin` may raise: then the program doesn't begin.
/// exec: the row that the program's own is to stand under, or None.
///
/// The first frame is that of `__main__`. With `imports`, for -m, folders and archives it is that of the function that looks for
/// `__main__`: packages that are imported on the way are the program's, too. Nothing of `begin` and `end` is recorded. False where another tool evaluates frames.
#[pyfunction]
#[pyo3(signature = (begin, end, exec=None, imports=true))]
pub fn _at_main(
    py: Python<'_>,
    begin: Py<PyAny>,
    end: Py<PyAny>,
    exec: Option<Py<PyAny>>,
    imports: bool,
) -> PyResult<bool> {
    if !frame_eval::is_default(py) {
        return Ok(false);
    }
    let namespace = py.import("__main__")?.dict().as_ptr() as usize;
    AWAITED.get(py).replace(Some(Awaited { begin, end, namespace, imports, exec }));
    frame_eval::set(py, evaluate);
    Ok(true)
}

unsafe extern "C-unwind" fn evaluate(
    state: *mut PyThreadState,
    frame: *mut InterpreterFrame,
    throw: c_int,
) -> *mut PyObject {
    let mut begun = None;
    // SAFETY: CPython calls us with the GIL held and a live frame.
    guard(|| unsafe { begun = begin(frame) });
    match begun {
        // SAFETY: the arguments are CPython's.
        None => unsafe { frame_eval::evaluate(state, frame, throw) },
        Some(Err(error)) => {
            // SAFETY: the GIL is held.
            guard(|| unsafe { Python::attach_unchecked(|py| error.restore(py)) });
            std::ptr::null_mut()
        }
        Some(Ok(begun)) => {
            // SAFETY: the arguments are CPython's.
            let mut result = unsafe { frame_eval::pass_on(state, frame, throw) };
            // SAFETY: the GIL is held again; the result is a new reference, or null with an exception set.
            guard(|| unsafe { result = begun.end(result) });
            result
        }
    }
}

/// What has begun, and must end.
struct Begun {
    end: Py<PyAny>,
    exec: Option<(Py<PyAny>, Key)>,
}

/// Begins, if this is the frame that is awaited.
///
/// # Safety
/// The GIL is held, and the frame is a live one that is about to run.
unsafe fn begin(frame: *mut InterpreterFrame) -> Option<PyResult<Begun>> {
    // SAFETY: by this function's contract.
    unsafe {
        let code = interpreter_frame::code(frame);
        let globals = interpreter_frame::globals(frame) as usize;
        // With events on: a hook looks whether they are when it is installed. The ends of the calls in `begin` that it reports then have no
        // beginning, and are left out.
        Python::attach_unchecked(|py| {
            let (namespace, imports) = {
                let awaited = AWAITED.get(py).borrow();
                let awaited = awaited.as_ref()?;
                (awaited.namespace, awaited.imports)
            };
            let code = Bound::from_borrowed_ptr(py, code);
            if globals != namespace && !(imports && is_runpy(&code)) {
                return None;
            }
            frame_eval::set_default(py);
            let awaited = AWAITED.get(py).take()?;
            if let Err(error) = awaited.begin.call1(py, (code,)) {
                return Some(Err(error));
            }
            Some(Ok(Begun { end: awaited.end, exec: awaited.exec.and_then(|exec| enter(py, exec)) }))
        })
    }
}

/// Enters the call under which the program stands, if the program is recorded. CPython has that built-in for good.
fn enter(py: Python<'_>, exec: Py<PyAny>) -> Option<(Py<PyAny>, Key)> {
    let builtin = Builtin::of_object(exec.bind(py))?;
    // SAFETY: the GIL is held, and the built-in is alive.
    unsafe {
        let thread = registry::current();
        if thread.is_null() {
            return None;
        }
        events::enter(thread, Callee::Builtin(builtin));
    }
    Some((exec, builtin.definition as Key))
}

/// Whether this is the function by which the interpreter runs modules, folders and archives.
fn is_runpy(code: &Bound<'_, PyAny>) -> bool {
    let is_it = || -> PyResult<bool> {
        let name: String = code.getattr("co_name")?.extract()?;
        let file: String = code.getattr("co_filename")?.extract()?;
        Ok(name == "_run_module_as_main" && (file == "<frozen runpy>" || file.ends_with("runpy.py")))
    };
    is_it().unwrap_or(false)
}

impl Begun {
    /// # Safety
    /// The GIL is held; `result` is a reference of ours, or null with an exception set.
    unsafe fn end(self, result: *mut PyObject) -> *mut PyObject {
        // SAFETY: by this function's contract.
        unsafe {
            if let Some((_, key)) = &self.exec {
                let thread = registry::current();
                if !thread.is_null() {
                    events::leave(thread, *key);
                }
            }
            let raised = if result.is_null() { Python::attach_unchecked(PyErr::take) } else { None };
            let ended = in_python(|py| {
                let name = raised.as_ref().filter(|error| !error.is_instance_of::<PySystemExit>(py));
                let name = name.and_then(|error| error.get_type(py).name().ok());
                self.end.call1(py, (name,)).map(drop)
            });
            Python::attach_unchecked(|py| match (ended, raised) {
                (Ok(()), None) => result,
                (Ok(()), Some(error)) => {
                    error.restore(py);
                    result
                }
                // Ctrl-C, while it was being saved.
                (Err(error), _) => {
                    ffi::Py_XDECREF(result);
                    error.restore(py);
                    std::ptr::null_mut()
                }
            })
        }
    }
}
