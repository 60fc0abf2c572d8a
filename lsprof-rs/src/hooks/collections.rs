//! Collections of garbage as calls of a function of their own, `<gc>`: they run inside of whatever happens to allocate.
//!
//! CPython tells nobody of them but `gc.callbacks`, a list of the program's, so there our callback stands while a profile that asked
//! for it is enabled, behind all others. It is a native object: no call of it is an event, and it runs no Python. A program that
//! empties the list has no `<gc>` from then on.

use std::cell::Cell;

use pyo3::ffi::{PyObject, PyThreadState_Get, PyUnicode_GetLength};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use crate::collect::events::{self, Callee};
use crate::collect::registry;
use crate::ffi::callback::{self, arguments, none};
use crate::ffi::gil::GilCell;
use crate::ffi::thread_state::ThreadState;
use crate::ffi::trampoline::guard;

/// How many enabled profiles want to hear of collections.
static WANTED: GilCell<Cell<usize>> = GilCell::new(Cell::new(0));
/// Whether a thread's state shows that its events are off.
static SHOWS_SILENCE: GilCell<Cell<bool>> = GilCell::new(Cell::new(false));

/// Listens for one profile more.
pub fn install(py: Python<'_>) -> PyResult<()> {
    SHOWS_SILENCE.get(py).set(ThreadState::is_as_declared(py)?);
    if WANTED.get(py).get() == 0 {
        callbacks(py)?.append(callable(py)?)?;
    }
    WANTED.get(py).set(WANTED.get(py).get() + 1);
    Ok(())
}

/// Listens for one less.
pub fn remove(py: Python<'_>) -> PyResult<()> {
    let left = WANTED.get(py).get().saturating_sub(1);
    WANTED.get(py).set(left);
    if left == 0 {
        let (callbacks, ours) = (callbacks(py)?, callable(py)?);
        // The program may have taken it away, or the list may be gone with the interpreter.
        if let Some(place) = callbacks.iter().position(|callback| callback.is(ours)) {
            callbacks.del_item(place)?;
        }
    }
    Ok(())
}

fn callbacks(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    static CALLBACKS: PyOnceLock<Py<PyList>> = PyOnceLock::new();
    // Kept: the program may put another list in its place, of which the collector doesn't know.
    let list = CALLBACKS.get_or_try_init(py, || -> PyResult<Py<PyList>> {
        Ok(py.import("gc")?.getattr("callbacks")?.cast_into::<PyList>()?.unbind())
    })?;
    Ok(list.bind(py).clone())
}

fn callable(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static CALLABLE: PyOnceLock<[Py<PyAny>; 1]> = PyOnceLock::new();
    let [callable] = CALLABLE.get_or_try_init(py, || callback::callables(py, [on_collection]))?;
    Ok(callable.bind(py))
}

/// (phase, info): "start" and "stop".
unsafe extern "C" fn on_collection(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([phase, _]) = (unsafe { arguments(args, count) }) else {
        return callback::too_few(2, count);
    };
    guard(|| {
        // SAFETY: CPython calls us with the GIL held, in a thread that has a state, and with a live text.
        unsafe {
            let thread = registry::current();
            if thread.is_null() || !(*thread).counts_collections || is_silent() {
                return;
            }
            match PyUnicode_GetLength(*phase) {
                5 => events::enter(thread, Callee::Collection),
                _ => events::leave(thread, Callee::Collection.key()),
            }
        }
    });
    none()
}

/// Whether one of our own hooks is under way here, or a trace function, for which CPython switches events off.
///
/// # Safety
/// The GIL is held.
unsafe fn is_silent() -> bool {
    // SAFETY: by this function's contract; an attached thread has a state.
    unsafe {
        Python::attach_unchecked(|py| SHOWS_SILENCE.get(py).get())
            && ThreadState::of(PyThreadState_Get()).is_silent()
    }
}
