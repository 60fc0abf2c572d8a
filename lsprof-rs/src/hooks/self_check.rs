//! Whether this interpreter's frames can be evaluated by us without missing a call: tried, once in a process.
//!
//! Three things are not promised by any API. The layouts of the frame and of the thread state are compared with
//! what the interpreter says itself. And CPython inlines calls of several kinds once they are hot; each kind must come
//! through an evaluator that is set, whether it got hot before or after that. 3.13 forgets to ask for `__init__`, 3.11
//! for `__getitem__` (which `ffi/function_versions.rs` cures). From 3.13 on a generator that is dropped ends without being
//! resumed, unless it is instrumented: there cProfile counts a call.

use std::ffi::{CStr, c_int};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use pikos_os::stack;
use pyo3::ffi::{PyObject, PyThreadState};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::ffi::attach::in_python;
use crate::ffi::frame_eval;
use crate::ffi::interpreter_frame::{self, InterpreterFrame};
use crate::ffi::thread;
use crate::ffi::thread_state::{EventsOff, ThreadState};

/// The code object that is looked for, and how often it was found.
static WANTED: AtomicUsize = AtomicUsize::new(0);
static FOUND: AtomicUsize = AtomicUsize::new(0);
/// What the frame above had left of the C recursion limit, and the least that a call took of it.
static REMAINING: AtomicI32 = AtomicI32::new(0);
static UNITS: AtomicI32 = AtomicI32::new(i32::MAX);

/// `kinds()` makes new functions each time: (name, the code that is called, a function that calls it `times` times).
/// A generator's resume is a call.
const SOURCE: &CStr = c"
def kinds():
    class C:
        def __init__(self, x=0): pass
        def method(self, x=0): pass
        @property
        def attribute(self): pass
        def __getitem__(self, key): pass
        def __enter__(self): pass
        def __exit__(self, *error): pass
        def __iter__(self): return self
        def __next__(self): pass
        def __add__(self, other): pass
        def __bool__(self): return True
    class G:
        def __getattribute__(self, name): pass
    def function(x=0, y=0): pass
    def starred(*x, **y): pass
    def generator(times):
        for _ in range(times): yield
    async def coroutine(): pass
    c, g = C(), G()

    def functions(times):
        for _ in range(times): function(1, 2)
    def defaults(times):
        for _ in range(times): function()
    def keywords(times):
        for _ in range(times): function(y=1)
    def stars(times):
        for _ in range(times): starred(*(1,), **{})
    def methods(times):
        for _ in range(times): c.method(1)
    def bound_methods(times):
        method = c.method
        for _ in range(times): method(1)
    def instances(times):
        for _ in range(times): C(1)
    def properties(times):
        for _ in range(times): c.attribute
    def attributes(times):
        for _ in range(times): g.x
    def items(times):
        for _ in range(times): c[1]
    def contexts(times):
        for _ in range(times):
            with c: pass
    def iterators(times):
        i = iter(c)
        for _ in range(times): next(i)
    def operators(times):
        for _ in range(times): c + 1
    def truths(times):
        for _ in range(times):
            if c: pass
    def loops(times):
        for _ in generator(times - 1): pass
    def delegating(times):
        yield from generator(times - 1)
    def delegations(times):
        for _ in delegating(times): pass
    def sends(times):
        running = generator(times - 1)
        try:
            for _ in range(times): running.send(None)
        except StopIteration: pass
    def drops(times):
        for _ in range(times // 2):
            for _ in generator(1): break
    async def awaiting(times):
        for _ in range(times): await coroutine()
    def awaits(times):
        try: awaiting(times).send(None)
        except StopIteration: pass

    return [
        ('a function', function.__code__, functions),
        ('a function with defaults', function.__code__, defaults),
        ('a function with keywords', function.__code__, keywords),
        ('a function with *args', starred.__code__, stars),
        ('a method', C.method.__code__, methods),
        ('a bound method', C.method.__code__, bound_methods),
        ('__init__', C.__init__.__code__, instances),
        ('a property', C.attribute.fget.__code__, properties),
        ('__getattribute__', G.__getattribute__.__code__, attributes),
        ('__getitem__', C.__getitem__.__code__, items),
        ('__enter__', C.__enter__.__code__, contexts),
        ('__exit__', C.__exit__.__code__, contexts),
        ('__next__', C.__next__.__code__, iterators),
        ('__add__', C.__add__.__code__, operators),
        ('__bool__', C.__bool__.__code__, truths),
        ('a generator in a loop', generator.__code__, loops),
        ('a generator in yield from', generator.__code__, delegations),
        ('a generator by send', generator.__code__, sends),
        ('the end of a dropped generator', generator.__code__, drops),
        ('a coroutine', coroutine.__code__, awaits),
    ]
";

/// Enough for an instruction to be specialised, several times over.
const WARM_UP: usize = 300;
const TIMES: usize = 60;

/// What is wrong with this interpreter, if anything: the reason why we keep off its frames. The first answer takes some
/// milliseconds (3.11: 12, else 2).
pub fn fault(py: Python<'_>) -> PyResult<Option<String>> {
    static FOUND_OUT: OnceLock<Option<String>> = OnceLock::new();
    /// The number of the thread that is finding out.
    static TRYING: AtomicU64 = AtomicU64::new(0);
    let this = thread::mark().map_or(u64::MAX, |mark| mark.number);
    for _ in 0..PATIENCE_MS {
        if let Some(fault) = FOUND_OUT.get() {
            return Ok(fault.clone());
        }
        match TRYING.compare_exchange(0, this, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                let found = find_out(py);
                if let Ok(Fault::Lasting(fault)) = &found {
                    FOUND_OUT.get_or_init(|| fault.clone());
                }
                TRYING.store(0, Ordering::Release);
                return found.map(|(Fault::Lasting(fault) | Fault::Passing(fault))| fault);
            }
            // The garbage collector brought us back here.
            Err(other) if other == this => break,
            Err(_) => py.detach(|| std::thread::sleep(Duration::from_millis(1))),
        }
    }
    Ok(Some("another thread was just finding out whether it is exact here".into()))
}

/// How long we wait for another thread. A fork may have left it behind in the parent.
const PATIENCE_MS: usize = 2_000;

/// What was found out, and whether it will be so the next time.
enum Fault {
    Lasting(Option<String>),
    Passing(Option<String>),
}

fn find_out(py: Python<'_>) -> PyResult<Fault> {
    if !frame_eval::is_default(py) {
        return Ok(Fault::Passing(Some(OTHER_TOOL.into())));
    }
    if !ThreadState::is_as_declared(py)? {
        return Ok(Fault::Passing(Some("this build's thread state is laid out in an unknown way".into())));
    }
    if !prepare(py)? {
        let fault = "3.11's way of inlining __getitem__ could not be switched off";
        return Ok(Fault::Passing(Some(fault.into())));
    }
    // What we call here is no business of the program's tracers.
    let events_off = EventsOff::new(py);
    let missed = missed(py);
    drop(events_off);
    let missed = missed?.join(", ");
    let fault =
        format!("this release runs {missed} without asking an evaluator of frames, so counts would be wrong");
    Ok(Fault::Lasting((!missed.is_empty()).then_some(fault)))
}

/// The reason where somebody else evaluates frames.
pub const OTHER_TOOL: &str = "another tool evaluates this interpreter's frames (PEP 523): a debugger, or a compiler such as \
     torch.compile";

#[cfg(not(Py_3_12))]
fn prepare(py: Python<'_>) -> PyResult<bool> {
    crate::ffi::function_versions::use_up(py)
}

#[cfg(Py_3_12)]
fn prepare(_py: Python<'_>) -> PyResult<bool> {
    Ok(true)
}

/// The kinds of calls that don't come through an evaluator.
fn missed(py: Python<'_>) -> PyResult<Vec<String>> {
    type Case<'py> = (String, Bound<'py, PyAny>, Bound<'py, PyAny>);
    let scope = PyDict::new(py);
    py.run(SOURCE, Some(&scope), None)?;
    let kinds = scope.get_item("kinds")?.ok_or_else(|| pyo3::exceptions::PyKeyError::new_err("kinds"))?;
    let hot: Vec<Case<'_>> = kinds.call0()?.cast_into::<PyList>()?.extract()?;
    let cold: Vec<Case<'_>> = kinds.call0()?.cast_into::<PyList>()?.extract()?;
    for (_, _, call) in &hot {
        call.call1((WARM_UP,))?;
    }
    let mut missed = Vec::new();
    for (kinds, times) in [(&hot, TIMES), (&cold, WARM_UP)] {
        for (name, code, call) in kinds {
            WANTED.store(code.as_ptr() as usize, Ordering::Relaxed);
            FOUND.store(0, Ordering::Relaxed);
            frame_eval::set(py, count);
            let outcome = call.call1((times,));
            frame_eval::set_default(py);
            WANTED.store(0, Ordering::Relaxed);
            outcome?;
            if FOUND.load(Ordering::Relaxed) != times && !missed.contains(name) {
                missed.push(name.clone());
            }
        }
    }
    if missed.is_empty() {
        ThreadState::set_c_recursion_units(UNITS.load(Ordering::Relaxed));
    }
    Ok(missed)
}

/// An evaluator that counts the calls of one code object.
unsafe extern "C-unwind" fn count(
    state: *mut PyThreadState,
    frame: *mut InterpreterFrame,
    throw: c_int,
) -> *mut PyObject {
    // SAFETY: CPython calls us with the GIL held, this thread's state and a live frame.
    unsafe {
        if stack::here() < stack::limit_of_calls() {
            // Another thread, in a deep recursion of its own: its stack matters more than what we find out.
            in_python(frame_eval::set_default);
        }
        let remaining = ThreadState::of(state).c_recursion_remaining();
        let above = REMAINING.swap(remaining, Ordering::Relaxed);
        let code = interpreter_frame::code(frame);
        if code as usize == WANTED.load(Ordering::Relaxed) && !interpreter_frame::makes_generator(frame, code)
        {
            FOUND.fetch_add(1, Ordering::Relaxed);
            UNITS.fetch_min(above - remaining, Ordering::Relaxed);
        }
        let result = frame_eval::evaluate(state, frame, throw);
        REMAINING.store(above, Ordering::Relaxed);
        result
    }
}
