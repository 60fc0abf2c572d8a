//! A monitor that is enabled, and its method in Python.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::argument::Argument;
use super::aside::aside;
use super::event::{Event, EventKind, Field};
use super::focus::Focus;
use super::gauge::Gauge;
use super::records::Records;
use super::report::LineReport;
use super::sinks::{Meters, Sink};
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
    /// Records for Python.
    Records(Py<Records>),
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
    pub focused: RefCell<Vec<Py<PyAny>>>,
    /// The threads that enabled it, by address, and how often each; `None` for all threads.
    pub threads: Option<RefCell<Vec<(usize, u32)>>>,
    /// Reads the memory for each record.
    pub gauge: Option<Gauge>,
    /// When it was enabled first.
    pub began: Instant,
    /// The extra fields of its records.
    pub extras: Vec<Field>,
    /// The next event's number.
    pub index: Cell<u64>,
    /// The events that its method is called for.
    pub under_way: RefCell<Vec<UnderWay>>,
    /// How often Python that it called raised.
    pub errors: Cell<u64>,
    /// The threads that it doesn't cover, and that had an event which it would have recorded otherwise; by address. On 3.11 they
    /// have none.
    pub strangers: RefCell<Vec<usize>>,
    /// What tells whether there were others.
    #[cfg(not(Py_3_12))]
    pub others: OtherThreads,
}

/// An event that a method is called for.
pub struct UnderWay {
    /// The address of the thread that is in there.
    thread: usize,
    /// The event's number, once it was asked for.
    number: Option<u64>,
    /// The extra fields, where there are any.
    extra: Option<Py<PyTuple>>,
}

impl Active {
    /// Whether it wants to be told where activations begin and end.
    pub fn wants_activations(&self, py: Python<'_>) -> bool {
        match &self.destination {
            // Those of functions are its events.
            Destination::Report(_) => self.kind == Kind::Line,
            Destination::Sink(sink) => sink.get().takes_activations(py),
            Destination::Records(_) | Destination::Method(_) => false,
        }
    }

    /// Whether its records are to name the exceptions that functions are left by.
    #[cfg(not(Py_3_12))]
    pub fn names_exceptions(&self, py: Python<'_>) -> bool {
        let names = match &self.destination {
            Destination::Sink(sink) => sink.get().asked(py).extras.has(Field::Exception),
            Destination::Records(records) => records.get().extras().has(Field::Exception),
            Destination::Method(_) => self.extras.contains(&Field::Exception),
            Destination::Report(_) => false,
        };
        self.kind == Kind::Function && names
    }

    /// What is read where activations are told.
    pub fn meters(&self) -> Meters<'_> {
        Meters { gauge: self.gauge.as_ref(), began: self.began }
    }

    /// What its method is told in the running thread.
    pub fn extra_of_running<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyTuple>> {
        let running = thread::address();
        let under_way = self.under_way.borrow();
        let mut extras =
            under_way.iter().rev().filter(|event| event.thread == running).map(|event| &event.extra);
        extras.next()?.as_ref().map(|values| values.bind(py).clone())
    }

    /// The code objects of its focus.
    #[cfg(Py_3_12)]
    pub fn focused_codes(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        self.focused.borrow().iter().map(|code| code.clone_ref(py)).collect()
    }

    /// From now on it looks at these code objects, if it looks at some only.
    pub fn look_at(&self, codes: Vec<Py<PyAny>>) {
        if let Some(focus) = &self.focus {
            focus.set(codes.iter().map(|code| code.as_ptr() as usize));
            let before = self.focused.replace(codes);
            drop(before); // may run Python, with nothing borrowed
        }
    }

    /// The next event's number, given away.
    #[inline(always)]
    pub fn take_number(&self) -> u64 {
        let number = self.index.get();
        self.index.set(number + 1);
        number
    }

    /// The number of the event that the running thread is in, or else of the next one. A thread has the same number as long as it is in
    /// its event, whatever the others do.
    pub fn number(&self) -> u64 {
        let running = thread::address();
        let mut under_way = self.under_way.borrow_mut();
        match under_way.iter_mut().find(|event| event.thread == running) {
            Some(event) => *event.number.get_or_insert_with(|| self.take_number()),
            None => self.index.get(),
        }
    }

    /// Sets the next event's number. A method that counts its own event, which is counted already, changes nothing.
    pub fn set_number(&self, next: u64) {
        let running = thread::address();
        let is_counted = |event: &UnderWay| {
            event.thread == running && event.number.is_some_and(|number| number + 1 == next)
        };
        if !self.under_way.borrow().iter().any(is_counted) {
            self.index.set(next);
        }
    }

    /// Counts what Python raised, and shows the first of it: the program goes on.
    #[cold]
    pub fn fail(&self, py: Python<'_>, error: PyErr) {
        let errors = self.errors.get();
        self.errors.set(errors + 1);
        if errors == 0 {
            aside(py, |py| {
                tell(py, "a record is lost, and the program goes on; further ones are counted:");
                error.print(py);
            });
        }
    }

    /// Notes a thread that it does not watch.
    #[cold]
    pub fn note_stranger(&self, thread: usize, address: usize) {
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

/// Calls a monitor's method, which finds the event's extra fields with the monitor.
#[cold]
#[inline(never)]
pub fn call_with_extra(
    py: Python<'_>,
    monitor: &Active,
    method: &Py<PyAny>,
    event: &Event<'_>,
    argument: &impl Argument,
) -> PyResult<()> {
    let values: Vec<_> =
        monitor.extras.iter().map(|field| event.value(*field).object(py)).collect::<PyResult<_>>()?;
    call(py, monitor, method, event.kind, argument, Some(PyTuple::new(py, values)?))
}

/// Calls a monitor's method. extra: the values of the extra fields, where there are any.
#[cold]
#[inline(never)]
pub fn call(
    py: Python<'_>,
    monitor: &Active,
    method: &Py<PyAny>,
    kind: EventKind,
    argument: &impl Argument,
    extra: Option<Bound<'_, PyTuple>>,
) -> PyResult<()> {
    let running = thread::address();
    let event = UnderWay { thread: running, number: None, extra: extra.map(Bound::unbind) };
    monitor.under_way.borrow_mut().push(event);
    let result = aside(py, |py| {
        let frame = ffi::running_frame(py);
        method.call1(py, (frame, kind.object(py), argument.object(py))).map(drop)
    });
    let mut under_way = monitor.under_way.borrow_mut();
    let place = under_way.iter().rposition(|event| event.thread == running);
    let done = place.map(|place| under_way.remove(place));
    drop(under_way);
    drop(done.and_then(|event| event.extra).map(|extra| extra.into_bound(py)));
    result.unwrap_or(Ok(()))
}

/// A line on standard error, Python's.
pub fn tell(py: Python<'_>, message: &str) {
    let stderr = py.import("sys").and_then(|sys| sys.getattr("stderr"));
    // There is nobody else to tell.
    _ = stderr.and_then(|stderr| stderr.call_method1("write", (format!("pikos: {message}\n"),)));
}
