//! Which monitors are enabled, and what each makes of an event. Both hooks end here; [`super::switch`] sets them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Instant;

use pyo3::prelude::*;

use super::codes::Code;
use super::event::{Event, EventKind};
use super::focus::Focus;
use super::gauge::Gauge;
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
    pub gauge: Option<Gauge>,
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
            // Those of functions are its events.
            Destination::Report(_) => self.kind == Kind::Line,
            Destination::Sink(sink) => sink.get().takes_activations(py),
            Destination::Method(_) => false,
        }
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

/// What a monitor's method gets as its third argument, where one is called.
pub trait Argument {
    /// The object.
    fn object(&self, py: Python<'_>) -> Py<PyAny>;
}

/// None.
pub struct Nothing;

impl Argument for Nothing {
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        py.None()
    }
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
                let (line_no, text) = match wanted {
                    Kind::Line => {
                        let line = line();
                        (line, Some(code.line_text(py, line)))
                    }
                    Kind::Function if function.is_some() => (line(), None),
                    Kind::Function => (code.first_line, None),
                };
                if let Some(gauge) = &monitor.gauge {
                    sink.introduce(py, monitor.focus.as_ref(), gauge);
                }
                // Looking at the clock takes next to nothing beside looking at the memory.
                let (reading, time_ns) =
                    monitor.gauge.as_ref().map(|gauge| (gauge.read(py), now_ns())).unwrap_or_default();
                let event = Event {
                    index,
                    kind,
                    function: function.unwrap_or(code.name),
                    line_no,
                    line: text,
                    filename: code.filename,
                    rss: reading.rss,
                    vms: reading.vms,
                    time_ns,
                    peak: reading.peak,
                };
                if sink.record(py, &event)
                    && let Some(gauge) = &monitor.gauge
                {
                    gauge.told(&reading);
                }
            }
            Destination::Report(report) => {
                let moment = Moment { kind, address, thread, line: line() };
                let of_functions = wanted == Kind::Function;
                report.get().record(py, code, &moment, monitor.gauge.as_ref(), of_functions);
            }
            Destination::Method(method) => call(py, monitor, method, kind, argument),
        }
    }
    was_wanted
}

/// Nanoseconds since it was asked for first. Not the engine's clock: what its ticks are worth is known better and better, and records
/// are not written anew.
fn now_ns() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed().as_nanos() as u64
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
        match (&monitor.destination, &monitor.gauge) {
            (Destination::Report(report), gauge) => {
                let moment = Moment { kind, address, thread, line: 0 };
                report.get().record(py, code, &moment, gauge.as_ref(), false);
            }
            (Destination::Sink(sink), Some(gauge)) => {
                sink.get().introduce(py, monitor.focus.as_ref(), gauge);
                sink.get().activation(py, code, kind == EventKind::Return, gauge);
            }
            _ => {}
        }
    }
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
