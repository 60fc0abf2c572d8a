//! SIGTERM, where its default action would be taken: what is recorded is saved before.
//!
//! `signal.getsignal` answers that it has the default action, as without us, and it stays ours when the program says so: asyncio does,
//! when it removes its own handler. The handler of the system (`pikos-os`) wakes the main thread by another signal, one that
//! nobody uses and nobody ever sends: for Python that one has a handler, which it runs wherever it looks for signals: between
//! instructions, and in a sleep or a wait that was interrupted. That number, too, looks unused to the program; if it wants to use it, ours moves on.

use std::cell::RefCell;
use std::ffi::c_int;
use std::sync::atomic::{AtomicI32, Ordering};

use pikos_os::signals;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;

use crate::ffi::gil::GilCell;
use crate::ffi::in_front::{Before, Function};
use crate::ffi::trampoline::guard;

const SIGTERM: c_int = 15;

static SIGNAL: Before = Before::new();
static GETSIGNAL: Before = Before::new();

/// The signal that stands for SIGTERM where Python looks; 0 for none.
static STANDS_FOR_IT: AtomicI32 = AtomicI32::new(0);
/// What Python calls then.
static ACT: GilCell<RefCell<Option<Py<PyAny>>>> = GilCell::new(RefCell::new(None));

/// Has `act(signal, frame)` called by the main thread, as signal handlers are, when SIGTERM comes to this process and would end it. If it
/// couldn't be called `patience` seconds later, SIGTERM ends the process. False where the system has no signal to spare.
///
/// To be called on the main thread, and again in a forked child that is to do the same.
#[pyfunction]
pub fn _before_sigterm(act: Bound<'_, PyAny>, patience: u32) -> PyResult<bool> {
    let py = act.py();
    ACT.get(py).replace(Some(act.unbind()));
    if !stand_for_it(py)? {
        return Ok(false);
    }
    let module = py.import("_signal")?;
    if SIGNAL.stand(&module, "signal", Function::Fast(signal))? {
        GETSIGNAL.stand(&module, "getsignal", Function::One(getsignal))?;
    }
    signals::keep(SIGTERM, patience.saturating_mul(1000), wake_main_thread);
    Ok(true)
}

/// That function runs: the signal need not be repeated.
#[pyfunction]
pub fn _sigterm_seen() {
    signals::seen();
}

/// Sends SIGTERM to this process, as it came; now it is not kept from it.
#[pyfunction]
pub fn _die_of_sigterm() {
    signals::let_go(SIGTERM);
    signals::send_here(SIGTERM);
}

/// SIGTERM has its default action again, if it had that for the program.
#[pyfunction]
pub fn _let_sigterm_go() {
    signals::let_go(SIGTERM);
}

/// Has an unused signal call what is to be done. False if there is none.
fn stand_for_it(py: Python<'_>) -> PyResult<bool> {
    let Some(act) = ACT.get(py).borrow().as_ref().map(|act| act.clone_ref(py)) else { return Ok(false) };
    let module = py.import("_signal")?;
    let (set, get) = (module.getattr("signal")?, module.getattr("getsignal")?);
    let default = module.getattr("SIG_DFL")?;
    let current = STANDS_FOR_IT.load(Ordering::Relaxed);
    let unused = std::iter::once(current).filter(|number| *number != 0).chain(signals::unused());
    for number in unused {
        // Python may know of a handler that the system doesn't, and the other way round.
        if number != current && !get.call1((number,))?.eq(&default)? {
            continue;
        }
        // Meanwhile the call is like any other to our function below.
        STANDS_FOR_IT.store(0, Ordering::Relaxed);
        set.call1((number, act))?;
        signals::set_default(number);
        STANDS_FOR_IT.store(number, Ordering::Relaxed);
        return Ok(true);
    }
    Ok(false)
}

/// For the handler of SIGTERM: only what POSIX lets one call.
fn wake_main_thread() {
    // SAFETY: CPython says of it that it may be called from signal handlers, with or without the GIL.
    unsafe { ffi::PyErr_SetInterruptEx(STANDS_FOR_IT.load(Ordering::Relaxed)) };
}

/// `_signal.signal(number, handler)`
unsafe extern "C-unwind" fn signal(
    module: *mut PyObject,
    arguments: *const *mut PyObject,
    count: isize,
) -> *mut PyObject {
    // SAFETY: the arguments are CPython's, and the GIL is held.
    let number = if count == 2 { unsafe { number(*arguments) } } else { None };
    if number.is_some_and(|number| number == STANDS_FOR_IT.load(Ordering::Relaxed)) && number != Some(0) {
        // SAFETY: the GIL is held.
        guard(|| unsafe { Python::attach_unchecked(|py| move_on(py, number)) });
    }
    // SAFETY: as above.
    let result = unsafe { SIGNAL.fast(module, arguments, count) };
    if number == Some(SIGTERM) && !result.is_null() {
        signals::keep_again(SIGTERM);
    }
    result
}

/// The program wants the signal that stands for SIGTERM: another one will, from now on. For the program this one has had
/// the default action.
fn move_on(py: Python<'_>, number: Option<c_int>) {
    STANDS_FOR_IT.store(0, Ordering::Relaxed);
    let moved = || -> PyResult<()> {
        let module = py.import("_signal")?;
        // So that the search passes it by: it has no default action meanwhile.
        module.call_method1("signal", (number, module.getattr("SIG_IGN")?))?;
        stand_for_it(py)?;
        module.call_method1("signal", (number, module.getattr("SIG_DFL")?)).map(drop)
    };
    if moved().is_err() {
        // Not the main thread: CPython is about to refuse the program's own call for the same reason.
        STANDS_FOR_IT.store(number.unwrap_or_default(), Ordering::Relaxed);
    }
}

/// `_signal.getsignal(number)`
unsafe extern "C-unwind" fn getsignal(module: *mut PyObject, argument: *mut PyObject) -> *mut PyObject {
    let stands_for_it = STANDS_FOR_IT.load(Ordering::Relaxed);
    // SAFETY: the argument is CPython's, and the GIL is held.
    unsafe {
        if stands_for_it != 0 && number(argument) == Some(stands_for_it) {
            // SIG_DFL
            return ffi::PyLong_FromLong(0);
        }
        GETSIGNAL.one(module, argument)
    }
}

/// An integer, without calling anybody's `__index__`.
///
/// # Safety
/// The object is alive, and the GIL held.
unsafe fn number(object: *mut PyObject) -> Option<c_int> {
    // SAFETY: by this function's contract.
    unsafe {
        if ffi::PyLong_Check(object) == 0 {
            return None;
        }
        let mut overflow = 0;
        let value = ffi::PyLong_AsLongAndOverflow(object, &mut overflow);
        (overflow == 0).then(|| c_int::try_from(value).ok())?
    }
}
