//! By wedges, where there is no reference tracer (before 3.13): functions of ours in the slots of the types that are asked for.
//!
//! | of | what is made | what goes |
//! |---|---|---|
//! | a class of Python's | `tp_alloc`, which all of its instances come from | `tp_finalize`, which CPython calls once for each |
//! | any other type | unseen: it has ways past its `tp_alloc` | `tp_dealloc` |
//!
//! `tp_dealloc` of a class of Python's stays as it is: CPython finds out by it where the part of a class ends that isn't
//! Python's. An instance that its own `__del__` brings back has gone, then.
//!
//! All of these may run Python, where up to 3.13 CPython ends a daemon thread by `pthread_exit`: so they are "C-unwind", and nothing in their
//! frames has to be dropped while they call what was there before.
//!
//! Whose `tp_dealloc` is another loses CPython's guard against deep recursion, which knows it by its address. So the wedge has one.

use std::cell::{Cell, RefCell};
use std::mem::transmute;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::{HashMap, HashSet};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::ffi::{
    self, Py_TPFLAGS_HAVE_GC, Py_TPFLAGS_HEAPTYPE, PyObject, PyThreadState, PyTypeObject, allocfunc,
    destructor,
};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

use super::told::Tells;
use crate::ffi::gil::GilCell;
use crate::ffi::in_front::{Before, Function};
use crate::ffi::object_type;
use crate::ffi::thread_state::ThreadState;
use crate::ffi::trampoline::guard;
use crate::ffi::{at_fork, attach};
use crate::objects::events::counter::Counter;

/// So many types that aren't Python's can have a wedge, each a function of its own.
const SLOTS: usize = 64;
/// Deeper than this, what is to go waits. CPython's own guard does the same.
const DEEPEST: u32 = 50;

/// Who counts.
static COUNTER: GilCell<RefCell<Option<Box<Counter>>>> = GilCell::new(RefCell::new(None));
/// The interpreter whose objects are counted, as an address.
static INTERPRETER: AtomicUsize = AtomicUsize::new(0);
/// The types of the slots, and what their `tp_dealloc` was: kept for ever, as a type that was derived meanwhile has the wedge, too.
static TYPES: [AtomicUsize; SLOTS] = [const { AtomicUsize::new(0) }; SLOTS];
static BEFORE: [AtomicUsize; SLOTS] = [const { AtomicUsize::new(0) }; SLOTS];
static CLASSES: GilCell<RefCell<Option<HashMap<usize, Class>>>> = GilCell::new(RefCell::new(None));
static BUILD_CLASS: Before = Before::new();

type Destructor = unsafe extern "C-unwind" fn(*mut PyObject);
type Alloc = unsafe extern "C-unwind" fn(*mut PyTypeObject, isize) -> *mut PyObject;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LATER: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

/// A class of Python's that has wedges; it is kept alive as long.
struct Class {
    _object: Py<PyType>,
    alloc: Option<allocfunc>,
    finalize: Option<destructor>,
}

unsafe extern "C" {
    fn _PyThreadState_UncheckedGet() -> *mut PyThreadState;
}

/// Begins to count.
///
/// # Errors
/// RuntimeError if somebody counts already; ValueError if too many types are asked for.
pub fn begin(py: Python<'_>, counter: Box<Counter>) -> PyResult<()> {
    if COUNTER.get(py).borrow().is_some() {
        return Err(PyRuntimeError::new_err(
            "another ObjectMonitor counts already: a process has one at a time",
        ));
    }
    if !ThreadState::is_as_declared(py)? {
        return Err(PyRuntimeError::new_err(
            "this build of CPython has other thread states than the release that it says it is",
        ));
    }
    at_fork::watch(py)?;
    BUILD_CLASS.stand(&py.import("builtins")?, "__build_class__", Function::Keywords(build_class))?;
    // SAFETY: the GIL is held.
    INTERPRETER.store(unsafe { ffi::PyInterpreterState_Get() } as usize, Ordering::Relaxed);
    COUNTER.get(py).replace(Some(counter));
    look_again(py).inspect_err(|_| _ = end(py))
}

/// Stops. True where it had begun.
pub fn end(py: Python<'_>) -> bool {
    let Some(counter) = COUNTER.get(py).take() else { return false };
    for slot in 0..SLOTS {
        let kind = TYPES[slot].load(Ordering::Relaxed) as *mut PyTypeObject;
        if !kind.is_null() {
            // SAFETY: the slot keeps its type alive; the GIL is held.
            unsafe {
                if address_of((*kind).tp_dealloc) == WEDGES[slot] as usize {
                    (*kind).tp_dealloc = transmute::<Option<Destructor>, Option<destructor>>(before(slot));
                }
            }
        }
    }
    let classes = CLASSES.get(py).take().unwrap_or_default();
    for (kind, class) in &classes {
        let kind = *kind as *mut PyTypeObject;
        // SAFETY: the class is alive; the GIL is held.
        unsafe {
            if (*kind).tp_alloc.map_or(0, |now| now as usize) == alloc as Alloc as usize {
                (*kind).tp_alloc = class.alloc;
            }
            if address_of((*kind).tp_finalize) == finalize as Destructor as usize {
                (*kind).tp_finalize = class.finalize;
            }
        }
    }
    // What goes now runs Python, and the cells are free again.
    drop((classes, counter));
    true
}

/// Nobody can be in the way.
pub fn is_interrupted(_py: Python<'_>) -> bool {
    false
}

/// What this interpreter tells of.
pub fn tells(_py: Python<'_>) -> PyResult<Tells> {
    Ok(Tells { all_types: false, ends: true })
}

/// Puts wedges into all types that are asked for and have none.
fn look_again(py: Python<'_>) -> PyResult<()> {
    let mut rest = vec![py.get_type::<PyAny>()];
    let mut all = Vec::new();
    let mut seen = HashSet::new();
    let subclasses = py.get_type::<PyType>().getattr("__subclasses__")?;
    while let Some(class) = rest.pop() {
        if !seen.insert(class.as_ptr() as usize) {
            continue;
        }
        all.push(class.clone());
        let below = attach::aside(py, |_| subclasses.call1((&class,)).map(Bound::unbind))?;
        let below = below.into_bound(py).cast_into::<PyList>()?;
        rest.extend(below.iter().filter_map(|class| class.cast_into::<PyType>().ok()));
    }
    // Now: the lists that we were given are no objects of the program's.
    all.iter().try_for_each(put_into)
}

/// Puts wedges into a type, if it is asked for and has none.
fn put_into(class: &Bound<'_, PyType>) -> PyResult<()> {
    let py = class.py();
    let kind = class.as_type_ptr();
    // SAFETY: the class is alive; the GIL is held.
    let facts = unsafe { object_type::describe(kind) };
    {
        let mut counter = COUNTER.get(py).borrow_mut();
        let Some(counter) =
            counter.as_deref_mut().filter(|counter| counter.wants(&facts.module, &facts.name))
        else {
            return Ok(());
        };
        counter.expect(kind as usize, facts);
    }
    // SAFETY: as above.
    let (flags, dealloc) = unsafe { ((*kind).tp_flags, (*kind).tp_dealloc) };
    let is_of_python =
        flags & Py_TPFLAGS_HEAPTYPE != 0 && dealloc.map(|dealloc| dealloc as usize) == subtype_dealloc(py)?;
    if is_of_python {
        let mut classes = CLASSES.get(py).borrow_mut();
        classes.get_or_insert_default().entry(kind as usize).or_insert_with(|| {
            // SAFETY: as above. A class of Python's has these two slots of its own.
            unsafe {
                let (before, last) = ((*kind).tp_alloc, (*kind).tp_finalize);
                (*kind).tp_alloc = Some(transmute::<Alloc, allocfunc>(alloc));
                (*kind).tp_finalize = Some(transmute::<Destructor, destructor>(finalize));
                Class { _object: class.clone().unbind(), alloc: before, finalize: last }
            }
        });
        return Ok(());
    }
    let Some(dealloc) = dealloc else { return Ok(()) };
    let known = TYPES.iter().position(|of| of.load(Ordering::Relaxed) == kind as usize);
    let free = || TYPES.iter().position(|of| of.load(Ordering::Relaxed) == 0);
    let Some(slot) = known.or_else(free) else {
        return Err(PyValueError::new_err(format!(
            "before Python 3.13 at most {SLOTS} types of C can be counted: name fewer"
        )));
    };
    if dealloc as usize == WEDGES[slot] as usize {
        return Ok(());
    }
    if known.is_none() {
        // SAFETY: the slot keeps it for ever.
        unsafe { ffi::Py_INCREF(kind.cast()) };
        BEFORE[slot].store(dealloc as usize, Ordering::Relaxed);
        TYPES[slot].store(kind as usize, Ordering::Relaxed);
    }
    // SAFETY: as above; the function of this slot calls what was there.
    unsafe { (*kind).tp_dealloc = Some(transmute::<Destructor, destructor>(WEDGES[slot])) };
    Ok(())
}

/// The `tp_dealloc` of all classes of Python's, as an address.
fn subtype_dealloc(py: Python<'_>) -> PyResult<Option<usize>> {
    static FOUND: GilCell<Cell<Option<usize>>> = GilCell::new(Cell::new(None));
    if FOUND.get(py).get().is_none() {
        let class = attach::aside(py, |py| {
            let class = py.get_type::<PyType>().call1(("_", (), PyDict::new(py)))?;
            Ok::<_, PyErr>(class.cast_into::<PyType>()?.unbind())
        })?;
        // SAFETY: it is alive.
        let dealloc = unsafe { (*class.bind(py).as_type_ptr()).tp_dealloc };
        FOUND.get(py).set(dealloc.map(|dealloc| dealloc as usize));
    }
    Ok(FOUND.get(py).get())
}

/// What a slot's type did before.
fn before(slot: usize) -> Option<Destructor> {
    let address = BEFORE[slot].load(Ordering::Relaxed);
    // SAFETY: such a function, or null, which is none.
    unsafe { transmute::<usize, Option<Destructor>>(address) }
}

fn address_of(function: Option<destructor>) -> usize {
    function.map_or(0, |function| function as usize)
}

/// Does something with the counter, where the objects of this thread's interpreter are counted.
///
/// # Safety
/// CPython has called a hook: the thread holds its interpreter's GIL.
#[inline(always)]
unsafe fn count(act: impl FnOnce(&mut Counter, &mut ThreadState)) {
    // SAFETY: by this function's contract; the state is the running thread's.
    unsafe {
        let state = _PyThreadState_UncheckedGet();
        if state.is_null() {
            return;
        }
        let state = ThreadState::of(state);
        if state.interpreter() != INTERPRETER.load(Ordering::Relaxed) {
            return;
        }
        if let Ok(mut counter) = COUNTER.get_unattached().try_borrow_mut()
            && let Some(counter) = counter.as_deref_mut()
        {
            act(counter, state);
        }
    }
}

/// In place of a class's `tp_alloc`.
unsafe extern "C-unwind" fn alloc(class: *mut PyTypeObject, count_of_items: isize) -> *mut PyObject {
    // SAFETY: CPython has called it for a class that has the wedge; or one that has got it from such a class.
    unsafe {
        let known = CLASSES.get_unattached().try_borrow().ok();
        let known = known.and_then(|known| known.as_ref()?.get(&(class as usize))?.alloc);
        let last = transmute::<allocfunc, Alloc>(known.unwrap_or(ffi::PyType_GenericAlloc));
        let made = last(class, count_of_items);
        if !made.is_null() {
            guard(|| {
                count(|counter, state| {
                    counter.made(
                        class as usize,
                        made as usize,
                        || object_type::describe(class),
                        || state.running_code().map(|(code, instruction)| (code as usize, instruction)),
                        |fields, code, instruction| fields.spot(code as *mut PyObject, instruction),
                    );
                });
            });
        }
        made
    }
}

/// In place of a class's `tp_finalize`.
unsafe extern "C-unwind" fn finalize(object: *mut PyObject) {
    // SAFETY: CPython has called it for an instance that is about to go.
    unsafe {
        let kind = object_type::type_of(object);
        guard(|| {
            count(|counter, _| {
                _ = counter.gone(kind as usize, object as usize, || object_type::describe(kind))
            })
        });
        let mut base = kind;
        let mut last = None;
        // Past those that have got it from their base.
        while !base.is_null() {
            let classes = CLASSES.get_unattached().try_borrow().ok();
            if let Some(class) = classes.as_ref().and_then(|classes| classes.as_ref()?.get(&(base as usize)))
            {
                last = class.finalize;
                break;
            }
            base = (*base).tp_base;
        }
        // Not with anything borrowed: it may run Python.
        if let Some(last) = last {
            transmute::<destructor, Destructor>(last)(object);
        }
    }
}

/// In place of a slot's type's `tp_dealloc`.
///
/// # Safety
/// CPython has called it for an object that nobody refers to any more.
unsafe fn dealloc(slot: usize, object: *mut PyObject) {
    // SAFETY: by this function's contract. What waits is nobody's, and the collector no longer knows it.
    unsafe {
        let Some(last) = before(slot) else { return };
        let kind = object_type::type_of(object);
        if kind as usize != TYPES[slot].load(Ordering::Relaxed) {
            // The end of the part of a subclass's instance that isn't Python's.
            return last(object);
        }
        guard(|| {
            count(|counter, _| {
                _ = counter.gone(kind as usize, object as usize, || object_type::describe(kind))
            })
        });
        if (*kind).tp_flags & Py_TPFLAGS_HAVE_GC == 0 {
            return last(object);
        }
        let depth = DEPTH.try_with(Cell::get).unwrap_or(0);
        if depth >= DEEPEST {
            ffi::PyObject_GC_UnTrack(object.cast());
            let waits = LATER.try_with(|later| later.borrow_mut().push((slot, object as usize)));
            if waits.is_err() {
                last(object);
            }
            return;
        }
        _ = DEPTH.try_with(|now| now.set(depth + 1));
        last(object);
        if depth == 0 {
            while let Some((slot, object)) = LATER.try_with(|later| later.borrow_mut().pop()).ok().flatten() {
                if let Some(last) = before(slot) {
                    last(object as *mut PyObject);
                }
            }
        }
        _ = DEPTH.try_with(|now| now.set(depth));
    }
}

unsafe extern "C-unwind" fn wedge<const SLOT: usize>(object: *mut PyObject) {
    // SAFETY: CPython calls it as a `tp_dealloc`.
    unsafe { dealloc(SLOT, object) }
}

macro_rules! wedges {
    ($($tens:literal)*) => {
        [$(
            wedge::<{ 8 * $tens }>, wedge::<{ 8 * $tens + 1 }>, wedge::<{ 8 * $tens + 2 }>, wedge::<{ 8 * $tens + 3 }>,
            wedge::<{ 8 * $tens + 4 }>, wedge::<{ 8 * $tens + 5 }>, wedge::<{ 8 * $tens + 6 }>, wedge::<{ 8 * $tens + 7 }>,
        )*]
    };
}

/// A function for each slot: it has to know whose it is.
static WEDGES: [Destructor; SLOTS] = wedges![0 1 2 3 4 5 6 7];

/// In front of `builtins.__build_class__`: a class that is made while we count gets its wedges at once.
unsafe extern "C-unwind" fn build_class(
    module: *mut PyObject,
    arguments: *const *mut PyObject,
    count: isize,
    names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython has called it with these arguments; the GIL is held.
    unsafe {
        let made = BUILD_CLASS.keywords(module, arguments, count, names);
        if !made.is_null() && ffi::PyType_Check(made) != 0 {
            guard(|| {
                if ffi::PyInterpreterState_Get() as usize == INTERPRETER.load(Ordering::Relaxed) {
                    let py = Python::assume_attached();
                    if let Ok(class) = Bound::from_borrowed_ptr(py, made).cast_into::<PyType>() {
                        // More than there is room for are not counted.
                        _ = put_into(&class);
                    }
                }
            });
        }
        made
    }
}
