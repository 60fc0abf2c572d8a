//! The doors through which a thread gets into another context of `contextvars`, and out of it. Where we know all that there are, and are
//! told each time, no event needs to look at the context.
//!
//! ```text
//!  3.14 on   PyContext_AddWatcher ─────────────────────────────────────┐
//!  before    Context.run ─ we stand in front ──────────────────────────┤
//!            PyContext_Enter, _Exit ─ by libraries, which are led to us ┼─> registry::context_changes
//!  all       ContextVar.set, of a variable of ours ────────────────────┘
//! ```
//! greenlet changes contexts with its own hands, as may any library that knows what a context looks like. Where one is loaded, and from the
//! moment on that one is imported, each event looks again.

use std::cell::Cell;
#[cfg(not(Py_3_14))]
use std::ffi::c_int;
use std::sync::atomic::{AtomicUsize, Ordering};

use pikos_os::libraries::{self, Library};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

#[cfg(Py_3_12)]
use super::monitoring;
#[cfg(Py_3_12)]
use super::rests as followers;
#[cfg(not(Py_3_12))]
use super::switches as followers;
use super::turns;
use crate::collect::{labels, registry};
use crate::ffi::attach::in_python;
#[cfg(Py_3_14)]
use crate::ffi::context;
use crate::ffi::gil::GilCell;
use crate::ffi::in_front::{Before, Function};
use crate::ffi::trampoline::guard;

#[cfg(not(Py_3_14))]
static RUN: Before = Before::new();
static SET: Before = Before::new();
static LOAD: Before = Before::new();

/// The interpreter whose contexts are meant, as an address. All others of the process come through the same doors.
static INTERPRETER: AtomicUsize = AtomicUsize::new(0);

/// Has the registry told of each change of context from now on, if all doors are known.
///
/// # Errors
/// What CPython raises.
pub fn watch(py: Python<'_>) -> PyResult<()> {
    // Who was told stands there already; a library may have come without an import.
    let is_in_front = registry::contexts_are_told(py) || stand_in_front(py)?;
    registry::tell_contexts(py, is_in_front && !has_others(py)?);
    Ok(())
}

/// Whether the running thread is in that interpreter: what we keep is behind its lock, and others may have one of their own.
///
/// # Safety
/// The thread is attached to one.
#[inline(always)]
unsafe fn is_meant() -> bool {
    // SAFETY: by this function's contract.
    unsafe { ffi::PyInterpreterState_Get() as usize == INTERPRETER.load(Ordering::Relaxed) }
}

/// False where one of them isn't what we know.
fn stand_in_front(py: Python<'_>) -> PyResult<bool> {
    // SAFETY: the token shows that the thread is attached.
    INTERPRETER.store(unsafe { ffi::PyInterpreterState_Get() } as usize, Ordering::Relaxed);
    let contextvars = py.import("_contextvars")?;
    #[cfg(not(Py_3_14))]
    let is_told = RUN.stand(&contextvars.getattr("Context")?, "run", Function::Keywords(run))?;
    #[cfg(Py_3_14)]
    let is_told = context::watch(py, moved);
    Ok(is_told
        && SET.stand(&contextvars.getattr("ContextVar")?, "set", Function::One(set))?
        && LOAD.stand(&py.import("_imp")?, "create_dynamic", Function::Fast(load))?)
}

/// `Context.run(callable, ...)`
#[cfg(not(Py_3_14))]
unsafe extern "C-unwind" fn run(
    context: *mut PyObject,
    arguments: *const *mut PyObject,
    count: isize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the GIL is held, the arguments are CPython's, and the descriptor has seen that the first one is a context.
    unsafe {
        if !is_meant() {
            return RUN.keywords(context, arguments, count, names);
        }
        let was_inside = followers::enter(context);
        registry::context_changes();
        let result = RUN.keywords(context, arguments, count, names);
        registry::context_changes();
        followers::leave(was_inside);
        result
    }
}

/// `ContextVar.set(value)`
unsafe extern "C-unwind" fn set(variable: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    // SAFETY: the GIL is held, and the arguments are CPython's.
    unsafe {
        let result = SET.one(variable, value);
        // Somebody may copy ours into the running context, as asgiref does with all that there are.
        if !result.is_null() && is_meant() && is_of_ours(Python::assume_attached(), variable) {
            moved();
        }
        result
    }
}

fn is_of_ours(py: Python<'_>, variable: *mut PyObject) -> bool {
    registry::is_mark(py, variable) || labels::is_variable(py, variable)
}

/// The running thread has come to another context, or its own means something else now.
///
/// # Safety
/// The GIL is held.
unsafe fn moved() {
    // SAFETY: by this function's contract.
    unsafe {
        registry::context_changes();
        followers::moved();
    }
}

/// `_imp.create_dynamic(spec, file=None)`
unsafe extern "C-unwind" fn load(
    module: *mut PyObject,
    arguments: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    // SAFETY: the GIL is held, and the arguments are CPython's.
    unsafe {
        let result = LOAD.fast(module, arguments, count);
        if is_meant() && is_relied_upon(Python::assume_attached()) {
            guard(|| in_python(look_for_others));
        }
        result
    }
}

/// Whether somebody counts on the doors that are known.
fn is_relied_upon(py: Python<'_>) -> bool {
    followers::rely_on_doors() || registry::contexts_are_told(py)
}

/// A library has been loaded. A failure leaves changes untold; there is nobody to say it to.
fn look_for_others(py: Python<'_>) {
    if has_others(py).unwrap_or(true) {
        _ = turns::take(py, || rely_no_more(py));
    }
}

fn rely_no_more(py: Python<'_>) -> PyResult<()> {
    registry::tell_contexts(py, false);
    followers::rely_no_more(py)?;
    #[cfg(Py_3_12)]
    monitoring::look_at_contexts(py)?;
    Ok(())
}

/// Whether something is loaded that changes contexts in a way of its own, or may. What goes through doors that we know is led to ours.
fn has_others(py: Python<'_>) -> PyResult<bool> {
    /// What the libraries of this generation were found to have.
    static KNOWN: GilCell<Cell<Option<(u64, bool)>>> = GilCell::new(Cell::new(None));
    let generation = libraries::generation();
    if let Some((known, answer)) = KNOWN.get(py).get()
        && generation == Some(known)
    {
        return Ok(answer);
    }
    let answer = is_one_built_in(py)? || !are_libraries_known().unwrap_or(false);
    KNOWN.get(py).set(generation.map(|generation| (generation, answer)));
    Ok(answer)
}

/// `None` where the system doesn't say.
fn are_libraries_known() -> Option<bool> {
    let ours = libraries::of_address(stand_in_front as *const () as usize)?;
    // Who knows the type may look inside. CPython's own module shows it.
    let is_harmless = |library: &Library| {
        let name = library.file.rsplit(|byte| *byte == b'/').next();
        name.is_some_and(|name| name.starts_with(b"_contextvars."))
    };
    let mut looking_inside = libraries::users(&[c"PyContext_Type"])?.into_iter();
    let are_known = looking_inside.all(|library| library == ours || is_harmless(&library));
    #[cfg(not(Py_3_14))]
    let are_known = are_known && are_all_led_here(&ours)?;
    Some(are_known)
}

/// Whether CPython is a part of a program that isn't Python: what that calls shows nowhere. Or has built in what starts tasks at once, in a
/// context that it has entered by C.
#[cfg(not(Py_3_14))]
fn is_one_built_in(py: Python<'_>) -> PyResult<bool> {
    let home = libraries::of_address(ffi::PyContext_Enter as *const () as usize);
    let is_embedded = home.is_none_or(|library| library.file.is_empty())
        && std::env::current_exe().map_or(true, |program| {
            let name = program.file_name().unwrap_or_default().to_string_lossy();
            !name.starts_with("python")
        });
    let starts_tasks =
        cfg!(Py_3_12) && py.import("sys")?.getattr("builtin_module_names")?.contains("_asyncio")?;
    Ok(is_embedded || starts_tasks)
}

/// The interpreter tells of its own.
#[cfg(Py_3_14)]
fn is_one_built_in(_py: Python<'_>) -> PyResult<bool> {
    Ok(false)
}

/// Leads the libraries that enter contexts by C to us.
#[cfg(not(Py_3_14))]
fn are_all_led_here(ours: &Library) -> Option<bool> {
    let doors = [
        (c"PyContext_Enter", enter_by_c as *const () as usize),
        (c"PyContext_Exit", exit_by_c as *const () as usize),
    ];
    let mut are_led = true;
    for (door, to) in doors {
        for library in libraries::users(&[door])?.iter().filter(|library| *library != ours) {
            // SAFETY: ours take what CPython's do, and this module is never unloaded.
            are_led &= unsafe { libraries::redirect(library, door, to) };
        }
    }
    Some(are_led)
}

/// `PyContext_Enter(context)`, as libraries call it.
#[cfg(not(Py_3_14))]
unsafe extern "C" fn enter_by_c(context: *mut PyObject) -> c_int {
    // SAFETY: the GIL is held, and the argument is the library's.
    unsafe { passed(ffi::PyContext_Enter(context)) }
}

/// `PyContext_Exit(context)`, likewise.
#[cfg(not(Py_3_14))]
unsafe extern "C" fn exit_by_c(context: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe { passed(ffi::PyContext_Exit(context)) }
}

/// # Safety
/// The GIL is held.
#[cfg(not(Py_3_14))]
unsafe fn passed(status: c_int) -> c_int {
    // SAFETY: by this function's contract.
    unsafe {
        if status == 0 && is_meant() {
            moved();
        }
    }
    status
}
