//! By the reference tracer (3.13), which is told of each object.
//!
//! That an object goes is told before its `__del__` runs, which may bring it back. From 3.14 on CPython says nothing of that. So classes with a
//! `__del__` get a `tp_finalize` of ours while we count, which looks whether the object has stayed.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::mem::transmute;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hashbrown::HashSet;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::{self, PyObject, PyThreadState, PyTypeObject, destructor};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use super::told::Tells;
use crate::ffi::at_fork;
use crate::ffi::attach;
use crate::ffi::gil::GilCell;
use crate::ffi::object_type::{self, CodeFields, TypeFacts};
use crate::ffi::ref_tracer::{self, CREATE, DESTROY};
use crate::ffi::thread_state::ThreadState;
use crate::ffi::trampoline::guard;
use crate::objects::events::counter::Counter;
use crate::objects::events::tables::Tables;
use crate::objects::events::wanted::Wanted;

/// Who counts.
static COUNTER: GilCell<RefCell<Option<Box<Counter>>>> = GilCell::new(RefCell::new(None));
/// The interpreter whose objects are counted, as an address: others have a GIL of their own.
static INTERPRETER: AtomicUsize = AtomicUsize::new(0);
/// Whether another tool has taken our place.
static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Code objects that are kept alive where nobody tells of their end, and how many at most.
static HELD: GilCell<RefCell<Vec<Py<PyAny>>>> = GilCell::new(RefCell::new(Vec::new()));
static HOLDS: GilCell<Cell<bool>> = GilCell::new(Cell::new(false));
const MOST_HELD: usize = 1 << 14;

/// What CPython has in the `tp_finalize` of classes with a `__del__`, as an address; and the classes where ours stands in its place.
static FINALIZE: AtomicUsize = AtomicUsize::new(0);
static FINALIZED: GilCell<RefCell<Option<HashSet<usize>>>> = GilCell::new(RefCell::new(None));

unsafe extern "C" {
    fn PyThreadState_GetUnchecked() -> *mut PyThreadState;
}

/// Begins to count.
///
/// # Errors
/// RuntimeError if somebody counts already, or another tool is in the way.
pub fn begin(py: Python<'_>, counter: Box<Counter>) -> PyResult<()> {
    if COUNTER.get(py).borrow().is_some() {
        return Err(PyRuntimeError::new_err(
            "another ObjectMonitor counts already: a process has one at a time",
        ));
    }
    if ref_tracer::is_taken(py) {
        return Err(PyRuntimeError::new_err(taken_by(py)));
    }
    if !ThreadState::is_as_declared(py)? {
        return Err(PyRuntimeError::new_err(
            "this build of CPython has other thread states than the release that it says it is",
        ));
    }
    at_fork::watch(py)?;
    let told = told(py)?;
    HOLDS.get(py).set(!told.ends);
    if told.ends && !told.returns {
        FINALIZE.store(python_finalize(py)?, Ordering::Relaxed);
    }
    install(py, counter)
}

/// Stops. True where it had begun and nobody was in the way.
pub fn end(py: Python<'_>) -> bool {
    let Some(counter) = COUNTER.get(py).take() else { return false };
    let is_whole = ref_tracer::remove(py, traced);
    for class in FINALIZED.get(py).take().unwrap_or_default() {
        // SAFETY: a class that is gone is no longer among them; the GIL is held.
        unsafe {
            object_type::put_finalize(class as *mut PyTypeObject, slot(finalize), last_finalize().map(slot))
        };
    }
    let held = HELD.get(py).take();
    drop((counter, held));
    is_whole
}

/// Whether another tool has taken our place, since the last beginning.
pub fn is_interrupted(py: Python<'_>) -> bool {
    let counts = COUNTER.get(py).borrow().is_some();
    IS_INTERRUPTED.load(Ordering::Relaxed) || counts && !ref_tracer::is_set(py, traced)
}

/// What this interpreter tells of.
pub fn tells(py: Python<'_>) -> PyResult<Tells> {
    Ok(Tells { all_types: true, ends: told(py)?.ends })
}

/// What differs between releases, and is found out by trying.
#[derive(Clone, Copy)]
struct Told {
    /// Whether it is told that an object goes. CPython 3.13.0 to 3.13.2 don't where its last reference is given up by the evaluation
    /// loop itself.
    ends: bool,
    /// Whether one that its `__del__` brings back is told as made.
    returns: bool,
}

/// What is told, found out once. Somebody else's tracer isn't disturbed.
fn told(py: Python<'_>) -> PyResult<Told> {
    static FOUND: GilCell<Cell<Option<Told>>> = GilCell::new(Cell::new(None));
    if let Some(told) = FOUND.get(py).get() {
        return Ok(told);
    }
    if ref_tracer::is_taken(py) {
        return Err(PyRuntimeError::new_err(taken_by(py)));
    }
    let told = attach::aside(py, try_out)?;
    FOUND.get(py).set(Some(told));
    Ok(told)
}

/// Makes some objects that go at once, and one that comes back, and counts them.
fn try_out(py: Python<'_>) -> PyResult<Told> {
    let namespace = PyDict::new(py);
    let program = c"def make():
 for each in range(64):
  made = [each]
 kept = []
 class Back:
  def __del__(self): kept.append(self)
 Back()
 kept.clear()
";
    py.run(program, Some(&namespace), None)?;
    let Some(make) = namespace.get_item("make")? else {
        return Ok(Told { ends: false, returns: false });
    };
    let tables = Arc::new(Tables::default());
    let wanted = Wanted::new(Some(&["list".to_owned(), "make.<locals>.Back".to_owned()]), None)
        .map_err(PyRuntimeError::new_err)?;
    install(py, Box::new(Counter::new(Arc::clone(&tables), wanted, None)))?;
    let made = make.call0();
    end(py);
    made?;
    let types = tables.types();
    let of = |name: &str| types.iter().find(|row| row.name == name);
    Ok(Told {
        ends: of("list").is_some_and(|lists| lists.created.get() >= 64 && lists.destroyed.get() >= 64),
        returns: of("make.<locals>.Back").is_some_and(|back| back.created.get() >= 2),
    })
}

/// What CPython calls of a class with a `__del__`.
fn python_finalize(py: Python<'_>) -> PyResult<usize> {
    let class = attach::aside(py, |py| {
        let namespace = PyDict::new(py);
        namespace.set_item("__del__", py.None())?;
        let class = py.get_type::<PyType>().call1(("_", (), namespace))?;
        Ok::<_, PyErr>(class.cast_into::<PyType>()?.unbind())
    })?;
    // SAFETY: it is alive; the GIL is held.
    Ok(unsafe { object_type::finalize_of(class.bind(py).as_type_ptr()) })
}

/// The same as a function.
fn last_finalize() -> Option<Destructor> {
    // SAFETY: such a function, or zero, which is none.
    unsafe { transmute::<usize, Option<Destructor>>(FINALIZE.load(Ordering::Relaxed)) }
}

/// As CPython has it in a slot.
fn slot(function: Destructor) -> destructor {
    // SAFETY: they differ in what an unwinding thread does, and CPython's own code doesn't ask.
    unsafe { transmute::<Destructor, destructor>(function) }
}

/// It may run Python, where up to 3.13 CPython ends a daemon thread by `pthread_exit`.
type Destructor = unsafe extern "C-unwind" fn(*mut PyObject);

/// In place of it.
unsafe extern "C-unwind" fn finalize(object: *mut PyObject) {
    // SAFETY: CPython has called it for an object that goes: from `tp_dealloc` with one reference, which is ours to look at; from the
    // collector with more.
    unsafe {
        let goes = ffi::Py_REFCNT(object) == 1;
        if let Some(last) = last_finalize() {
            last(object);
        }
        if goes && ffi::Py_REFCNT(object) > 1 {
            let kind = object_type::type_of(object) as usize;
            guard(|| {
                if let Ok(mut counter) = COUNTER.get_unattached().try_borrow_mut()
                    && let Some(counter) = counter.as_deref_mut()
                {
                    counter.stayed(kind);
                }
            });
        }
    }
}

/// What a type is, when it is met first; from then on its objects' `__del__` are looked at.
///
/// # Safety
/// It is alive; the GIL is held.
unsafe fn meet(kind: *mut PyTypeObject) -> TypeFacts {
    // SAFETY: by this function's contract.
    unsafe {
        let known = FINALIZE.load(Ordering::Relaxed);
        if known != 0 && object_type::finalize_of(kind) == known && !HOLDS.get_unattached().get() {
            if let Ok(mut classes) = FINALIZED.get_unattached().try_borrow_mut() {
                classes.get_or_insert_default().insert(kind as usize);
                object_type::put_finalize(
                    kind,
                    slot(last_finalize().unwrap_or(finalize)),
                    Some(slot(finalize)),
                );
            }
        }
        object_type::describe(kind)
    }
}

fn install(py: Python<'_>, counter: Box<Counter>) -> PyResult<()> {
    // SAFETY: the GIL is held.
    INTERPRETER.store(unsafe { ffi::PyInterpreterState_Get() } as usize, Ordering::Relaxed);
    COUNTER.get(py).replace(Some(counter));
    IS_INTERRUPTED.store(false, Ordering::Relaxed);
    ref_tracer::set(py, traced).inspect_err(|_| drop(COUNTER.get(py).take()))
}

/// Who is in the way, as far as one can tell.
fn taken_by(py: Python<'_>) -> &'static str {
    let asked = || -> PyResult<Option<bool>> {
        let modules = py.import("sys")?.getattr("modules")?;
        let module = modules.cast::<PyDict>()?.get_item("_tracemalloc")?;
        module.map(|module| module.call_method0("is_tracing")?.extract()).transpose()
    };
    match asked() {
        Ok(Some(true)) => {
            "tracemalloc is tracing, and CPython tells one tool of its objects: call tracemalloc.stop() first"
        }
        Ok(Some(false)) if py.version_info() < (3, 13, 3) => {
            "tracemalloc was used, and this CPython tells it of objects even when it has stopped: count before that, or in another process"
        }
        _ => "another tool is told of this process's objects, and CPython tells one only: stop that first",
    }
}

/// CPython calls this for each object.
unsafe extern "C" fn traced(object: *mut PyObject, event: c_int, _: *mut c_void) -> c_int {
    guard(|| {
        if event > DESTROY || object.is_null() {
            // 3.15 says that somebody takes our place; if that is nobody, we have left.
            // SAFETY: the GIL is held.
            let counts =
                unsafe { COUNTER.get_unattached() }.try_borrow().is_ok_and(|counter| counter.is_some());
            IS_INTERRUPTED.fetch_or(counts, Ordering::Relaxed);
            return;
        }
        // SAFETY: it only looks up the running thread's.
        let state = unsafe { PyThreadState_GetUnchecked() };
        if state.is_null() {
            return;
        }
        // SAFETY: the running thread's.
        let state = unsafe { ThreadState::of(state) };
        if state.interpreter() != INTERPRETER.load(Ordering::Relaxed) {
            return;
        }
        // SAFETY: whoever makes an object or lets one go holds the GIL of its interpreter, which is ours.
        let counter = unsafe { COUNTER.get_unattached() };
        let Ok(mut counter) = counter.try_borrow_mut() else { return };
        let Some(counter) = counter.as_deref_mut() else { return };
        // SAFETY: the object is alive, has its type, and keeps it alive; likewise the running frame its code object.
        unsafe {
            let kind = object_type::type_of(object);
            let describe = || meet(kind);
            match event {
                CREATE => counter.made(
                    kind as usize,
                    object as usize,
                    describe,
                    || state.running_code().map(|(code, instruction)| (code as usize, instruction)),
                    |fields, code, instruction| spot(fields, code as *mut PyObject, instruction),
                ),
                _ => {
                    let frees = counter.gone(kind as usize, object as usize, describe);
                    if frees
                        && let Ok(mut classes) = FINALIZED.get_unattached().try_borrow_mut()
                        && let Some(classes) = classes.as_mut()
                    {
                        classes.remove(&(object as usize));
                    }
                }
            }
        }
    });
    0
}

/// A place; keeps its code object alive where nobody would tell of its end.
///
/// # Safety
/// The code object is alive; the GIL is held.
unsafe fn spot(fields: CodeFields, code: *mut PyObject, instruction: usize) -> Option<object_type::Spot> {
    // SAFETY: by this function's contract.
    unsafe {
        if HOLDS.get_unattached().get() {
            let mut held = HELD.get_unattached().try_borrow_mut().ok()?;
            if held.len() >= MOST_HELD {
                return None;
            }
            held.push(Bound::from_borrowed_ptr(Python::assume_attached(), code).unbind());
        }
        fields.spot(code, instruction)
    }
}
