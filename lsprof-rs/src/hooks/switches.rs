//! 3.11: where profiles follow contexts, the profile function is set in those threads that are in a followed context now, and in no other:
//! what runs beside them pays nothing but a look at each context that is entered.
//!
//! A thread gets into a context and out of it by `Context.run`, and a context becomes a followed one where a copy of our variable is
//! set in it. We stand in front of both. Libraries such as uvloop call `PyContext_Enter` and `PyContext_Exit` instead; the symbols that they are
//! linked to say so, and are led to us. greenlet changes contexts with its own hands. Where such a library is loaded, and from the moment on
//! that one is imported, the function is set in all threads, and looks at the context at each event.
//!
//! In a thread that has a function of somebody else's, ours is there as long as the thread is inside, and the other one again then. One
//! that the program sets while ours is there stays.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ffi::c_int;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pikos_os::libraries::{self, Library};
use pyo3::ffi::{self, Py_tracefunc, PyObject};
use pyo3::prelude::*;

use super::turns;
use crate::collect::registry::{self, Scope};
use crate::ffi::attach::in_python;
use crate::ffi::gil::GilCell;
use crate::ffi::in_front::{Before, Function};
use crate::ffi::profile_function::{self, ThreadHandle};
use crate::ffi::thread_state::ThreadState;
use crate::ffi::trampoline::guard;

static RUN: Before = Before::new();
static SET: Before = Before::new();
static LOAD: Before = Before::new();

/// Whether the function goes in and out with the threads.
static IS_ON: AtomicBool = AtomicBool::new(false);

/// The function's address.
static FUNCTION: AtomicUsize = AtomicUsize::new(0);

/// Sets it in all threads, for these profiles.
pub type Everywhere = fn(Python<'_>, Vec<Scope>) -> PyResult<()>;

static EVERYWHERE: GilCell<Cell<Everywhere>> = GilCell::new(Cell::new(|_, _| Ok(())));

/// What a thread had before: an address, 0 for none, and its object.
type Other = (usize, Option<Py<PyAny>>);

struct Switches {
    /// What `sys.getprofile()` returns in these threads.
    stand_in: Py<PyAny>,
    scopes: Vec<Scope>,
    /// The thread states that have our function, by their numbers.
    inside: HashMap<i64, Other>,
    /// Those that the program has given a function of its own while ours was there.
    own: HashSet<i64>,
}

static SWITCHES: GilCell<RefCell<Option<Switches>>> = GilCell::new(RefCell::new(None));

/// Whether the function goes in and out with the threads.
#[inline(always)]
pub fn are_on() -> bool {
    IS_ON.load(Ordering::Relaxed)
}

/// Which function it is, and who sets it in all threads where that has to be. To be called before all others.
pub fn use_function(py: Python<'_>, function: Py_tracefunc, everywhere: Everywhere) {
    FUNCTION.store(function as *const () as usize, Ordering::Relaxed);
    EVERYWHERE.get(py).set(everywhere);
}

/// Sets the function for one more profile of a context, which the running thread is in. False where it has to be set in all threads.
pub fn begin(py: Python<'_>, scope: Scope) -> PyResult<bool> {
    let can_be = are_on() || (ThreadState::is_as_declared(py)? && stand_in_front(py)?);
    if !can_be {
        return Ok(false);
    } else if has_other_doors(py) {
        // Perhaps by now: a library may be loaded without an import.
        set_everywhere(py)?;
        return Ok(false);
    }
    profile_function::audit(py)?;
    let stand_in = py.get_type::<PyAny>().call0()?.unbind();
    let mut switches = SWITCHES.get(py).borrow_mut();
    let new = || Switches { stand_in, scopes: Vec::new(), inside: HashMap::new(), own: HashSet::new() };
    switches.get_or_insert_with(new).scopes.push(scope);
    drop(switches);
    IS_ON.store(true, Ordering::Relaxed);
    settle(py);
    Ok(true)
}

/// Undoes [`begin`].
pub fn end(py: Python<'_>, scope: Scope) {
    if let Some(switches) = SWITCHES.get(py).borrow_mut().as_mut() {
        switches.scopes.retain(|covered| *covered != scope);
    }
    if registry::any_ordinary_in_all_threads(py) {
        settle(py);
    } else {
        stop(py, true);
    }
}

/// A thread gets a function of ours that stays.
pub fn forget(py: Python<'_>, state: i64) {
    let forgotten =
        SWITCHES.get(py).borrow_mut().as_mut().and_then(|switches| switches.inside.remove(&state));
    drop(forgotten);
}

/// The function no longer goes in and out. Returns the profiles that it was there for.
pub fn stop(py: Python<'_>, takes_away: bool) -> Vec<Scope> {
    IS_ON.store(false, Ordering::Relaxed);
    let Some(switches) = SWITCHES.get(py).take() else { return Vec::new() };
    let mut inside = switches.inside;
    for state in ThreadHandle::all(py) {
        if let Some(other) = inside.remove(&state.id())
            && takes_away
            && state.has_profile_at(function())
        {
            drop(state.exchange_profile(py, other));
        }
    }
    switches.scopes
}

/// Sets the function in the running thread if that is in a followed context, or takes it away. Runs no Python before that is done.
pub fn settle(py: Python<'_>) {
    change(py, registry::is_followed(py));
}

fn change(py: Python<'_>, is_inside: bool) {
    let thread = ThreadHandle::current(py);
    let is_set = thread.has_profile_at(function());
    let mut switches = SWITCHES.get(py).borrow_mut();
    let Some(all) = switches.as_mut() else { return };
    let state = thread.id();
    // To be dropped with nothing borrowed: that may run Python.
    let old: Option<Other> = match (is_inside, is_set) {
        (true, true) => None,
        (true, false) if thread.has_profile() && all.own.contains(&state) => None,
        (true, false) => {
            all.own.remove(&state);
            let ours = (function(), Some(all.stand_in.clone_ref(py)));
            let other = thread.exchange_profile(py, ours);
            all.inside.insert(state, other)
        }
        (false, true) => all.inside.remove(&state).map(|other| thread.exchange_profile(py, other)),
        (false, false) => {
            let old = all.inside.remove(&state);
            if old.is_some() && thread.has_profile() {
                all.own.insert(state);
            }
            old
        }
    };
    drop(switches);
    drop(old);
}

#[inline(always)]
fn function() -> usize {
    FUNCTION.load(Ordering::Relaxed)
}

/// Whether the running thread has our function.
///
/// # Safety
/// The GIL is held.
#[inline(always)]
unsafe fn is_set() -> bool {
    // SAFETY: by this function's contract.
    unsafe { ThreadState::of(ffi::PyThreadState_Get()) }.has_profile_function_at(function())
}

/// `Context.run(callable, ...)`
unsafe extern "C-unwind" fn run(
    context: *mut PyObject,
    arguments: *const *mut PyObject,
    count: isize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: the GIL is held, the arguments are CPython's, and the descriptor has seen that the first one is a context.
    unsafe {
        let was_inside = are_on() && enter(context);
        let result = RUN.keywords(context, arguments, count, names);
        if are_on() && (was_inside || is_set()) {
            moved();
        }
        result
    }
}

/// The thread is about to enter this context. Whether there may be something to be done when it has left.
///
/// # Safety
/// The GIL is held; it is a context, and no exception is set.
#[inline(always)]
unsafe fn enter(context: *mut PyObject) -> bool {
    // SAFETY: by this function's contract.
    unsafe {
        let was_set = is_set();
        let mut is_inside = false;
        guard(|| {
            let py = Python::assume_attached();
            is_inside = registry::is_context_followed(py, context);
            if is_inside != was_set {
                Python::attach_unchecked(|py| change(py, is_inside));
            }
        });
        is_inside || was_set
    }
}

/// The thread has come to another context.
///
/// # Safety
/// The GIL is held.
unsafe fn moved() {
    // SAFETY: by this function's contract.
    guard(|| unsafe {
        Python::attach_unchecked(|py| {
            let pending = PyErr::take(py);
            settle(py);
            if let Some(pending) = pending {
                pending.restore(py);
            }
        });
    });
}

/// `ContextVar.set(value)`
unsafe extern "C-unwind" fn set(variable: *mut PyObject, value: *mut PyObject) -> *mut PyObject {
    // SAFETY: the GIL is held, and the arguments are CPython's.
    unsafe {
        let result = SET.one(variable, value);
        if !result.is_null() && registry::is_mark(Python::assume_attached(), variable) {
            marked();
        }
        result
    }
}

/// Somebody has copied our variable into the running context, as asgiref does with all that there are.
///
/// # Safety
/// The GIL is held, and no exception is set.
#[cold]
unsafe fn marked() {
    // SAFETY: by this function's contract.
    guard(|| unsafe {
        Python::attach_unchecked(|py| {
            registry::look_at_context_again(py);
            if are_on() {
                settle(py);
            }
        });
    });
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
        if are_on() {
            guard(|| in_python(look_for_doors));
        }
        result
    }
}

/// A library has been loaded. A failure leaves threads unwatched; there is nobody to tell.
fn look_for_doors(py: Python<'_>) {
    if has_other_doors(py) {
        _ = turns::take(py, || set_everywhere(py));
    }
}

fn set_everywhere(py: Python<'_>) -> PyResult<()> {
    let is_wanted = registry::any_ordinary_in_all_threads(py);
    let scopes = stop(py, !is_wanted);
    if is_wanted { EVERYWHERE.get(py).get()(py, scopes) } else { Ok(()) }
}

/// Stands in front of what changes contexts. False where one of them isn't what we know.
fn stand_in_front(py: Python<'_>) -> PyResult<bool> {
    let contextvars = py.import("_contextvars")?;
    Ok(RUN.stand(&contextvars.getattr("Context")?, "run", Function::Keywords(run))?
        && SET.stand(&contextvars.getattr("ContextVar")?, "set", Function::One(set))?
        && LOAD.stand(&py.import("_imp")?, "create_dynamic", Function::Fast(load))?)
}

/// `PyContext_Enter(context)`, as libraries call it.
unsafe extern "C" fn enter_by_c(context: *mut PyObject) -> c_int {
    // SAFETY: the GIL is held, and the argument is the library's.
    unsafe {
        let status = ffi::PyContext_Enter(context);
        if status == 0 && are_on() {
            moved();
        }
        status
    }
}

/// `PyContext_Exit(context)`, likewise.
unsafe extern "C" fn exit_by_c(context: *mut PyObject) -> c_int {
    // SAFETY: as above.
    unsafe {
        let status = ffi::PyContext_Exit(context);
        if status == 0 && are_on() {
            moved();
        }
        status
    }
}

/// Whether something is loaded that changes contexts in a way of its own, or may. What goes through doors that we know is led to ours.
fn has_other_doors(py: Python<'_>) -> bool {
    /// What the libraries of this generation were found to have.
    static KNOWN: GilCell<Cell<Option<(u64, bool)>>> = GilCell::new(Cell::new(None));
    let generation = libraries::generation();
    if let Some((known, answer)) = KNOWN.get(py).get()
        && generation == Some(known)
    {
        return answer;
    }
    let answer = is_embedded() || !are_all_led_here().unwrap_or(false);
    KNOWN.get(py).set(generation.map(|generation| (generation, answer)));
    answer
}

/// `None` where the system doesn't say.
fn are_all_led_here() -> Option<bool> {
    let doors = [
        (c"PyContext_Enter", enter_by_c as *const () as usize),
        (c"PyContext_Exit", exit_by_c as *const () as usize),
    ];
    let ours = libraries::of_address(run as *const () as usize)?;
    // Who knows the type may look inside. CPython's own module shows it.
    let is_harmless = |library: &Library| {
        let name = library.file.rsplit(|byte| *byte == b'/').next();
        name.is_some_and(|name| name.starts_with(b"_contextvars."))
    };
    let mut looking_inside = libraries::users(&[c"PyContext_Type"])?.into_iter();
    let mut are_led = looking_inside.all(|library| library == ours || is_harmless(&library));
    for (door, to) in doors {
        for library in libraries::users(&[door])?.iter().filter(|library| **library != ours) {
            // SAFETY: ours take what CPython's do, and this module is never unloaded.
            are_led &= unsafe { libraries::redirect(library, door, to) };
        }
    }
    Some(are_led)
}

/// Whether CPython is a part of a program that isn't Python: what that calls shows nowhere.
fn is_embedded() -> bool {
    let home = libraries::of_address(ffi::PyContext_Enter as *const () as usize);
    home.is_none_or(|library| library.file.is_empty())
        && std::env::current_exe().map_or(true, |program| {
            let name = program.file_name().unwrap_or_default().to_string_lossy();
            !name.starts_with("python")
        })
}
