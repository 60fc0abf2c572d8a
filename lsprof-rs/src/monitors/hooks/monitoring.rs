//! `sys.monitoring`, from 3.12 on, under a tool id of our own, so that monitors and profiles run side by side.
//!
//! Monitors without a focus get their events from everywhere. Focused ones get them from their functions' code objects
//! alone, so that the rest of the program runs at full speed; a function monitor needs all events while a thread is inside
//! one of its functions, and for a while after: setting and unsetting them makes the interpreter rewrite code.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashMap;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::ffi::builtin::{self, Builtin};
use crate::ffi::callback::{self, Vectorcall, arguments, none};
use crate::ffi::gil::GilCell;
use crate::ffi::trampoline::guard;
use crate::monitors::active::Kind;
use crate::monitors::argument::{Argument, Nothing};
use crate::monitors::event::EventKind;
use crate::monitors::extra::name_of_type;
use crate::monitors::hub;
use crate::monitors::texts::TextId;
use crate::monitors::{codes, texts};

/// Those that no other kind of tool has a claim to.
const TOOLS: [u8; 2] = [4, 3];
const TOOL_NAME: &str = "pikos";

/// After so many function events that no focused monitor wanted, they are switched off until the focus is entered again.
const PATIENCE: u32 = 2000;

/// The events that are set for one code object can be these.
const LOCAL: [(&str, usize); 5] =
    [("PY_START", 0), ("PY_RESUME", 0), ("PY_RETURN", 1), ("PY_YIELD", 1), ("CALL", 3)];
/// These only for all.
const GLOBAL: [(&str, usize); 2] = [("PY_THROW", 0), ("PY_UNWIND", 2)];
/// These come with CALL.
const WITH_CALL: [(&str, usize); 2] = [("C_RETURN", 4), ("C_RAISE", 5)];
/// Those that lines take. From 3.13 on, a function that stands on its `def`'s line, a lambda, has no line unless its start is
/// an event, too, nor has a generator that an exception is thrown into, unless its resumption is one. A jump back within a line begins it
/// anew, as for `sys.settrace`, and is no line here.
const LINES: [(&str, usize); 4] = [("LINE", 6), ("PY_START", 0), ("PY_RESUME", 0), ("JUMP", 7)];
/// Those of [`LOCAL`] that tell when an activation runs.
const ACTIVATION: [(&str, usize); 4] = [("PY_START", 0), ("PY_RESUME", 0), ("PY_RETURN", 1), ("PY_YIELD", 1)];

/// The second numbers above are places here.
const FUNCTIONS: [Vectorcall; 8] =
    [on_enter, on_leave, on_unwind, on_call, on_c_return, on_c_raise, on_line, on_jump];

/// What is set now.
#[derive(Default)]
struct Installed {
    tool: Option<u8>,
    global: u32,
    local: HashMap<usize, (Py<PyAny>, u32)>,
}

static INSTALLED: GilCell<RefCell<Option<Installed>>> = GilCell::new(RefCell::new(None));
/// Whether function events come from everywhere for the sake of a focused monitor whose focus is entered, and how many of
/// them nobody wanted since.
static WIDE: GilCell<Cell<Option<u32>>> = GilCell::new(Cell::new(None));
/// Whether there is a focused function monitor.
static FOCUSED: GilCell<Cell<bool>> = GilCell::new(Cell::new(false));
/// Whether a monitor wants to be told of activations.
static ACTIVATIONS: GilCell<Cell<bool>> = GilCell::new(Cell::new(false));
/// `sys.monitoring.MISSING`'s address: it stands for "no first argument".
static MISSING: AtomicUsize = AtomicUsize::new(0);
/// `sys.monitoring.DISABLE`'s: the answer to an event that needn't come again from there.
static DISABLE: AtomicUsize = AtomicUsize::new(0);

/// Whether somebody is at it, and whether things have changed meanwhile. What is called for it runs the program's Python where that has an
/// audit hook, and so other threads.
static FOLLOWING: GilCell<Cell<(bool, bool)>> = GilCell::new(Cell::new((false, false)));

/// Brings the interpreter in line with the monitors that are enabled. Whoever is at it already does it for all.
pub fn follow(py: Python<'_>) -> PyResult<()> {
    let following = FOLLOWING.get(py);
    if following.get().0 {
        following.set((true, true));
        return Ok(());
    }
    loop {
        following.set((true, false));
        let result = follow_once(py);
        if result.is_err() || !following.replace((false, false)).1 {
            following.set((false, false));
            return result;
        }
    }
}

fn follow_once(py: Python<'_>) -> PyResult<()> {
    let monitors = hub::active(py);
    let monitoring = monitoring(py)?;
    let mut installed = INSTALLED.get(py).take().unwrap_or_default();
    let result = (|| {
        if monitors.is_empty() {
            WIDE.get(py).set(None);
            return uninstall(&monitoring, &mut installed);
        }
        if installed.tool.is_none() {
            installed.tool = Some(take_tool(py, &monitoring)?);
        }
        let everything = bits(&monitoring, LOCAL)? | bits(&monitoring, GLOBAL)?;
        let mut global = 0;
        let mut local: HashMap<usize, (Py<PyAny>, u32)> = HashMap::new();
        let mut is_focused = false;
        let mut activations = false;
        for monitor in monitors.iter() {
            let mut lines = bits(&monitoring, LINES)?;
            if monitor.wants_activations(py) {
                activations = true;
                lines |= bits(&monitoring, ACTIVATION)?;
                global |= bits(&monitoring, GLOBAL)?;
            }
            let here = match (monitor.kind, &monitor.focus) {
                (Kind::Function, None) => {
                    global |= everything;
                    continue;
                }
                (Kind::Line, None) => {
                    global |= lines;
                    continue;
                }
                (Kind::Function, Some(_)) => {
                    is_focused = true;
                    global |= bits(&monitoring, GLOBAL)?;
                    bits(&monitoring, LOCAL)?
                }
                (Kind::Line, Some(_)) => lines,
            };
            for code in monitor.focused_codes(py) {
                local.entry(code.as_ptr() as usize).or_insert_with(|| (code.clone_ref(py), 0)).1 |= here;
            }
        }
        FOCUSED.get(py).set(is_focused);
        ACTIVATIONS.get(py).set(activations);
        if !is_focused {
            WIDE.get(py).set(None);
        }
        if WIDE.get(py).get().is_some() {
            global |= everything;
        }
        set(&monitoring, &mut installed, global, local)
    })();
    INSTALLED.get(py).replace(Some(installed));
    result
}

fn uninstall(monitoring: &Bound<'_, PyAny>, installed: &mut Installed) -> PyResult<()> {
    let Some(tool) = installed.tool else { return Ok(()) };
    if owner(monitoring, tool)?.as_deref() == Some(TOOL_NAME) {
        set(monitoring, installed, 0, HashMap::new())?;
        for (event, _) in all_events() {
            monitoring.call_method1(
                "register_callback",
                (tool, bits(monitoring, [(event, 0)])?, monitoring.py().None()),
            )?;
        }
        monitoring.call_method1("free_tool_id", (tool,))?;
    }
    *installed = Installed::default();
    Ok(())
}

fn set(
    monitoring: &Bound<'_, PyAny>,
    installed: &mut Installed,
    global: u32,
    local: HashMap<usize, (Py<PyAny>, u32)>,
) -> PyResult<()> {
    let Some(tool) = installed.tool else { return Ok(()) };
    for (address, (code, _)) in &installed.local {
        if !local.contains_key(address) {
            monitoring.call_method1("set_local_events", (tool, code, 0))?;
        }
    }
    for (address, (code, events)) in &local {
        if installed.local.get(address).is_none_or(|(_, before)| before != events) {
            monitoring.call_method1("set_local_events", (tool, code, *events))?;
        }
    }
    installed.local = local;
    if installed.global != global {
        monitoring.call_method1("set_events", (tool, global))?;
        installed.global = global;
    }
    Ok(())
}

fn take_tool(py: Python<'_>, monitoring: &Bound<'_, PyAny>) -> PyResult<u8> {
    let mut owners = Vec::new();
    for tool in TOOLS {
        match owner(monitoring, tool)? {
            Some(owner) => owners.push(format!("{tool} is {owner}'s")),
            None => {
                monitoring.call_method1("use_tool_id", (tool, TOOL_NAME))?;
                MISSING.store(monitoring.getattr("MISSING")?.as_ptr() as usize, Ordering::Relaxed);
                DISABLE.store(monitoring.getattr("DISABLE")?.as_ptr() as usize, Ordering::Relaxed);
                let callables = callables(py)?;
                for (event, place) in all_events() {
                    let event = bits(monitoring, [(event, 0)])?;
                    monitoring.call_method1("register_callback", (tool, event, &callables[place]))?;
                }
                return Ok(tool);
            }
        }
    }
    Err(PyRuntimeError::new_err(format!(
        "other tools hold the ids of sys.monitoring that a monitor could have: {}",
        owners.join(", ")
    )))
}

fn owner(monitoring: &Bound<'_, PyAny>, tool: u8) -> PyResult<Option<String>> {
    monitoring.call_method1("get_tool", (tool,))?.extract()
}

fn all_events() -> impl Iterator<Item = (&'static str, usize)> {
    LOCAL.into_iter().chain(GLOBAL).chain(WITH_CALL).chain(LINES)
}

fn bits<const N: usize>(monitoring: &Bound<'_, PyAny>, events: [(&str, usize); N]) -> PyResult<u32> {
    let numbers = monitoring.getattr("events")?;
    events.into_iter().try_fold(0, |bits, (event, _)| Ok(bits | numbers.getattr(event)?.extract::<u32>()?))
}

fn monitoring(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static MONITORING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let module =
        MONITORING.get_or_try_init(py, || py.import("sys")?.getattr("monitoring").map(Bound::unbind))?;
    Ok(module.bind(py).clone())
}

fn callables(py: Python<'_>) -> PyResult<&[Py<PyAny>; 8]> {
    static CALLABLES: PyOnceLock<[Py<PyAny>; 8]> = PyOnceLock::new();
    CALLABLES.get_or_try_init(py, || callback::callables(py, FUNCTIONS))
}

/// An object that CPython passed, for a monitor's method.
struct Passed(*mut PyObject);

impl Argument for Passed {
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        // SAFETY: CPython keeps its callbacks' arguments alive as long as they run.
        unsafe { Bound::from_borrowed_ptr(py, self.0) }.unbind()
    }
}

/// The exception that a function is left by. A monitor's method gets None.
struct Leaving(*mut PyObject);

impl Argument for Leaving {
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        Nothing.object(py)
    }

    fn exception(&self, py: Python<'_>) -> Option<TextId> {
        // SAFETY: CPython keeps its callbacks' arguments alive as long as they run.
        Some(name_of_type(&unsafe { Bound::from_borrowed_ptr(py, self.0) }.get_type()))
    }
}

/// A built-in that is called with this first argument: what `sys.setprofile` would pass, a bound method.
struct Called(*mut PyObject, *mut PyObject);

impl Argument for Called {
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        // SAFETY: CPython keeps its callbacks' arguments alive as long as they run.
        unsafe { builtin::bound(py, self.0, self.1) }.unwrap_or_else(|| Passed(self.0).object(py))
    }
}

#[inline(always)]
fn missing() -> *mut PyObject {
    MISSING.load(Ordering::Relaxed) as *mut PyObject
}

/// PY_START, PY_RESUME (code, offset), PY_THROW (code, offset, exception).
unsafe extern "C" fn on_enter(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([code, _]) = (unsafe { arguments(args, count) }) else { return callback::too_few(2, count) };
    // SAFETY: the GIL is held, the code object alive.
    unsafe { on_function_event(EventKind::Call, *code, &Nothing) }
}

/// PY_RETURN, PY_YIELD (code, offset, value).
unsafe extern "C" fn on_leave(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([code, _, value]) = (unsafe { arguments(args, count) }) else {
        return callback::too_few(3, count);
    };
    // SAFETY: the GIL is held, the code object alive.
    unsafe { on_function_event(EventKind::Return, *code, &Passed(*value)) }
}

/// PY_UNWIND (code, offset, exception).
unsafe extern "C" fn on_unwind(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([code, _, exception]) = (unsafe { arguments(args, count) }) else {
        return callback::too_few(3, count);
    };
    // SAFETY: the GIL is held, the code object alive.
    unsafe { on_function_event(EventKind::Return, *code, &Leaving(*exception)) }
}

/// # Safety
/// From a callback: the GIL is held, and the code object alive.
#[inline(always)]
unsafe fn on_function_event(kind: EventKind, code: *mut PyObject, argument: &impl Argument) -> *mut PyObject {
    guard(|| {
        // SAFETY: as this function's.
        let py = unsafe { Python::assume_attached() };
        let address = code as usize;
        let Ok(code) = codes::find(py, address, || Passed(code).object(py)) else { return };
        if code.is_ours {
            return;
        }
        if ACTIVATIONS.get(py).get() {
            hub::tell_activations(py, kind, &code, address);
        }
        let was_wanted = hub::dispatch(py, kind, &code, address, None, || code.first_line, argument);
        if FOCUSED.get(py).get() {
            mind_focus(py, was_wanted);
        }
    });
    none()
}

/// Lets all function events come while a focus is entered, and no more a while after.
fn mind_focus(py: Python<'_>, was_wanted: bool) {
    let wide = WIDE.get(py);
    let now = match (wide.get(), was_wanted) {
        (Some(_), true) => Some(0),
        (Some(unwanted), false) if unwanted < PATIENCE => Some(unwanted + 1),
        (None, true) => Some(0),
        _ if hub::active(py)
            .iter()
            .any(|monitor| monitor.focus.as_ref().is_some_and(|focus| focus.is_entered())) =>
        {
            Some(0) // in another thread
        }
        _ => None,
    };
    let before = wide.replace(now);
    if before.is_some() != now.is_some() {
        // Nobody could be told of a failure; events that nobody wants, or the focus' own, are what remains.
        _ = crate::ffi::attach::aside(py, follow);
    }
}

/// CALL (code, offset, callable, first argument or MISSING).
unsafe extern "C" fn on_call(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython's arguments; the GIL is held.
    unsafe { on_builtin(EventKind::CCall, args, count) }
}

/// C_RETURN, with the same arguments.
unsafe extern "C" fn on_c_return(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython's arguments; the GIL is held.
    unsafe { on_builtin(EventKind::CReturn, args, count) }
}

/// C_RAISE, with the same arguments.
unsafe extern "C" fn on_c_raise(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: CPython's arguments; the GIL is held.
    unsafe { on_builtin(EventKind::CException, args, count) }
}

/// # Safety
/// From a callback with CALL's arguments: the GIL is held.
#[inline(always)]
unsafe fn on_builtin(kind: EventKind, args: *const *mut PyObject, count: usize) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([code, offset, callable, first]) = (unsafe { arguments(args, count) }) else {
        return callback::too_few(4, count);
    };
    guard(|| {
        // SAFETY: the GIL is held and the objects are alive.
        unsafe {
            let py = Python::assume_attached();
            if builtin::key_of_call(*callable, *first, missing()).is_none() {
                return;
            }
            let address = *code as usize;
            let Ok(code) = codes::find(py, address, || Passed(*code).object(py)) else { return };
            if code.is_ours {
                return;
            }
            let called = Builtin::of_counted(*callable, *first);
            let name = texts::of_builtin(py, called.name_address(), || called.name());
            let line = || {
                let offset = pyo3::ffi::PyLong_AsSsize_t(*offset);
                usize::try_from(offset).map_or(code.first_line, |offset| {
                    code.line_at(py, offset, || Passed(address as *mut PyObject).object(py))
                })
            };
            hub::dispatch(py, kind, &code, address, Some(name), line, &Called(*callable, *first));
        }
    });
    none()
}

/// LINE (code, line).
unsafe extern "C" fn on_line(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([code, line]) = (unsafe { arguments(args, count) }) else { return callback::too_few(2, count) };
    guard(|| {
        // SAFETY: the GIL is held and the objects are alive.
        unsafe {
            let py = Python::assume_attached();
            let address = *code as usize;
            let Ok(code) = codes::find(py, address, || Passed(*code).object(py)) else { return };
            if !code.is_ours {
                let line = || u32::try_from(pyo3::ffi::PyLong_AsSsize_t(*line)).unwrap_or(code.first_line);
                hub::dispatch(py, EventKind::Line, &code, address, None, line, &Nothing);
            }
        }
    });
    none()
}

/// JUMP (code, offset, target).
unsafe extern "C" fn on_jump(
    _callback: *mut PyObject,
    args: *const *mut PyObject,
    count: usize,
    _names: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: args and count are CPython's.
    let Some([code, from, to]) = (unsafe { arguments(args, count) }) else {
        return callback::too_few(3, count);
    };
    let mut begins_anew = false;
    guard(|| {
        // SAFETY: the GIL is held and the objects are alive.
        unsafe {
            let py = Python::assume_attached();
            let offset = |number| usize::try_from(pyo3::ffi::PyLong_AsSsize_t(number)).unwrap_or(0);
            let (from, to) = (offset(*from), offset(*to));
            let address = *code as usize;
            let Ok(code) = codes::find(py, address, || Passed(*code).object(py)) else { return };
            let line_at = |offset| code.line_at(py, offset, || Passed(address as *mut PyObject).object(py));
            begins_anew = to < from && !code.is_ours && line_at(from) == line_at(to);
            if begins_anew {
                hub::dispatch(py, EventKind::Line, &code, address, None, || line_at(to), &Nothing);
            }
        }
    });
    if begins_anew {
        return none();
    }
    let disable = DISABLE.load(Ordering::Relaxed) as *mut PyObject;
    // SAFETY: the module keeps it alive; the caller takes a reference.
    unsafe { pyo3::ffi::Py_NewRef(disable) }
}
