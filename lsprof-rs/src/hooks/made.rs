//! The making of asyncio's tasks: which task runs just then is the parent of the new one, and CPython reports nothing of it.
//!
//! While profiles follow coroutines, a function of ours stands in the slot by which CPython initialises objects of `_asyncio.Task`, which all
//! loops make. Classes that are derived from it have the slot's function as it was when they were made, or call it by its descriptor
//! (`super().__init__`): there it stands as well.

use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use pyo3::ffi::{self, PyObject, PyTypeObject, initproc};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyModule, PyType};

use crate::collect::registry;
use crate::ffi::modules::imported;
use crate::ffi::trampoline::guard;

/// May run Python, where up to 3.13 CPython ends a daemon thread by `pthread_exit`; so nothing in its frame has to be dropped.
type Initialiser = unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> c_int;

const OURS: Initialiser = initialise;

/// The class, once it was found; it is kept alive from then on.
static CLASS: AtomicPtr<PyTypeObject> = AtomicPtr::new(null_mut());
/// The interpreter whose class that is, as an address.
static INTERPRETER: AtomicUsize = AtomicUsize::new(0);
/// What was in the slot.
static BEFORE: AtomicUsize = AtomicUsize::new(0);

/// Brings the slot in line with the registry: ours, if an enabled profile follows coroutines.
pub fn follow_registry(py: Python<'_>) {
    if registry::any_follows(py) {
        seek(py);
    }
    let class = CLASS.load(Ordering::Relaxed);
    if !class.is_null() {
        // SAFETY: it is kept alive; the GIL is held.
        unsafe { fill(class, registry::any_follows(py)) };
    }
}

/// The program may have imported asyncio by now. Called where a coroutine begins, for a task that is no coroutine's has no parent.
///
/// # Safety
/// The GIL is held.
#[inline(always)]
pub unsafe fn look_out() {
    if CLASS.load(Ordering::Relaxed).is_null() {
        // SAFETY: by this function's contract.
        unsafe { look_around() };
    }
}

/// # Safety
/// The GIL is held.
#[cold]
unsafe fn look_around() {
    guard(|| {
        // SAFETY: by this function's contract. What follows looks names up in dicts, and runs no Python.
        let py = unsafe { Python::assume_attached() };
        seek(py);
        let class = CLASS.load(Ordering::Relaxed);
        if !class.is_null() {
            // SAFETY: it is kept alive; the GIL is held.
            unsafe { fill(class, registry::any_follows(py)) };
        }
    });
}

/// Looks for the class, if it wasn't found yet.
fn seek(py: Python<'_>) {
    if !CLASS.load(Ordering::Relaxed).is_null() {
        return;
    }
    let Some(module) = imported(py, intern!(py, "_asyncio")) else { return };
    let Ok(module) = module.cast_into::<PyModule>() else { return };
    let named: Bound<'_, PyDict> = module.dict();
    let Ok(Some(class)) = named.get_item(intern!(py, "Task")) else { return };
    let Ok(class) = class.cast_into::<PyType>() else { return };
    // SAFETY: an attached thread has an interpreter.
    INTERPRETER.store(unsafe { ffi::PyInterpreterState_Get() } as usize, Ordering::Relaxed);
    CLASS.store(class.into_ptr().cast(), Ordering::Relaxed);
}

/// Whoever has taken the slot since keeps it.
///
/// # Safety
/// The class is alive, and the GIL is held.
unsafe fn fill(class: *mut PyTypeObject, wanted: bool) {
    // SAFETY: by this function's contract.
    unsafe {
        let now = initialiser_of(class);
        let is_ours = now == OURS as usize;
        if is_ours == wanted || now == 0 {
            return;
        } else if wanted {
            BEFORE.store(now, Ordering::Relaxed);
        }
        let before = BEFORE.load(Ordering::Relaxed);
        let (from, to) = if wanted { (before, OURS as usize) } else { (OURS as usize, before) };
        Python::attach_unchecked(|py| {
            let class = Bound::from_borrowed_ptr(py, class.cast());
            exchange(&class, from, to);
            // A failure leaves them as they are.
            _ = exchange_in_descriptor(&class, from, to);
            _ = exchange_in_derived(&class, from, to);
        });
    }
}

/// # Safety
/// The class is alive, and the GIL is held.
unsafe fn initialiser_of(class: *mut PyTypeObject) -> usize {
    // SAFETY: by this function's contract.
    unsafe { (*class).tp_init.map_or(0, |now| now as usize) }
}

/// In the slot of one class.
fn exchange(class: &Bound<'_, PyAny>, from: usize, to: usize) {
    let class = class.as_ptr().cast::<PyTypeObject>();
    // SAFETY: a class; the one function takes what the other does.
    unsafe {
        if initialiser_of(class) == from {
            (*class).tp_init = transmute::<usize, Option<initproc>>(to);
        }
    }
}

/// In what `super().__init__` finds.
fn exchange_in_descriptor(class: &Bound<'_, PyAny>, from: usize, to: usize) -> PyResult<()> {
    let descriptor =
        class.getattr(intern!(class.py(), "__dict__"))?.get_item(intern!(class.py(), "__init__"))?;
    // SAFETY: of that type, it is such a descriptor, which lives as long as the class; as above.
    unsafe {
        if ffi::Py_TYPE(descriptor.as_ptr()) == &raw mut ffi::PyWrapperDescr_Type {
            let wrapped = &raw mut (*descriptor.as_ptr().cast::<ffi::PyWrapperDescrObject>()).d_wrapped;
            if wrapped.read() as usize == from {
                wrapped.write(to as *mut c_void);
            }
        }
    }
    Ok(())
}

/// In the slots of the classes that are derived from it. Runs no Python, whatever their metaclasses say.
fn exchange_in_derived(class: &Bound<'_, PyAny>, from: usize, to: usize) -> PyResult<()> {
    let subclasses = class.py().get_type::<PyType>().getattr(intern!(class.py(), "__subclasses__"))?;
    for derived in subclasses.call1((class,))?.cast::<PyList>()?.iter() {
        exchange(&derived, from, to);
        exchange_in_derived(&derived, from, to)?;
    }
    Ok(())
}

unsafe extern "C-unwind" fn initialise(
    task: *mut PyObject,
    arguments: *mut PyObject,
    named: *mut PyObject,
) -> c_int {
    // SAFETY: CPython calls us with the GIL held, an object of the class, a tuple, and a dict or null.
    unsafe {
        if ffi::PyInterpreterState_Get() as usize == INTERPRETER.load(Ordering::Relaxed) {
            guard(|| note(task, arguments, named));
        }
        // Never null: ours stands only where something stood before.
        transmute::<usize, Initialiser>(BEFORE.load(Ordering::Relaxed))(task, arguments, named)
    }
}

/// # Safety
/// As for [`initialise`].
unsafe fn note(task: *mut PyObject, arguments: *mut PyObject, named: *mut PyObject) {
    // SAFETY: by this function's contract; all that is looked at is borrowed from the arguments.
    unsafe {
        let thread = registry::current();
        if thread.is_null() || !(*thread).recorder.follows_steps() {
            return;
        }
        let coroutine = if ffi::PyTuple_GET_SIZE(arguments) > 0 {
            ffi::PyTuple_GET_ITEM(arguments, 0)
        } else if named.is_null() {
            null_mut()
        } else {
            ffi::PyDict_GetItemString(named, c"coro".as_ptr())
        };
        // Of these alone it is heard when they are freed.
        if !coroutine.is_null() && ffi::Py_TYPE(coroutine) == &raw mut ffi::PyCoro_Type {
            (*thread).recorder.task_made(coroutine as usize, task as usize);
        }
    }
}
