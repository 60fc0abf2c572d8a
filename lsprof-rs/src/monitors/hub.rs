//! Which monitors are enabled, and what each makes of an event. Both hooks end here; [`super::switch`] sets them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use pikos_os::memory::Meter;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::argument::Argument;
use super::codes::Code;
use super::event::{Event, EventKind, Field, Stage};
use super::extra::{Wanted, find_out, now_ns};
use super::focus::Focus;
use super::report::{LineReport, Moment};
use super::sinks::Sink;
use super::texts::TextId;
use crate::ffi::attach::aside;
use crate::ffi::gil::GilCell;
#[cfg(not(Py_3_12))]
use crate::ffi::other_threads::OtherThreads;
use crate::ffi::{self, thread};

/// Which events a monitor is told of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Calls and returns, of built-ins, too.
    Function,
    /// Lines.
    Line,
}

/// What becomes of its events.
pub enum Destination {
    /// The native half of a recorder.
    Sink(Py<Sink>),
    /// A table of lines.
    Report(Py<LineReport>),
    /// A method of Python's, called with (frame, event, argument).
    Method(Py<PyAny>),
}

/// An enabled monitor.
pub struct Active {
    /// Which events it is told of.
    pub kind: Kind,
    /// What becomes of them.
    pub destination: Destination,
    /// Where it looks; everywhere if there is none.
    pub focus: Option<Focus>,
    /// The code objects of the focus: what keeps their addresses theirs.
    #[cfg_attr(not(Py_3_12), expect(dead_code, reason = "only kept"))]
    pub focused: Vec<Py<PyAny>>,
    /// The threads that enabled it, by address, and how often each; `None` for all threads.
    pub threads: Option<RefCell<Vec<(usize, u32)>>>,
    /// Reads the memory for each record.
    pub meter: Option<Meter>,
    /// When it was enabled first.
    pub began: Instant,
    /// The extra fields of its records.
    pub extras: Vec<Field>,
    /// Their values, for its method, in each thread that is in there; by the thread's address.
    pub told: RefCell<Vec<(usize, Py<PyTuple>)>>,
    /// The next event's number.
    pub index: Cell<u64>,
    /// How often its method raised.
    pub errors: Cell<u64>,
    /// The threads that it doesn't cover, and that had an event which it would have recorded otherwise; by address. On 3.11 they
    /// have none.
    pub strangers: RefCell<Vec<usize>>,
    /// What tells whether there were others.
    #[cfg(not(Py_3_12))]
    pub others: OtherThreads,
}

impl Active {
    /// Whether it wants to be told where activations begin and end.
    pub fn wants_activations(&self, py: Python<'_>) -> bool {
        match &self.destination {
            Destination::Report(_) => true,
            Destination::Sink(sink) => sink.get().takes_activations(py),
            Destination::Method(_) => false,
        }
    }

    /// Whether its records are to name the exceptions that functions are left by.
    #[cfg(not(Py_3_12))]
    pub fn names_exceptions(&self, py: Python<'_>) -> bool {
        let names = match &self.destination {
            Destination::Sink(sink) => sink.get().asked(py).extras.has(Field::Exception),
            Destination::Method(_) => self.extras.contains(&Field::Exception),
            Destination::Report(_) => false,
        };
        self.kind == Kind::Function && names
    }

    /// What its method is told in the running thread.
    pub fn extra_of_running<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyTuple>> {
        let running = thread::address();
        let told = self.told.borrow();
        told.iter().rfind(|(thread, _)| *thread == running).map(|(_, values)| values.bind(py).clone())
    }

    /// The code objects of its focus.
    #[cfg(Py_3_12)]
    pub fn focused_codes(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        self.focused.iter().map(|code| code.clone_ref(py)).collect()
    }

    /// Notes a thread that it does not watch.
    #[cold]
    fn note_stranger(&self, thread: usize, address: usize) {
        let mut strangers = self.strangers.borrow_mut();
        if self.focus.as_ref().is_none_or(|focus| focus.has(address)) && !strangers.contains(&thread) {
            strangers.push(thread);
        }
    }

    /// How many threads it has missed.
    pub fn threads_missed(&self, _py: Python<'_>) -> usize {
        #[cfg(not(Py_3_12))]
        if self.threads.is_some() {
            return self.others.have_run(_py);
        }
        self.strangers.borrow().len()
    }

    /// Whether it watches this thread.
    #[inline(always)]
    pub fn covers(&self, thread: usize) -> bool {
        match &self.threads {
            None => true,
            Some(threads) => threads.borrow().iter().any(|(address, _)| *address == thread),
        }
    }
}

/// Several of them.
pub type Monitors = Rc<[Rc<Active>]>;

/// All that are enabled. Replaced as a whole, so that those who run through it need not mind changes.
static ACTIVE: GilCell<RefCell<Option<Monitors>>> = GilCell::new(RefCell::new(None));

/// All that are enabled now.
pub fn active(py: Python<'_>) -> Monitors {
    ACTIVE.get(py).borrow().clone().unwrap_or_default()
}

/// From now on these are. Returns those of before, which may be the last reference: to be dropped with nothing borrowed.
pub fn set_active(py: Python<'_>, monitors: Option<Monitors>) -> Option<Monitors> {
    ACTIVE.get(py).replace(monitors)
}

/// Offers an event to the monitors. `function` is the built-in's name for events of one; `line` the line, for those that
/// don't stand on the function's first. False if none of them wanted it.
#[inline(always)]
pub fn dispatch(
    py: Python<'_>,
    kind: EventKind,
    code: &Rc<Code>,
    address: usize,
    function: Option<TextId>,
    line: impl Fn() -> u32,
    argument: &impl Argument,
) -> bool {
    let monitors = match &*ACTIVE.get(py).borrow() {
        Some(monitors) => Rc::clone(monitors),
        None => return false,
    };
    let wanted = if kind == EventKind::Line { Kind::Line } else { Kind::Function };
    let thread = thread::address();
    let mut was_wanted = false;
    for monitor in monitors.iter() {
        if monitor.kind != wanted {
            continue;
        }
        if !monitor.covers(thread) {
            monitor.note_stranger(thread, address);
            continue;
        }
        if let Some(focus) = &monitor.focus {
            let is_inside = match wanted {
                Kind::Line => focus.has(address),
                Kind::Function => focus.admits(thread, kind, address),
            };
            if !is_inside {
                continue;
            }
        }
        was_wanted = true;
        match &monitor.destination {
            Destination::Sink(sink) => {
                let index = monitor.index.get();
                monitor.index.set(index + 1);
                let sink = sink.get();
                if sink.is_closed(py) {
                    continue;
                }
                let mut event = Event { index, ..Event::of(kind, code) };
                if let Some(function) = function {
                    event.function = function;
                }
                if wanted == Kind::Line || function.is_some() {
                    event.line_no = line();
                }
                // What nobody is to see costs no more than that.
                let asked = sink.asked(py);
                if asked.decides == Stage::Begun && !sink.keeps(py, &event) {
                    continue;
                }
                if wanted == Kind::Line {
                    event.line = Some(code.line_text(py, event.line_no));
                }
                let extra;
                if !asked.extras.is_empty() {
                    let is_builtin = function.is_some();
                    extra = find_out(py, asked.extras, monitor.began, kind, code, is_builtin, argument);
                    event.extra = &extra;
                }
                if asked.decides == Stage::Described && !sink.keeps(py, &event) {
                    continue;
                }
                if let Some(meter) = &monitor.meter {
                    sink.introduce(py, monitor.focus.as_ref(), meter);
                    let usage = meter.read();
                    (event.rss, event.vms) = (usage.rss, usage.vms);
                    // Looking at the clock takes next to nothing beside looking at the memory.
                    event.time_ns = now_ns();
                }
                if asked.decides == Stage::Whole && !sink.keeps(py, &event) {
                    continue;
                }
                sink.record(py, &event);
            }
            Destination::Report(report) => {
                let moment = Moment { kind, address, thread, line: line() };
                report.get().record(py, code, &moment, monitor.meter.as_ref());
            }
            Destination::Method(method) if monitor.extras.is_empty() => {
                call(py, monitor, method, kind, argument);
            }
            Destination::Method(method) => {
                let event = Event {
                    extra: &find_out(
                        py,
                        Wanted::among(monitor.extras.iter().copied()),
                        monitor.began,
                        kind,
                        code,
                        function.is_some(),
                        argument,
                    ),
                    ..Event::of(kind, code)
                };
                call_with_extra(py, monitor, method, &event, argument);
            }
        }
    }
    was_wanted
}

/// Tells those who sum up lines, here or elsewhere, that an activation begins or ends.
#[inline(always)]
pub fn tell_activations(py: Python<'_>, kind: EventKind, code: &Rc<Code>, address: usize) {
    let thread = thread::address();
    for monitor in active(py).iter() {
        let is_told = monitor.wants_activations(py)
            && monitor.covers(thread)
            && monitor.focus.as_ref().is_none_or(|focus| focus.has(address));
        if !is_told {
            continue;
        }
        match (&monitor.destination, &monitor.meter) {
            (Destination::Report(report), meter) => {
                let moment = Moment { kind, address, thread, line: 0 };
                report.get().record(py, code, &moment, meter.as_ref());
            }
            (Destination::Sink(sink), Some(meter)) => {
                sink.get().introduce(py, monitor.focus.as_ref(), meter);
                sink.get().activation(py, code, kind == EventKind::Return, meter);
            }
            _ => {}
        }
    }
}

/// Calls a monitor's method, which finds the event's extra fields with the monitor.
#[cold]
#[inline(never)]
fn call_with_extra(
    py: Python<'_>,
    monitor: &Active,
    method: &Py<PyAny>,
    event: &Event<'_>,
    argument: &impl Argument,
) {
    let values =
        monitor.extras.iter().map(|field| event.value(*field).object(py)).collect::<PyResult<Vec<_>>>();
    let Ok(values) = values.and_then(|values| PyTuple::new(py, values)) else { return };
    let running = thread::address();
    monitor.told.borrow_mut().push((running, values.unbind()));
    call(py, monitor, method, event.kind, argument);
    let mut told = monitor.told.borrow_mut();
    let done = told.iter().rposition(|(thread, _)| *thread == running).map(|place| told.remove(place));
    drop(told);
    drop(done);
}

/// Calls a monitor's method. What it raises is shown once, and counted: the program goes on.
#[cold]
#[inline(never)]
fn call(py: Python<'_>, monitor: &Active, method: &Py<PyAny>, kind: EventKind, argument: &impl Argument) {
    aside(py, |py| {
        let frame = ffi::running_frame(py);
        let argument = argument.object(py);
        if let Err(error) = method.call1(py, (frame, kind.object(py), argument)) {
            let errors = monitor.errors.get();
            monitor.errors.set(errors + 1);
            if errors == 0 {
                show(py, error);
            }
        }
    });
}

fn show(py: Python<'_>, error: PyErr) {
    tell(py, "a record is lost, and the program goes on; further ones are counted:");
    error.print(py);
}

/// A line on standard error, Python's.
pub fn tell(py: Python<'_>, message: &str) {
    let stderr = py.import("sys").and_then(|sys| sys.getattr("stderr"));
    // There is nobody else to tell.
    _ = stderr.and_then(|stderr| stderr.call_method1("write", (format!("pikos: {message}\n"),)));
}
