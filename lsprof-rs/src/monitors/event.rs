//! An event as a record shows it, and the fields that records are made of.

use pyo3::prelude::*;
use pyo3::types::PyString;
use pyo3::{IntoPyObjectExt, intern};

use super::texts::{self, TextId};

/// What happened. The names are those of `sys.setprofile` and `sys.settrace`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// A Python function is entered, or a generator resumed.
    Call,
    /// It is left: by return, yield or an exception.
    Return,
    /// A built-in is called.
    CCall,
    /// It has returned.
    CReturn,
    /// It has raised.
    CException,
    /// A line is about to be executed.
    Line,
}

impl EventKind {
    /// All, in the order of their values.
    pub const ALL: [Self; 6] =
        [Self::Call, Self::Return, Self::CCall, Self::CReturn, Self::CException, Self::Line];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Return => "return",
            Self::CCall => "c_call",
            Self::CReturn => "c_return",
            Self::CException => "c_exception",
            Self::Line => "line",
        }
    }

    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name, for Python.
    pub fn object(self, py: Python<'_>) -> &Bound<'_, PyString> {
        match self {
            Self::Call => intern!(py, "call"),
            Self::Return => intern!(py, "return"),
            Self::CCall => intern!(py, "c_call"),
            Self::CReturn => intern!(py, "c_return"),
            Self::CException => intern!(py, "c_exception"),
            Self::Line => intern!(py, "line"),
        }
    }
}

/// A field of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The event's number.
    Index,
    /// The [`EventKind`]'s name.
    Type,
    /// The function's or the built-in's name.
    Function,
    /// The line.
    LineNo,
    /// The line's text.
    Line,
    /// The file.
    Filename,
    /// Resident memory in bytes.
    Rss,
    /// Virtual memory in bytes.
    Vms,
    /// When, in nanoseconds since the process's first record of memory.
    TimeNs,
    /// The most that was resident since the record before, in bytes.
    Peak,
}

impl Field {
    const ALL: [Self; 10] = [
        Self::Index,
        Self::Type,
        Self::Function,
        Self::LineNo,
        Self::Line,
        Self::Filename,
        Self::Rss,
        Self::Vms,
        Self::TimeNs,
        Self::Peak,
    ];

    /// The name that the record types have it under.
    pub fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Type => "type",
            Self::Function => "function",
            Self::LineNo => "lineNo",
            Self::Line => "line",
            Self::Filename => "filename",
            Self::Rss => "RSS",
            Self::Vms => "VMS",
            Self::TimeNs => "time_ns",
            Self::Peak => "peak",
        }
    }

    /// By this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// A field's value in one record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// A text.
    Text(TextId),
    /// The kind's name.
    Kind(EventKind),
    /// A number.
    Number(u64),
}

impl Value {
    /// Of a record that Python made: a text or a number. TypeError for anything else.
    pub fn of_object(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        match object.cast::<PyString>() {
            Ok(text) => Ok(Self::Text(texts::intern(object.py(), &text.to_string_lossy()))),
            Err(_) => Ok(Self::Number(object.extract()?)),
        }
    }

    /// For Python.
    pub fn object(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Text(text) => Ok(texts::object(py, text).into_any()),
            Self::Kind(kind) => Ok(kind.object(py).clone().into_any()),
            Self::Number(number) => number.into_bound_py_any(py),
        }
    }
}

/// One event.
#[derive(Clone, Copy)]
pub struct Event {
    /// Its number in its monitor.
    pub index: u64,
    /// What happened.
    pub kind: EventKind,
    /// To whom.
    pub function: TextId,
    /// The line in `filename`; of a call or return the function's first.
    pub line_no: u32,
    /// That line's text; only of line events.
    pub line: Option<TextId>,
    /// The file.
    pub filename: TextId,
    /// Resident memory in bytes, if it is recorded.
    pub rss: u64,
    /// Virtual memory in bytes, if it is recorded.
    pub vms: u64,
    /// When, in nanoseconds, if memory is recorded.
    pub time_ns: u64,
    /// The most that was resident since the record before, in bytes, if memory is recorded.
    pub peak: u64,
}

impl Event {
    /// Whether a record of the other one is the same but for its index. Not for those that tell the memory.
    #[inline(always)]
    pub fn differs_in_index_only(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.function == other.function
            && self.line_no == other.line_no
            && self.line == other.line
            && self.filename == other.filename
    }

    /// One of its fields. The line of an event that has none is its file: nobody asks.
    #[inline(always)]
    pub fn value(&self, field: Field) -> Value {
        match field {
            Field::Index => Value::Number(self.index),
            Field::Type => Value::Kind(self.kind),
            Field::Function => Value::Text(self.function),
            Field::LineNo => Value::Number(u64::from(self.line_no)),
            Field::Line => Value::Text(self.line.unwrap_or(self.filename)),
            Field::Filename => Value::Text(self.filename),
            Field::Rss => Value::Number(self.rss),
            Field::Vms => Value::Number(self.vms),
            Field::TimeNs => Value::Number(self.time_ns),
            Field::Peak => Value::Number(self.peak),
        }
    }
}
