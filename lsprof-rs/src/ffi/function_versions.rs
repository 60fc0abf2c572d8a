//! 3.11's function versions, and why they have to be used up before frames can be counted.
//!
//! 3.11 specialises `x[i]` where the class of `x` defines `__getitem__` in Python: the method's frame is then pushed
//! without asking whether somebody evaluates frames (a bug; 3.12 asks), so the call would be missed. It does so only for
//! functions whose version fits into 16 bits. Versions are given out in ascending order, when a call is specialised, and
//! are good for 32 bits; so once the first 65,536 are spent, no `__getitem__` is inlined any more. What loses by it is that
//! one instruction; calls keep their specialisation.

use std::collections::HashSet;

use pyo3::ffi::{Py_TYPE, PyDict_GetItemString, PyFunction_Type, PyFunctionObject, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

use super::thread_state::EventsOff;

/// The first version that doesn't fit.
const TOO_LARGE: u32 = 1 << 16;
/// Enough by far: each round spends 250.
const ROUNDS: usize = 1000;

/// Calls 250 functions from 250 places. Code is quickened when it is called for the 8th time, and a call is specialised
/// when it is next executed: that takes a version for each function.
const SOURCE: &std::ffi::CStr = cr#"
from types import FunctionType

names = [f"f{n}" for n in range(250)]
scope = {}
exec(f"def calls(go, {', '.join(names)}):\n    if not go: return\n    {'(); '.join(names)}()\ndef called(): pass", scope)
calls, called = scope["calls"].__code__, scope["called"].__code__
functions = [FunctionType(called, {}) for _ in names]

def spend():
    fresh = FunctionType(calls.replace(), {})
    for function in functions:
        function.__defaults__ = None  # takes its version away
    for _ in range(8):
        fresh(False, *functions)
    fresh(True, *functions)
    return functions[-1]
"#;

/// Uses the small versions up and takes them away from all functions. False if that fails. About 10 ms.
pub fn use_up(py: Python<'_>) -> PyResult<bool> {
    let scope = PyDict::new(py);
    // Nothing is specialised in a thread that is being traced.
    let events_off = EventsOff::new(py);
    py.run(SOURCE, Some(&scope), None)?;
    let spend = scope.get_item("spend")?.ok_or_else(|| pyo3::exceptions::PyKeyError::new_err("spend"))?;
    let mut spent = false;
    for _ in 0..ROUNDS {
        let last = spend.call0()?;
        // SAFETY: the object is alive, the GIL held.
        spent = unsafe { version(last.as_ptr()) } >= TOO_LARGE;
        if spent {
            break;
        }
    }
    drop(events_off);
    if spent {
        take_away(py)?;
    }
    Ok(spent)
}

/// Takes the small versions away from the functions that have one: the next one will be large.
fn take_away(py: Python<'_>) -> PyResult<()> {
    let objects = py.import("gc")?.call_method0("get_objects")?.cast_into::<PyList>()?;
    objects.iter().for_each(|object| reset(&object));
    // Frozen objects are not in that list; of those, only methods that are specialised already matter.
    let subclasses_of = py.get_type::<PyType>().getattr("__subclasses__")?;
    let mut seen = HashSet::new();
    let mut classes = vec![py.get_type::<PyAny>()];
    while let Some(class) = classes.pop() {
        if !seen.insert(class.as_ptr() as usize) {
            continue;
        }
        // SAFETY: a live class; asked directly, as a metaclass may run the program's code for attributes.
        let method = unsafe {
            let attributes = (*class.as_type_ptr()).tp_dict;
            Bound::from_borrowed_ptr_or_opt(py, PyDict_GetItemString(attributes, c"__getitem__".as_ptr()))
        };
        if let Some(method) = method {
            reset(&method);
        }
        for subclass in subclasses_of.call1((&class,))?.cast_into::<PyList>()?.iter() {
            classes.push(subclass.cast_into::<PyType>()?);
        }
    }
    Ok(())
}

fn reset(object: &Bound<'_, PyAny>) {
    let object = object.as_ptr();
    // SAFETY: the object is alive, the GIL held; the version is what CPython itself sets to 0 when a function changes.
    unsafe {
        if (1..TOO_LARGE).contains(&version(object)) {
            (*object.cast::<PyFunctionObject>()).func_version = 0;
        }
    }
}

/// A function's version; 0 if it has none, or is no function.
///
/// # Safety
/// The object is alive and the GIL held.
unsafe fn version(object: *mut PyObject) -> u32 {
    // SAFETY: by this function's contract; the cast is for functions only.
    unsafe {
        if Py_TYPE(object) == &raw mut PyFunction_Type {
            (*object.cast::<PyFunctionObject>()).func_version
        } else {
            0
        }
    }
}
