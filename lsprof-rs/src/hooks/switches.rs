//! 3.11: where profiles follow contexts, the profile function is set in those threads that are in a followed context now, and in no other:
//! what runs beside them pays nothing but a look at each context that is entered.
//!
//! A thread gets into a context and out of it through the doors of `doors.rs`, and a context becomes a followed one where a copy of our
//! variable is set in it. Where there are doors that we don't know the function is set in all threads, and looks at the context at each event.
//!
//! In a thread that has a function of somebody else's, ours is there as long as the thread is inside, and the other one again then. One
//! that the program sets while ours is there stays.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use pyo3::ffi::{self, Py_tracefunc, PyObject};
use pyo3::prelude::*;

use crate::collect::registry::{self, Scope};
use crate::ffi::gil::GilCell;
use crate::ffi::profile_function::{self, ThreadHandle};
use crate::ffi::thread_state::ThreadState;
use crate::ffi::trampoline::guard;

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

/// Sets the function for one more profile of a context, which the running thread is in. False where it has to be set in all threads: there
/// are doors that we don't know, perhaps by now, as a library may be loaded without an import.
pub fn begin(py: Python<'_>, scope: Scope, is_told: bool) -> PyResult<bool> {
    if !is_told || !ThreadState::is_as_declared(py)? {
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

/// The thread is about to enter this context. Whether there may be something to be done when it has left.
///
/// # Safety
/// The GIL is held; it is a context, and no exception is set.
#[inline(always)]
pub unsafe fn enter(context: *mut PyObject) -> bool {
    // SAFETY: by this function's contract.
    are_on() && unsafe { enter_followed(context) }
}

/// # Safety
/// As for [`enter`].
unsafe fn enter_followed(context: *mut PyObject) -> bool {
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

/// It has left it, or never got in. `was_inside` is what [`enter`] said.
///
/// # Safety
/// The GIL is held.
#[inline(always)]
pub unsafe fn leave(was_inside: bool) {
    // SAFETY: by this function's contract.
    if are_on() && (was_inside || unsafe { is_set() }) {
        // SAFETY: as above.
        unsafe { moved() };
    }
}

/// The thread has come to another context, or ours has become a followed one.
///
/// # Safety
/// The GIL is held.
pub unsafe fn moved() {
    if !are_on() {
        return;
    }
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

/// Whether somebody who gets in by a door that we don't know would be missed.
pub fn rely_on_doors() -> bool {
    are_on()
}

/// There is a door that we don't know.
///
/// # Errors
/// What CPython raises.
pub fn rely_no_more(py: Python<'_>) -> PyResult<()> {
    if are_on() { set_everywhere(py) } else { Ok(()) }
}

/// Sets the function in all threads instead.
///
/// # Errors
/// What CPython raises.
fn set_everywhere(py: Python<'_>) -> PyResult<()> {
    let is_wanted = registry::any_ordinary_in_all_threads(py);
    let scopes = stop(py, !is_wanted);
    if is_wanted { EVERYWHERE.get(py).get()(py, scopes) } else { Ok(()) }
}
