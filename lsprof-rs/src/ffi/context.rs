//! `contextvars`: which context the running thread is in, at the price of two loads, and what a variable has there.
//!
//! A thread state knows its context, and counts how often that has changed (`context`, `context_ver`); both are declared in CPython's
//! public headers, move with each release, and are tried before they are relied upon. A variable that is set in a context changes neither:
//! who sets one of ours says so.

use std::ffi::{CStr, c_int};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use pyo3::ffi::{self, PyObject, PyThreadState};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

/// Where the thread state has its context, in words; the count follows.
const PLACE: usize = match () {
    #[cfg(not(Py_3_12))]
    () => 28,
    #[cfg(all(Py_3_12, not(Py_3_15)))]
    () => 26,
    #[cfg(Py_3_15)]
    () => 29,
};

/// Whether it does: 0 where nobody has tried, 1 if so, 2 if not.
static IS_THERE: AtomicU8 = AtomicU8::new(0);

/// A thread's context at some moment. Two that are equal had the same one, with nothing else in between; of one thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    context: usize,
    changes: u64,
}

impl Moment {
    /// Equal to none that there has been.
    pub const NEVER: Self = Self { context: usize::MAX, changes: u64::MAX };
}

unsafe extern "C" {
    #[cfg_attr(not(Py_3_13), link_name = "_PyThreadState_UncheckedGet")]
    fn PyThreadState_GetUnchecked() -> *mut PyThreadState;
}

/// The running thread's.
///
/// # Safety
/// The calling thread holds the GIL.
#[inline(always)]
pub unsafe fn now() -> Moment {
    if IS_THERE.load(Ordering::Relaxed) != 1 {
        return unknown();
    }
    // SAFETY: a thread that holds the GIL has a state, which has these words.
    unsafe {
        let words = PyThreadState_GetUnchecked().cast::<usize>().add(PLACE);
        Moment { context: words.read(), changes: words.add(1).read() as u64 }
    }
}

/// Of a release that we can't look into: another one each time, so that everybody asks.
#[cold]
fn unknown() -> Moment {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    Moment { context: 0, changes: COUNT.fetch_add(1, Ordering::Relaxed) }
}

/// Finds out whether the running interpreter's thread state looks as declared; once.
///
/// # Errors
/// What CPython raises.
pub fn get_ready(py: Python<'_>) -> PyResult<()> {
    if IS_THERE.load(Ordering::Relaxed) == 0 {
        // SAFETY: a new reference, or null with an exception set.
        let context = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyContext_New())? };
        let words = || {
            // SAFETY: the token shows that the thread is attached.
            let state = unsafe { ffi::PyThreadState_Get() }.cast::<usize>();
            // SAFETY: a thread state is longer than this on every release.
            unsafe { (state.add(PLACE).read(), state.add(PLACE + 1).read()) }
        };
        let (outer, before) = words();
        // SAFETY: a context that nobody is in.
        check(py, unsafe { ffi::PyContext_Enter(context.as_ptr()) })?;
        let (inner, inside) = words();
        // SAFETY: the one that was entered.
        check(py, unsafe { ffi::PyContext_Exit(context.as_ptr()) })?;
        let fits = inner == context.as_ptr() as usize
            && inside == before.wrapping_add(1)
            && words() == (outer, before.wrapping_add(2));
        IS_THERE.store(if fits { 1 } else { 2 }, Ordering::Relaxed);
    }
    Ok(())
}

fn check(py: Python<'_>, result: c_int) -> PyResult<()> {
    if result == 0 { Ok(()) } else { Err(PyErr::fetch(py)) }
}

/// Has `changed` called in each thread of this interpreter that has come to another context, from the first time on. Whether it is.
#[cfg(Py_3_14)]
pub fn watch(_py: Python<'_>, changed: unsafe fn()) -> bool {
    use std::sync::OnceLock;

    type Watcher = unsafe extern "C" fn(c_int, *mut PyObject) -> c_int;
    unsafe extern "C" {
        fn PyContext_AddWatcher(watcher: Watcher) -> c_int;
    }
    static CHANGED: OnceLock<unsafe fn()> = OnceLock::new();
    static IS_THERE: OnceLock<bool> = OnceLock::new();

    unsafe extern "C" fn switched(_event: c_int, _context: *mut PyObject) -> c_int {
        if let Some(changed) = CHANGED.get() {
            // SAFETY: CPython calls us with the GIL held.
            unsafe { changed() };
        }
        0
    }
    _ = CHANGED.set(changed);
    *IS_THERE.get_or_init(|| {
        // SAFETY: the token shows that the GIL is held; -1 comes with an exception: there are too many.
        let number = unsafe { PyContext_AddWatcher(switched) };
        if number < 0 {
            // SAFETY: as above.
            unsafe { ffi::PyErr_Clear() };
        }
        number >= 0
    })
}

/// A context variable.
pub struct Variable(PyOnceLock<Py<PyAny>>, &'static CStr);

impl Variable {
    /// One of ours, made when it is set first. Its name is what a program sees that looks through its context.
    pub const fn new(name: &'static CStr) -> Self {
        Self(PyOnceLock::new(), name)
    }

    fn object<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        let made = self.0.get_or_try_init(py, || {
            // SAFETY: a new reference, or null with an exception set.
            let made = unsafe {
                Bound::from_owned_ptr_or_err(py, ffi::PyContextVar_New(self.1.as_ptr(), std::ptr::null_mut()))
            };
            made.map(Bound::unbind)
        });
        made.map(|made| made.bind(py))
    }

    /// Sets it in the running context.
    ///
    /// # Errors
    /// What CPython raises.
    pub fn set(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        // SAFETY: a variable and a value; what comes is a new reference, or null with an exception set.
        let token = unsafe { ffi::PyContextVar_Set(self.object(py)?.as_ptr(), value.as_ptr()) };
        // SAFETY: as above.
        unsafe { Bound::from_owned_ptr_or_err(py, token) }.map(drop)
    }

    /// Whether this object is it.
    pub fn is(&self, py: Python<'_>, object: *mut PyObject) -> bool {
        self.0.get(py).is_some_and(|variable| variable.as_ptr() == object)
    }

    /// What it has in this context; `None` where it has nothing. Runs no Python.
    ///
    /// # Safety
    /// That is a context, and alive; no exception is set.
    #[cfg(not(Py_3_14))]
    pub unsafe fn get_in<'py>(&self, py: Python<'py>, context: *mut PyObject) -> Option<Bound<'py, PyAny>> {
        let variable = self.0.get(py)?.as_ptr();
        // SAFETY: a mapping and a variable. To ask first spares an exception.
        unsafe {
            if ffi::PySequence_Contains(context, variable) != 1 {
                ffi::PyErr_Clear();
                return None;
            }
            let value = ffi::PyObject_GetItem(context, variable);
            Bound::from_owned_ptr_or_err(py, value).ok()
        }
    }

    /// What it has in the running context; `None` where it has nothing. Runs no Python.
    pub fn get<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        get(py, self.0.get(py)?.bind(py))
    }
}

/// What a context variable has in the running context; `None` where it has nothing. Runs no Python.
pub fn get<'py>(py: Python<'py>, variable: &Bound<'py, PyAny>) -> Option<Bound<'py, PyAny>> {
    let mut value: *mut PyObject = std::ptr::null_mut();
    // SAFETY: a variable, no default, and a place for the value, a new reference or null.
    let result = unsafe { ffi::PyContextVar_Get(variable.as_ptr(), std::ptr::null_mut(), &raw mut value) };
    if result != 0 {
        drop(PyErr::take(py));
        return None;
    }
    // SAFETY: as above.
    unsafe { Bound::from_owned_ptr_or_opt(py, value) }
}
