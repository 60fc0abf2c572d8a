//! 3.11's profile and trace functions, beside whatever was set before: that is called after us.
//!
//! Function events come through the profile function, lines through the trace function, of each thread that a monitor
//! covers. A program that sets its own takes ours away; records end there. Only the trace function is told which exception there
//! is, so it is set where records of functions are to name that.

use std::cell::{Cell, RefCell};
use std::ffi::c_int;

use hashbrown::HashMap;
use pyo3::ffi::{
    Py_tracefunc, PyFrameObject, PyObject, PyTrace_C_CALL, PyTrace_C_EXCEPTION, PyTrace_C_RETURN,
    PyTrace_CALL, PyTrace_EXCEPTION, PyTrace_LINE, PyTrace_RETURN,
};
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::ffi::builtin::{self, Builtin};
use crate::ffi::frame::{line_of_frame, offset_of_frame};
use crate::ffi::gil::GilCell;
use crate::ffi::profile_function::{self, ThreadHandle, Which};
use crate::ffi::thread;
use crate::ffi::trampoline::guard;
use crate::monitors::active::{self, Kind};
use crate::monitors::argument::{Argument, Nothing};
use crate::monitors::event::EventKind;
use crate::monitors::extra::name_of_type;
use crate::monitors::hub;
use crate::monitors::texts::TextId;
use crate::monitors::{codes, texts};

/// What was set in a thread before us, and the thread's address where it has enabled a monitor itself.
struct Before {
    thread: usize,
    function: Option<Py_tracefunc>,
    object: Option<Py<PyAny>>,
}

/// Where our functions are set, and what they took the place of; by the thread state's number.
type Places = HashMap<i64, Before>;

static PROFILED: GilCell<RefCell<Option<Places>>> = GilCell::new(RefCell::new(None));
static TRACED: GilCell<RefCell<Option<Places>>> = GilCell::new(RefCell::new(None));
/// In how many places there is somebody to call after us: seldom in any.
static FOLLOWED: GilCell<Cell<usize>> = GilCell::new(Cell::new(0));
/// Whether new threads are watched.
static WATCHES_NEW: GilCell<Cell<bool>> = GilCell::new(Cell::new(false));

/// The exception that was raised last in a thread, or goes on in a frame: its type's name, by the thread's address.
static RAISED: GilCell<RefCell<Vec<(usize, TextId)>>> = GilCell::new(RefCell::new(Vec::new()));

/// Sets and unsets the functions, as the monitors that are enabled want.
pub fn follow(py: Python<'_>) -> PyResult<()> {
    let monitors = hub::active(py);
    for (kind, which, places) in
        [(Kind::Function, Which::Profile, &PROFILED), (Kind::Line, Which::Trace, &TRACED)]
    {
        let current = ThreadHandle::current(py).id();
        for state in ThreadHandle::all(py) {
            let place =
                places.get(py).borrow().as_ref().and_then(|places| Some(places.get(&state.id())?.thread));
            let thread = if state.id() == current { thread::address() } else { place.unwrap_or(0) };
            let wanted = monitors.iter().any(|monitor| {
                let is_told = monitor.kind == kind || (kind == Kind::Line && monitor.names_exceptions(py));
                is_told && monitor.covers(thread)
            });
            match (wanted, place.is_some()) {
                (true, false) => install(py, which, state, thread, places)?,
                (false, true) => uninstall(py, which, state, places)?,
                _ => {}
            }
        }
    }
    let all_threads = monitors.iter().any(|monitor| monitor.threads.is_none());
    if WATCHES_NEW.get(py).replace(all_threads) != all_threads {
        // What `threading` does for us is no event of the program's.
        crate::ffi::attach::aside(py, |py| watch_new_threads(py, all_threads))?;
    }
    Ok(())
}

fn function_of(which: Which) -> Py_tracefunc {
    match which {
        Which::Profile => on_profile,
        Which::Trace => on_trace,
    }
}

fn install(
    py: Python<'_>,
    which: Which,
    state: ThreadHandle,
    thread: usize,
    places: &'static GilCell<RefCell<Option<Places>>>,
) -> PyResult<()> {
    let (function, object) = state.function(py, which);
    if function.is_some_and(|function| std::ptr::fn_addr_eq(function, function_of(which))) {
        return Ok(());
    }
    let ours = py.get_type::<PyAny>().call0()?.unbind();
    let followed = FOLLOWED.get(py);
    followed.set(followed.get() + usize::from(function.is_some()));
    let before = Before { thread, function, object };
    let gone = places.get(py).borrow_mut().get_or_insert_default().insert(state.id(), before);
    drop(gone); // may run Python, with nothing borrowed
    state.set_function(py, which, Some(function_of(which)), Some(&ours))
}

fn uninstall(
    py: Python<'_>,
    which: Which,
    state: ThreadHandle,
    places: &'static GilCell<RefCell<Option<Places>>>,
) -> PyResult<()> {
    let before = places.get(py).borrow_mut().as_mut().and_then(|places| places.remove(&state.id()));
    let Some(before) = before else { return Ok(()) };
    let followed = FOLLOWED.get(py);
    followed.set(followed.get() - usize::from(before.function.is_some()));
    let (now, _) = state.function(py, which);
    if now.is_some_and(|now| std::ptr::fn_addr_eq(now, function_of(which))) {
        return state.set_function(py, which, before.function, before.object.as_ref());
    }
    let (setter, what) = match which {
        Which::Profile => ("setprofile", "function events"),
        Which::Trace => ("settrace", "lines"),
    };
    active::tell(py, &format!("the program called sys.{setter}: no {what} were recorded from then on"));
    Ok(())
}

/// Threads that start from now on set our functions themselves, by way of `threading`.
fn watch_new_threads(py: Python<'_>, watch: bool) -> PyResult<()> {
    let threading = py.import("threading")?;
    let hook = crate::ffi::modules::own(py)?.getattr("_monitor_new_thread")?;
    for (get, set) in [("getprofile", "setprofile"), ("gettrace", "settrace")] {
        let now = threading.call_method0(get)?;
        if watch && now.is_none() {
            threading.call_method1(set, (&hook,))?;
        } else if !watch && now.is(&hook) {
            threading.call_method1(set, (py.None(),))?;
        }
    }
    Ok(())
}

/// A thread has begun, and has had no event yet.
pub fn thread_started(py: Python<'_>) -> PyResult<()> {
    let state = ThreadHandle::current(py);
    for (which, setter, places) in
        [(Which::Profile, "setprofile", &PROFILED), (Which::Trace, "settrace", &TRACED)]
    {
        // `threading` has set its hook here, which has done its duty.
        if state.function(py, which).0.is_some() {
            py.import("sys")?.call_method1(setter, (py.None(),))?;
            // A monitor that was enabled while the thread began had set our function before the hook, or after it: it is gone either way.
            let gone = places.get(py).borrow_mut().as_mut().and_then(|places| places.remove(&state.id()));
            let followed = FOLLOWED.get(py);
            followed.set(followed.get() - usize::from(gone.is_some_and(|before| before.function.is_some())));
        }
    }
    follow(py)
}

/// An object that CPython passed, for a monitor's method.
struct Passed(*mut PyObject);

impl Argument for Passed {
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        // SAFETY: CPython keeps what it passes alive as long as we run; a return by exception passes nothing.
        unsafe { Bound::from_borrowed_ptr_or_opt(py, self.0) }.map_or_else(|| py.None(), Bound::unbind)
    }
}

/// What a function returns; null where it is left by an exception.
struct Left(*mut PyObject);

impl Argument for Left {
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        Passed(self.0).object(py)
    }

    fn exception(&self, py: Python<'_>) -> Option<TextId> {
        let running = thread::address();
        let raised = RAISED.get(py).borrow();
        let raised = raised.iter().find(|(thread, _)| *thread == running).filter(|_| self.0.is_null());
        raised.map(|(_, name)| *name)
    }
}

/// An exception is raised in the running thread, or goes on in a caller.
fn note_raised(py: Python<'_>, argument: *mut PyObject) {
    // (type, value, traceback)
    let told = Passed(argument).object(py);
    let Ok(kind) = told.bind(py).get_item(0) else { return };
    let Ok(kind) = kind.cast_into::<PyType>() else { return };
    let (running, name) = (thread::address(), name_of_type(&kind));
    let mut raised = RAISED.get(py).borrow_mut();
    match raised.iter_mut().find(|(thread, _)| *thread == running) {
        Some(place) => place.1 = name,
        None => raised.push((running, name)),
    }
}

/// Calls what was set before us. What it answers is the answer.
///
/// # Safety
/// The arguments are CPython's.
#[inline(always)]
unsafe fn next(
    places: &'static GilCell<RefCell<Option<Places>>>,
    frame: *mut PyFrameObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    // SAFETY: a hook holds the GIL.
    let py = unsafe { Python::assume_attached() };
    if FOLLOWED.get(py).get() == 0 {
        return 0;
    }
    let before = {
        let places = places.get(py).borrow();
        let Some(places) = places.as_ref() else { return 0 };
        let Some(before) = places.get(&ThreadHandle::current(py).id()) else { return 0 };
        let Some(function) = before.function else { return 0 };
        (function, before.object.as_ref().map_or(std::ptr::null_mut(), Py::as_ptr))
    };
    // SAFETY: CPython would have called it with these; its object is kept as long as our function is set.
    unsafe { before.0(before.1, frame, what, arg) }
}

unsafe extern "C" fn on_profile(
    _object: *mut PyObject,
    frame: *mut PyFrameObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    guard(|| {
        // SAFETY: CPython calls us with the GIL held, a live frame, and for C events the live function.
        unsafe {
            let py = Python::assume_attached();
            #[allow(non_upper_case_globals)] // C's names
            let kind = match what {
                PyTrace_CALL => EventKind::Call,
                PyTrace_RETURN => EventKind::Return,
                PyTrace_C_CALL => EventKind::CCall,
                PyTrace_C_RETURN => EventKind::CReturn,
                PyTrace_C_EXCEPTION => EventKind::CException,
                _ => return,
            };
            let code = profile_function::code(frame);
            let address = code as usize;
            let Ok(code) = codes::find(py, address, || Passed(code).object(py)) else { return };
            if code.is_ours {
                return;
            }
            if kind == EventKind::Call {
                hub::dispatch(py, kind, &code, address, None, || code.first_line, &Nothing);
            } else if kind == EventKind::Return {
                hub::dispatch(py, kind, &code, address, None, || code.first_line, &Left(arg));
            } else if builtin::key_of_function(arg).is_some() {
                let called = Builtin::of_counted(arg, std::ptr::null_mut());
                let name = texts::of_builtin(py, called.name_address(), || called.name());
                let line = || {
                    code.line_at(py, offset_of_frame(frame), || Passed(address as *mut PyObject).object(py))
                };
                hub::dispatch(py, kind, &code, address, Some(name), line, &Passed(arg));
            }
        }
    });
    // SAFETY: CPython's arguments.
    unsafe { next(&PROFILED, frame, what, arg) }
}

unsafe extern "C" fn on_trace(
    _object: *mut PyObject,
    frame: *mut PyFrameObject,
    what: c_int,
    arg: *mut PyObject,
) -> c_int {
    #[allow(non_upper_case_globals)] // C's names
    let kind = match what {
        PyTrace_LINE => Some(EventKind::Line),
        PyTrace_CALL => Some(EventKind::Call),
        PyTrace_RETURN => Some(EventKind::Return),
        _ => None,
    };
    if what == PyTrace_EXCEPTION {
        guard(|| {
            // SAFETY: CPython calls us with the GIL held.
            let py = unsafe { Python::assume_attached() };
            note_raised(py, arg);
        });
    }
    if let Some(kind) = kind {
        guard(|| {
            // SAFETY: CPython calls us with the GIL held and a live frame.
            unsafe {
                let py = Python::assume_attached();
                let code = profile_function::code(frame);
                let address = code as usize;
                let Ok(code) = codes::find(py, address, || Passed(code).object(py)) else { return };
                if code.is_ours {
                    return;
                }
                if kind == EventKind::Line {
                    hub::dispatch(py, kind, &code, address, None, || line_of_frame(frame), &Nothing);
                } else {
                    hub::tell_activations(py, kind, &code, address);
                }
            }
        });
    }
    // SAFETY: CPython's arguments.
    unsafe { next(&TRACED, frame, what, arg) }
}
