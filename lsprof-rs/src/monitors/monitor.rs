//! `_lsprof._EventMonitor`: what a monitor of Python's switches on and off.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Instant;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyCode, PyTuple};

use super::active::{Active, Destination, Kind};
use super::event::Field;
use super::focus::Focus;
use super::gauge::Gauge;
use super::records::Records;
use super::report::LineReport;
use super::sinks::Sink;
use super::{hooks, switch};
use crate::ffi::gil::GilCell;
#[cfg(not(Py_3_12))]
use crate::ffi::other_threads::OtherThreads;
use crate::ffi::thread;

/// The native half of a monitor.
#[pyclass(name = "_EventMonitor", module = "pikos._lsprof", frozen)]
pub struct EventMonitor {
    kind: Kind,
    reads_memory: bool,
    all_threads: bool,
    /// The extra fields of its records.
    extras: Vec<Field>,
    state: GilCell<Progress>,
}

#[derive(Default)]
struct Progress {
    active: RefCell<Option<Rc<Active>>>,
    index: Cell<u64>,
    /// When it was enabled first.
    began: Cell<Option<Instant>>,
    /// How many threads were missed by the time that it was disabled.
    missed: Cell<usize>,
}

#[pymethods]
impl EventMonitor {
    /// kind: "function" or "line". reads_memory: whether records tell the memory. all_threads: whether it watches all
    /// threads, or those that enable it. extras: the extra fields of its records.
    #[new]
    #[pyo3(signature = (kind, reads_memory, all_threads, extras=Vec::new()))]
    fn new(kind: &str, reads_memory: bool, all_threads: bool, extras: Vec<String>) -> PyResult<Self> {
        let kind = match kind {
            "function" => Kind::Function,
            "line" => Kind::Line,
            _ => return Err(PyTypeError::new_err(format!("no kind of monitor: {kind:?}"))),
        };
        let extra = |name: &String| {
            let field = Field::parse(name).filter(|field| field.is_extra());
            field.ok_or_else(|| PyTypeError::new_err(format!("no extra field: {name:?}")))
        };
        let extras = extras.iter().map(extra).collect::<PyResult<_>>()?;
        Ok(Self { kind, reads_memory, all_threads, extras, state: GilCell::default() })
    }

    /// The names of the fields that records have only where somebody asks for them.
    #[classattr]
    fn extra_fields(py: Python<'_>) -> PyResult<Py<PyTuple>> {
        let names: Vec<_> = Field::extras().map(Field::name).collect();
        Ok(PyTuple::new(py, names)?.unbind())
    }

    /// The extra fields of the event for which the running thread calls the destination's method; none outside of that.
    #[getter]
    fn extra<'py>(&self, py: Python<'py>) -> Bound<'py, PyTuple> {
        let active = self.state.get(py).active.borrow().clone();
        let told = active.and_then(|active| active.extra_of_running(py));
        told.unwrap_or_else(|| PyTuple::empty(py))
    }

    /// The next event's number; in a method that is called for an event, that one's.
    #[getter]
    fn index(&self, py: Python<'_>) -> u64 {
        let state = self.state.get(py);
        state.active.borrow().as_ref().map_or(state.index.get(), |active| active.number())
    }

    #[setter]
    fn set_index(&self, py: Python<'_>, index: u64) {
        let state = self.state.get(py);
        state.index.set(index);
        if let Some(active) = &*state.active.borrow() {
            active.set_number(index);
        }
    }

    /// How often what the destination calls raised since it was last enabled.
    #[getter]
    fn errors(&self, py: Python<'_>) -> u64 {
        self.state.get(py).active.borrow().as_ref().map_or(0, |active| active.errors.get())
    }

    /// How many threads that it doesn't cover have run what it looks at, since it was enabled last; on 3.11, where nothing
    /// tells of them: have run at all.
    #[getter]
    fn threads_missed(&self, py: Python<'_>) -> usize {
        let state = self.state.get(py);
        state.active.borrow().as_ref().map_or(state.missed.get(), |active| active.threads_missed(py))
    }

    /// Begins, or covers the running thread, too. destination: a `_Sink`, a `_LineReport`, `_Records`, or a method that is called with
    /// (frame, event, argument). codes: the code objects to focus on; None for all.
    ///
    /// Raises RuntimeError where another tool is in the way.
    fn enable(&self, destination: &Bound<'_, PyAny>, codes: Option<Vec<Bound<'_, PyCode>>>) -> PyResult<()> {
        let py = destination.py();
        let state = self.state.get(py);
        let running = state.active.borrow().clone();
        if let Some(active) = running {
            if let Some(threads) = &active.threads {
                enter(&mut threads.borrow_mut());
                #[cfg(not(Py_3_12))]
                active.others.join(py);
            }
            return hooks::follow(py);
        }
        let focus = codes.as_ref().map(|codes| Focus::new(codes.iter().map(|code| code.as_ptr() as usize)));
        let focused = codes.into_iter().flatten().map(|code| code.into_any().unbind()).collect();
        let destination = if let Ok(sink) = destination.cast::<Sink>() {
            if self.kind == Kind::Line {
                sink.get().expect_activations(py);
            }
            Destination::Sink(sink.clone().unbind())
        } else if let Ok(report) = destination.cast::<LineReport>() {
            Destination::Report(report.clone().unbind())
        } else if let Ok(records) = destination.cast::<Records>() {
            Destination::Records(records.clone().unbind())
        } else {
            Destination::Method(destination.clone().unbind())
        };
        let tells_peaks = match &destination {
            Destination::Report(_) => true,
            Destination::Sink(sink) => sink.get().tells_peaks(py),
            Destination::Records(records) => records.get().tells_peaks(),
            Destination::Method(_) => self.extras.contains(&Field::Peak),
        };
        let gauge = match (self.reads_memory, tells_peaks) {
            (false, _) => None,
            (true, false) => Some(Gauge::new()),
            (true, true) => match (Gauge::with_peaks(py), &destination) {
                (Ok(gauge), _) => Some(gauge),
                // Without a mark, what it says of peaks is what was in use at events.
                (Err(_), Destination::Report(_)) => Some(Gauge::new()),
                (Err(problem), _) => {
                    return Err(PyOSError::new_err(format!("{problem}; leave out `peak`")));
                }
            },
        };
        if let (Destination::Report(report), Some(gauge)) = (&destination, &gauge) {
            report.get().set_tells_spikes(py, gauge.has_peaks());
        }
        let mut threads = Vec::new();
        enter(&mut threads);
        let active = Rc::new(Active {
            kind: self.kind,
            destination,
            focus,
            focused: RefCell::new(focused),
            threads: (!self.all_threads).then(|| RefCell::new(threads)),
            gauge,
            began: state.began.get().unwrap_or_else(Instant::now),
            extras: self.extras.clone(),
            index: Cell::new(state.index.get()),
            under_way: RefCell::default(),
            errors: Cell::new(0),
            strangers: RefCell::default(),
            #[cfg(not(Py_3_12))]
            others: OtherThreads::now(py),
        });
        state.began.set(Some(active.began));
        state.active.replace(Some(Rc::clone(&active)));
        switch::add(py, &active).inspect_err(|_| drop(state.active.take()))
    }

    /// Looks at these code objects from now on, if it is enabled, and looks at some only.
    fn look_at(&self, py: Python<'_>, codes: Vec<Bound<'_, PyCode>>) -> PyResult<()> {
        let running = self.state.get(py).active.borrow().clone();
        let Some(active) = running else { return Ok(()) };
        active.look_at(codes.into_iter().map(|code| code.into_any().unbind()).collect());
        hooks::follow(py)
    }

    /// The running thread is no longer covered; with `all`, none is. Returns how often what it called raised.
    ///
    /// Raises RuntimeError if it isn't enabled.
    #[pyo3(signature = (all))]
    fn disable(&self, py: Python<'_>, all: bool) -> PyResult<u64> {
        let state = self.state.get(py);
        let running = state.active.borrow().clone();
        let Some(active) = running else {
            return Err(PyRuntimeError::new_err("the monitor is not enabled"));
        };
        if let Some(threads) = &active.threads {
            leave(&mut threads.borrow_mut());
        }
        if !all {
            hooks::follow(py)?;
            return Ok(active.errors.get());
        }
        state.active.replace(None);
        state.index.set(active.index.get());
        state.missed.set(active.threads_missed(py));
        switch::remove(py, &active)?;
        if let Destination::Sink(sink) = &active.destination {
            sink.get().flush(py);
        }
        Ok(active.errors.get())
    }
}

/// The running thread enables a monitor.
fn enter(threads: &mut Vec<(usize, u32)>) {
    let running = thread::address();
    match threads.iter_mut().find(|(address, _)| *address == running) {
        Some((_, count)) => *count += 1,
        None => threads.push((running, 1)),
    }
}

/// The running thread disables it.
fn leave(threads: &mut Vec<(usize, u32)>) {
    let running = thread::address();
    if let Some(place) = threads.iter().position(|(address, _)| *address == running) {
        threads[place].1 -= 1;
        if threads[place].1 == 0 {
            threads.swap_remove(place);
        }
    }
}
