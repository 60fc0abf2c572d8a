//! `sys.monitoring` (PEP 669), from 3.12 on: events of all threads, through tool id 2.
//!
//! The tool id is shared by all our profiles: with `threads=False` there may be one in each thread, and the
//! events are those that any of them wants.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use super::monitoring_events::{self, InContexts, trying};
use super::quick::{Lean, Plain, Untimed};
use super::steps::CALLBACKS;
use super::{conflict, evaluation, rests};
use crate::collect::collector::Timing;
use crate::collect::registry::{Scope, Wanted, common_timing, looks_at_contexts, wanted};
use crate::ffi::callback;
use crate::ffi::gil::GilCell;
use crate::ffi::thread;

pub const NAME: &str = "monitoring";
pub const REASON: &str = "sys.monitoring exists from 3.12 on and is cheaper than a profile function";

/// Why it is the faster one for Python functions, too, if it is.
pub const FASTER_THAN_FRAMES: Option<&str> = Some(
    "from 3.12 on sys.monitoring costs about as little as frame evaluation for Python functions, at any depth, \
     and much less for coroutines",
);

pub const ALL_THREADS_BY_DEFAULT: bool = true;

pub const REFUSES_SECOND_ENABLE: bool = true;

/// What there is one of.
pub const SLOT: &str = "tool 2 is already in use";

/// `sys.monitoring.PROFILER_ID`.
const TOOL: u8 = 2;
/// The name that cProfile takes the tool id under; tools look for it.
const TOOL_NAME: &str = "cProfile";

/// The events of Python functions. A generator's resume counts as a call and its yield as a return.
const FUNCTION_EVENTS: [(&str, Callback); 6] = [
    ("PY_START", Callback::Start),
    ("PY_RESUME", Callback::Resume),
    ("PY_THROW", Callback::Throw),
    ("PY_RETURN", Callback::Return),
    ("PY_YIELD", Callback::Yield),
    ("PY_UNWIND", Callback::Unwind),
];

/// The events of built-ins. C_RETURN and C_RAISE come with CALL.
const BUILTIN_EVENTS: [(&str, Callback); 3] =
    [("CALL", Callback::Call), ("C_RETURN", Callback::CallOver), ("C_RAISE", Callback::CallOver)];

#[derive(Clone, Copy)]
enum Callback {
    Start,
    Resume,
    Throw,
    Return,
    Yield,
    Unwind,
    Call,
    CallOver,
}

/// What the callbacks try first. Each set of them does all that there is to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// To time calls.
    Plain,
    /// To time them, and to keep full stacks or details.
    Extended,
    /// To count them.
    Untimed,
    /// To look at the context.
    InContexts,
}

/// How many these are.
const WAYS: usize = 4;

/// What is set now, so that nothing is set twice.
static INSTALLED: GilCell<Cell<Wanted>> = GilCell::new(Cell::new(Wanted::Nothing));
/// Which callbacks that are.
static WAY: GilCell<Cell<Way>> = GilCell::new(Cell::new(Way::Plain));
/// The thread that is changing it, and the process.
static APPLYING: GilCell<Cell<Option<(u64, u32)>>> = GilCell::new(Cell::new(None));

/// Sets the events that the enabled profiles want.
pub fn install(py: Python<'_>, _scope: Scope, _profiler: &Py<PyAny>) -> PyResult<()> {
    follow_registry(py)
}

/// Sets the events that the profiles which are still enabled want.
pub fn remove(py: Python<'_>, _scope: Scope, _profiler: Option<&Py<PyAny>>) -> PyResult<()> {
    follow_registry(py)
}

/// What has to be known to set the hook for a thread when that isn't running: nothing.
pub type Place = ();

/// The running thread's.
pub fn place(_py: Python<'_>) -> Place {}

/// Takes the tool id without any events, for frame evaluation: so that nobody else has it when we need it.
pub fn reserve(py: Python<'_>) -> PyResult<()> {
    follow_registry(py)
}

/// Undoes `reserve`.
pub fn release(py: Python<'_>) -> PyResult<()> {
    follow_registry(py)
}

/// Sets the events for a profile that frame evaluation has given back.
pub fn take_over(py: Python<'_>, _scope: Scope, (): Place) -> PyResult<()> {
    follow_registry(py)
}

/// Has the callbacks look at the context, where that has to be.
pub fn look_at_contexts(py: Python<'_>) -> PyResult<()> {
    follow_registry(py)
}

/// Brings the interpreter in line with the registry. It is the running thread's turn.
fn follow_registry(py: Python<'_>) -> PyResult<()> {
    let here = thread::mark().map(|mark| (mark.number, std::process::id()));
    let applying = APPLYING.get(py);
    if applying.replace(here).is_some_and(|before| Some(before) == here) {
        // We are inside our own `apply`, by way of the garbage collector: it will go round once more.
        return Ok(());
    }
    let result = apply(py);
    applying.set(None);
    result
}

fn apply(py: Python<'_>) -> PyResult<()> {
    let monitoring = monitoring(py)?;
    loop {
        let mut wanted = wanted(py);
        if evaluation::is_running() || rests::are_on() {
            wanted = wanted.min(Wanted::ToolOnly);
        }
        let installed = INSTALLED.get(py);
        // A program may have freed the id itself; then there is nothing to undo.
        if installed.get() != Wanted::Nothing && !owns_tool(&monitoring)? {
            installed.set(Wanted::Nothing);
        }
        let way = match common_timing(py) {
            _ if looks_at_contexts(py) => Way::InContexts,
            Some(Timing::Extended) => Way::Extended,
            Some(Timing::Sampled) => Way::Untimed,
            _ => Way::Plain,
        };
        let fits = WAY.get(py).get() == way || wanted == Wanted::Nothing;
        if installed.get() == wanted && fits {
            return Ok(());
        }
        if installed.get() == Wanted::Nothing {
            take_tool(&monitoring)?;
            monitoring_events::set_missing(&monitoring.getattr("MISSING")?);
        }
        if installed.get() == Wanted::Nothing || !fits {
            let callbacks = callables(py, way)?;
            for (event, callback) in FUNCTION_EVENTS.into_iter().chain(BUILTIN_EVENTS) {
                register(&monitoring, event, Some(&callbacks[callback as usize]))?;
            }
            WAY.get(py).set(way);
        }
        set_events(&monitoring, wanted)?;
        if wanted == Wanted::Nothing {
            for (event, _) in FUNCTION_EVENTS.into_iter().chain(BUILTIN_EVENTS) {
                register(&monitoring, event, None)?;
            }
            monitoring.call_method1("free_tool_id", (TOOL,))?;
        }
        installed.set(wanted);
    }
}

/// Nothing to do: the interpreter refers to the callbacks and not to the profile, which stops when it is dropped.
pub fn release_abandoned(_py: Python<'_>, _is_profiler: fn(&Bound<'_, PyAny>) -> bool) -> PyResult<()> {
    Ok(())
}

/// One of the callables that are registered, by the name that cProfile's Profiler has it under.
pub fn callback(py: Python<'_>, name: &str) -> PyResult<Py<PyAny>> {
    let which = match name {
        "_pystart_callback" => Callback::Start,
        "_pythrow_callback" => Callback::Throw,
        "_pyreturn_callback" => Callback::Return,
        "_ccall_callback" => Callback::Call,
        _ => Callback::CallOver,
    };
    Ok(callables(py, Way::Plain)?[which as usize].clone_ref(py))
}

/// `sys.monitoring`. Kept, as nothing can be imported any more when the interpreter ends.
fn monitoring(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static MONITORING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module =
        MONITORING.get_or_try_init(py, || py.import("sys")?.getattr("monitoring").map(Bound::unbind))?;
    Ok(module.bind(py).clone())
}

fn owns_tool(monitoring: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(monitoring.call_method1("get_tool", (TOOL,))?.extract::<Option<String>>()?.as_deref()
        == Some(TOOL_NAME))
}

fn take_tool(monitoring: &Bound<'_, PyAny>) -> PyResult<()> {
    let owner: Option<Bound<'_, PyAny>> = monitoring.call_method1("get_tool", (TOOL,))?.extract()?;
    if let Some(owner) = owner {
        return Err(conflict::already_active(SLOT, &format!("{owner} holds sys.monitoring.PROFILER_ID")));
    }
    monitoring.call_method1("use_tool_id", (TOOL, TOOL_NAME))?;
    Ok(())
}

/// Those that try this way first; made once.
fn callables(py: Python<'_>, way: Way) -> PyResult<&[Py<PyAny>; CALLBACKS]> {
    static CALLABLES: [PyOnceLock<[Py<PyAny>; CALLBACKS]>; WAYS] = [const { PyOnceLock::new() }; WAYS];
    let functions = match way {
        Way::Plain => trying::<Plain>(),
        Way::Extended => trying::<Lean>(),
        Way::Untimed => trying::<Untimed>(),
        Way::InContexts => trying::<InContexts>(),
    };
    CALLABLES[way as usize].get_or_try_init(py, || callback::callables(py, functions))
}

fn register(monitoring: &Bound<'_, PyAny>, event: &str, callback: Option<&Py<PyAny>>) -> PyResult<()> {
    monitoring.call_method1("register_callback", (TOOL, number(monitoring, event)?, callback))?;
    Ok(())
}

fn set_events(monitoring: &Bound<'_, PyAny>, wanted: Wanted) -> PyResult<()> {
    let mut events = 0;
    if wanted >= Wanted::Functions {
        for (event, _) in FUNCTION_EVENTS {
            events |= number(monitoring, event)?;
        }
    }
    if wanted >= Wanted::Builtins {
        for (event, _) in BUILTIN_EVENTS {
            events |= number(monitoring, event)?;
        }
    }
    monitoring.call_method1("set_events", (TOOL, events))?;
    Ok(())
}

fn number(monitoring: &Bound<'_, PyAny>, event: &str) -> PyResult<u32> {
    monitoring.getattr("events")?.getattr(event)?.extract()
}
