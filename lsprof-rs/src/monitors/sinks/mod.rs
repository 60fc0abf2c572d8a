//! What becomes of an event that a monitor lets through: a line of text, a row of columns, a message.

mod columns;
mod csv;
mod parquet;
mod subscribers;
mod text;
mod trace;

use std::cell::{Cell, RefCell};

use pikos_os::descriptor;
use pikos_publisher::{Endpoint, RecordStream, Sender};
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use self::columns::Columns;
use self::csv::Csv;
use self::parquet::Parquet;
pub use self::subscribers::Meters;
use self::subscribers::{Subscribers, UnderWay};
use self::text::Template;
use self::trace::{Trace, name_of_running};
use super::aside::aside;
use super::codes::{self, Code};
use super::event::{Event, Field, Stage, Value};
use super::extra::Wanted;
use super::filter::Filter;
use super::focus::Focus;
use super::output::{Output, Target};
use super::writer::Writer;
use crate::ffi::at_fork;
use crate::ffi::gil::GilCell;
use crate::ffi::open_below;
use crate::results::process;

/// The native half of a recorder. Made when it is prepared, for records of certain fields.
#[pyclass(name = "_Sink", module = "pikos._lsprof", frozen)]
pub struct Sink(GilCell<Inner>);

struct Inner {
    fields: Vec<Field>,
    filter: Filter,
    asked: Cell<Asked>,
    form: RefCell<Form>,
    /// Whether it is to know what threads are called.
    names_threads: Cell<bool>,
    /// Whether it is told of activations.
    takes_activations: Cell<bool>,
    /// Whether records may be useless: after a problem, or because nobody listens.
    may_be_closed: Cell<bool>,
    /// Why nothing more is recorded.
    problem: RefCell<Option<String>>,
    recorded: Cell<u64>,
}

/// What an event has to have, for a sink.
#[derive(Clone, Copy)]
pub struct Asked {
    /// When its filter can decide.
    pub decides: Stage,
    /// The extra fields.
    pub extras: Wanted,
}

/// In which form records are kept.
enum Form {
    Csv(Csv, Output),
    Text(Template, Output),
    List(Columns),
    Parquet(Box<Parquet>),
    Live(Box<Subscribers>),
    Trace(Box<Trace>, Output),
}

#[pymethods]
impl Sink {
    /// Writes comma-separated values, as `csv.writer` does. `target` is a file descriptor or a stream; `dialect` is
    /// (delimiter, quotechar, lineterminator, quoting). None where `filter` or `dialect` takes Python.
    #[staticmethod]
    fn csv(
        target: &Bound<'_, PyAny>,
        fields: Vec<String>,
        filter: &Bound<'_, PyAny>,
        dialect: (char, Option<char>, String, u8),
    ) -> PyResult<Option<Self>> {
        let Some(csv) = Csv::new(dialect) else { return Ok(None) };
        let output = Output::new(target_of(target)?, false);
        Self::new(fields, filter, |fields| Some(Form::Csv(csv.of(fields), output)))
    }

    /// Writes one line a record, by a template of `str.format`, or all fields with spaces between them. None where `filter`
    /// or `template` takes Python.
    #[staticmethod]
    #[pyo3(signature = (target, fields, filter, template, auto_flush))]
    fn text(
        target: &Bound<'_, PyAny>,
        fields: Vec<String>,
        filter: &Bound<'_, PyAny>,
        template: &str,
        auto_flush: bool,
    ) -> PyResult<Option<Self>> {
        let output = Output::new(target_of(target)?, auto_flush);
        Self::new(fields, filter, |fields| Some(Form::Text(Template::parse(template, fields)?, output)))
    }

    /// Writes a Parquet file anew, to a file descriptor. None where `filter` takes Python. OSError if it can't be written.
    #[staticmethod]
    fn parquet(target: i32, fields: Vec<String>, filter: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let Some(sink) = Self::list(fields, filter)? else { return Ok(None) };
        let inner = sink.0.get(filter.py());
        let file = Parquet::new(descriptor::duplicate(target)?, &inner.fields).map_err(PyOSError::new_err)?;
        inner.form.replace(Form::Parquet(Box::new(file)));
        Ok(Some(sink))
    }

    /// Writes a trace of calls to a file descriptor; `goes_on` behind those of a file that has some. None where `filter` takes Python.
    /// OSError if it can't be written.
    #[staticmethod]
    fn trace(
        target: i32,
        fields: Vec<String>,
        filter: &Bound<'_, PyAny>,
        goes_on: bool,
    ) -> PyResult<Option<Self>> {
        let Some(sink) = Self::list(fields, filter)? else { return Ok(None) };
        let mut output = Output::new(Target::File(Writer::new(descriptor::duplicate(target)?)), false);
        let trace = Trace::new(goes_on);
        trace.begin(output.buffer());
        let inner = sink.0.get(filter.py());
        let mut asked = inner.asked.get();
        asked.extras = asked.extras.and(Wanted::among([Field::Qualname]));
        inner.asked.set(asked);
        inner.names_threads.set(true);
        inner.form.replace(Form::Trace(Box::new(trace), output));
        Ok(Some(sink))
    }

    /// Keeps the records in memory, in columns. None where `filter` takes Python.
    #[staticmethod]
    fn list(fields: Vec<String>, filter: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        Self::new(fields, filter, |fields| Some(Form::List(Columns::new(fields))))
    }

    /// Sends the records through ZeroMQ: to whoever subscribes to the process, and to `endpoint` (where it binds, or with
    /// `connect` connects; with `remote` beyond this host's loopback, too). None where `filter` takes Python.
    ///
    /// Raises ValueError for what is no endpoint, OSError where there is no socket to be had.
    #[staticmethod]
    fn live(
        py: Python<'_>,
        fields: Vec<String>,
        filter: &Bound<'_, PyAny>,
        endpoint: Option<&str>,
        connect: bool,
        remote: bool,
    ) -> PyResult<Option<Self>> {
        let extra = endpoint.map(|text| Endpoint::parse(text, connect, remote)).transpose();
        let extra = extra.map_err(|error| PyValueError::new_err(error.to_string()))?;
        at_fork::watch(py)?;
        let names = fields.clone();
        let Some(sink) = Self::list(fields, filter)? else { return Ok(None) };
        let facts = process::facts(py);
        let sender = Sender { argv: facts.argv, host: facts.host, fields: names, extra, types: None };
        let stream = RecordStream::start(sender).map_err(|error| PyOSError::new_err(error.to_string()))?;
        let inner = sink.0.get(py);
        inner.form.replace(Form::Live(Box::new(Subscribers::new(stream))));
        inner.may_be_closed.set(true);
        Ok(Some(sink))
    }

    /// Sends or writes a record that was made in Python: its values, in the order of the fields. TypeError for one that
    /// doesn't fit.
    fn add(&self, py: Python<'_>, values: Vec<Bound<'_, PyAny>>) -> PyResult<()> {
        let inner = self.0.get(py);
        if values.len() != inner.fields.len() {
            return Err(PyTypeError::new_err(format!(
                "a record has {} values, not {}",
                inner.fields.len(),
                values.len()
            )));
        }
        let values = values.iter().map(Value::of_object).collect::<PyResult<Vec<_>>>()?;
        let is_full = match &mut *inner.form.borrow_mut() {
            Form::Live(live) => {
                live.push_values(py, &values);
                false
            }
            Form::Parquet(file) => file.push_values(py, &values).map_err(PyTypeError::new_err)?,
            Form::Trace(trace, output) => {
                let event = Event::of_values(py, &inner.fields, &values);
                let event = event.ok_or_else(|| PyTypeError::new_err("no record of a call or a return"))?;
                trace.write(py, output.buffer(), &event);
                output.is_full()
            }
            _ => false,
        };
        if is_full {
            inner.hand_on(py, false);
        }
        Ok(())
    }

    /// Ends what is to be ended: subscribers get the last message, a trace its last bracket.
    fn close(&self, py: Python<'_>) {
        let inner = self.0.get(py);
        if let Form::Trace(trace, output) = &mut *inner.form.borrow_mut() {
            trace.close(output.buffer());
        }
        let is_live = matches!(&*inner.form.borrow(), Form::Live(_));
        if is_live {
            let before = inner.form.replace(Form::List(Columns::new(&[])));
            drop(before);
        }
    }

    /// How many records have passed the filter.
    #[getter]
    fn recorded(&self, py: Python<'_>) -> u64 {
        self.0.get(py).recorded.get()
    }

    /// How many records are kept in memory.
    #[getter]
    fn held(&self, py: Python<'_>) -> usize {
        match &*self.0.get(py).form.borrow() {
            Form::List(columns) => columns.len(),
            _ => 0,
        }
    }

    /// Why nothing more is recorded; None while all is well.
    #[getter]
    fn problem(&self, py: Python<'_>) -> Option<String> {
        self.0.get(py).problem.borrow().clone()
    }

    /// Hands on what is buffered.
    pub fn flush(&self, py: Python<'_>) {
        self.0.get(py).hand_on(py, true);
    }

    /// Takes the records out of memory, as objects of this type, a named tuple.
    fn take<'py>(&self, record_type: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        let py = record_type.py();
        let inner = self.0.get(py);
        let columns = match &mut *inner.form.borrow_mut() {
            Form::List(columns) => std::mem::replace(columns, Columns::new(&inner.fields)),
            _ => return Err(PyValueError::new_err("this recorder keeps no records in memory")),
        };
        let make = record_type.getattr("_make")?;
        let records = PyList::empty(py);
        for row in 0..columns.len() {
            let values = columns.row(row).map(|value| value.object(py)).collect::<PyResult<Vec<_>>>()?;
            records.append(make.call1((PyTuple::new(py, values)?,))?)?;
        }
        Ok(records)
    }
}

impl Sink {
    fn new(
        fields: Vec<String>,
        filter: &Bound<'_, PyAny>,
        form: impl FnOnce(&[Field]) -> Option<Form>,
    ) -> PyResult<Option<Self>> {
        let Some(fields) = fields.iter().map(|name| Field::parse(name)).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let Some(filter) = Filter::new(filter, &fields)? else { return Ok(None) };
        let Some(form) = form(&fields) else { return Ok(None) };
        let asked = Asked {
            // With nothing to decide, at the end, where it costs nothing.
            decides: filter.stage().unwrap_or(Stage::Whole),
            extras: Wanted::among(fields.iter().copied()),
        };
        Ok(Some(Self(GilCell::new(Inner {
            fields,
            filter,
            asked: Cell::new(asked),
            names_threads: Cell::new(false),
            form: RefCell::new(form),
            takes_activations: Cell::new(false),
            may_be_closed: Cell::new(false),
            problem: RefCell::default(),
            recorded: Cell::new(0),
        }))))
    }

    /// Whether its records tell the most memory since the one before.
    pub fn tells_peaks(&self, py: Python<'_>) -> bool {
        self.0.get(py).fields.contains(&Field::Peak)
    }

    /// What an event has to have before it is recorded.
    #[inline(always)]
    pub fn asked(&self, py: Python<'_>) -> Asked {
        self.0.get(py).asked.get()
    }

    /// Whether the filter keeps an event, which has come as far as that takes. Nothing may be borrowed.
    ///
    /// # Errors
    /// What a filter in Python raises.
    #[inline(always)]
    pub fn keeps(&self, py: Python<'_>, event: &Event<'_>) -> PyResult<bool> {
        self.0.get(py).filter.keeps(py, event)
    }

    /// Records an event that the filter keeps.
    #[inline(always)]
    pub fn record(&self, py: Python<'_>, event: &Event<'_>) {
        let inner = self.0.get(py);
        if inner.names_threads.get() {
            inner.name_thread(py);
        }
        inner.recorded.set(inner.recorded.get() + 1);
        let is_full = match &mut *inner.form.borrow_mut() {
            Form::Csv(csv, output) => {
                csv.write(py, output.buffer(), &inner.fields, event);
                output.is_full()
            }
            Form::Text(template, output) => {
                template.write(py, output.buffer(), event);
                output.is_full()
            }
            Form::List(columns) => {
                columns.push(event);
                false
            }
            Form::Parquet(file) => file.push(event),
            Form::Trace(trace, output) => {
                trace.write(py, output.buffer(), event);
                output.is_full()
            }
            Form::Live(live) => {
                live.push(py, &inner.fields, event);
                false
            }
        };
        if is_full {
            inner.hand_on(py, false);
        }
    }

    /// A monitor of lines is about to record here, and can tell of activations, too. They are told where records have what a line can
    /// have taken: memory, or time.
    pub fn expect_activations(&self, py: Python<'_>) {
        let inner = self.0.get(py);
        if ![Field::Rss, Field::Time].into_iter().any(|field| inner.fields.contains(&field)) {
            return;
        }
        if let Form::Live(live) = &*inner.form.borrow() {
            live.set_tells_activations();
            inner.takes_activations.set(true);
        }
    }

    /// Whether it wants to be told of activations.
    pub fn takes_activations(&self, py: Python<'_>) -> bool {
        self.0.get(py).takes_activations.get()
    }

    /// An activation begins or ends.
    pub fn activation(&self, py: Python<'_>, code: &Code, ends: bool, meters: Meters<'_>) {
        if let Form::Live(live) = &mut *self.0.get(py).form.borrow_mut() {
            live.push_activation(py, code, ends, meters);
        }
    }

    /// Tells a new subscriber what is under way in the running thread below the running function, where it looks at that.
    #[inline(always)]
    pub fn introduce(&self, py: Python<'_>, focus: Option<&Focus>, meters: Meters<'_>) {
        let inner = self.0.get(py);
        if !inner.takes_activations.get() {
            return;
        }
        let is_stranger = match &mut *inner.form.borrow_mut() {
            Form::Live(live) => live.is_heard() && live.is_stranger(),
            _ => false,
        };
        if is_stranger {
            inner.tell_open(py, focus, meters);
        }
    }

    /// Whether it takes none now: for good, or because nobody listens. Then nobody needs to read the memory.
    #[inline(always)]
    pub fn is_closed(&self, py: Python<'_>) -> bool {
        let inner = self.0.get(py);
        if !inner.may_be_closed.get() {
            return false;
        }
        match &*inner.form.borrow() {
            Form::Live(live) => !live.is_heard(),
            _ => true,
        }
    }
}

impl Inner {
    /// Tells what the running thread is called, if that isn't known yet. `threading` is asked with nothing borrowed.
    fn name_thread(&self, py: Python<'_>) {
        let wants = matches!(&*self.form.borrow(), Form::Trace(trace, _) if trace.wants_name());
        if wants {
            let name = name_of_running(py);
            if let Form::Trace(trace, output) = &mut *self.form.borrow_mut() {
                trace.tell_name(py, output.buffer(), name);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_open(&self, py: Python<'_>, focus: Option<&Focus>, meters: Meters<'_>) {
        let mut open = Vec::new();
        // What can't be looked at is left out.
        _ = open_below(py, |code, line| {
            if focus.is_none_or(|focus| focus.has(code.as_ptr() as usize)) {
                let found = codes::find(py, code.as_ptr() as usize, || code.clone().unbind())?;
                if !found.is_ours {
                    open.push(UnderWay { name: found.name, filename: found.filename, line });
                }
            }
            Ok(())
        });
        open.reverse();
        if let Form::Live(live) = &mut *self.form.borrow_mut() {
            live.introduce(py, &open, meters);
        }
    }

    /// Hands on what is buffered. With `all`, it is written when this returns, where it goes to a file.
    #[cold]
    #[inline(never)]
    fn hand_on(&self, py: Python<'_>, all: bool) {
        let piece = match &mut *self.form.borrow_mut() {
            Form::Csv(_, output) | Form::Text(_, output) | Form::Trace(_, output) => {
                match output.hand_to_file(all) {
                    Some(written) => return self.check(written),
                    None => output.take(py),
                }
            }
            Form::Parquet(file) => return self.check(file.write(py)),
            Form::List(_) | Form::Live(_) => return,
        };
        let Some(piece) = piece else { return };
        // The stream's method may be Python: nothing is borrowed, and events are off.
        let written = aside(py, |py| piece.write(py)).unwrap_or(Ok(()));
        if let Form::Csv(_, output) | Form::Text(_, output) = &mut *self.form.borrow_mut() {
            output.done();
        }
        self.check(written);
    }

    /// Nothing more is recorded after the first problem.
    fn check(&self, written: Result<(), String>) {
        if let Err(problem) = written {
            self.problem.borrow_mut().get_or_insert(problem);
            self.may_be_closed.set(true);
        }
    }
}

/// A file descriptor, of which we take a copy, or a stream.
fn target_of(target: &Bound<'_, PyAny>) -> PyResult<Target> {
    Ok(match target.extract::<i32>() {
        Ok(number) => Target::File(Writer::new(descriptor::duplicate(number)?)),
        Err(_) => Target::Stream(target.clone().unbind()),
    })
}
