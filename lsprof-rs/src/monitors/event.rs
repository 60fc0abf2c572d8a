//! An event as a record shows it, and the fields that records are made of.

use pyo3::prelude::*;
use pyo3::types::{PyFloat, PyString};
use pyo3::{IntoPyObjectExt, intern};

use super::codes::Code;
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

/// A field of a record. Those after [`Field::TimeNs`] are extra: records have them where somebody asks.
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
    /// When: time since the monitor was enabled first.
    Time,
    /// `threading.get_native_id()` of the thread.
    Thread,
    /// The name of the asyncio task that runs there.
    Task,
    /// The function's qualified name.
    Qualname,
    /// How many calls of Python functions are open in the thread, this one included.
    Depth,
    /// The type of the exception that a function is left by.
    Exception,
    /// The most that was resident since the record before, in bytes.
    Peak,
}

/// How a field's values are kept and written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// A text, by its number.
    Text,
    /// An [`EventKind`].
    Kind,
    /// A number of 32 bits.
    Small,
    /// A number of 64 bits.
    Number,
    /// Nanoseconds, which records show as seconds.
    Seconds,
}

impl Field {
    /// All, in the order of their values, with the names that the record types have them under.
    const ALL: [(Self, &str, Shape); 16] = [
        (Self::Index, "index", Shape::Number),
        (Self::Type, "type", Shape::Kind),
        (Self::Function, "function", Shape::Text),
        (Self::LineNo, "lineNo", Shape::Small),
        (Self::Line, "line", Shape::Text),
        (Self::Filename, "filename", Shape::Text),
        (Self::Rss, "RSS", Shape::Number),
        (Self::Vms, "VMS", Shape::Number),
        (Self::TimeNs, "time_ns", Shape::Number),
        (Self::Time, "time", Shape::Seconds),
        (Self::Thread, "thread", Shape::Number),
        (Self::Task, "task", Shape::Text),
        (Self::Qualname, "qualname", Shape::Text),
        (Self::Depth, "depth", Shape::Small),
        (Self::Exception, "exception", Shape::Text),
        (Self::Peak, "peak", Shape::Number),
    ];

    /// Those that records have only where somebody asks.
    pub fn extras() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().map(|(field, ..)| field).filter(|field| field.is_extra())
    }

    /// Whether it is one of these.
    pub fn is_extra(self) -> bool {
        self as usize > Self::TimeNs as usize
    }

    /// The name that the record types have it under.
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// How its values are kept.
    #[inline]
    pub fn shape(self) -> Shape {
        Self::ALL[self as usize].2
    }

    /// By this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().map(|(field, ..)| field).find(|field| field.name() == name)
    }

    /// When an event has it.
    pub fn stage(self) -> Stage {
        match self {
            Self::Type | Self::Function | Self::LineNo | Self::Filename => Stage::Begun,
            Self::Rss | Self::Vms | Self::TimeNs | Self::Peak => Stage::Whole,
            _ => Stage::Described,
        }
    }
}

const _: () = {
    let mut place = 0;
    while place < Field::ALL.len() {
        assert!(Field::ALL[place].0 as usize == place, "in the order of their values");
        place += 1;
    }
};

/// How far an event has come: what costs most is found out last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stage {
    /// It has what the interpreter tells.
    Begun,
    /// It has the line's text, the extra fields and its number, too.
    Described,
    /// It has the memory, too.
    Whole,
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
    /// Nanoseconds, shown as seconds.
    Seconds(u64),
}

/// Nanoseconds of a second.
pub const SECOND: u64 = 1_000_000_000;

impl Value {
    /// Of a record that Python made: a text, a number or seconds. TypeError for anything else.
    pub fn of_object(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(text) = object.cast::<PyString>() {
            return Ok(Self::Text(texts::intern_string(text)));
        }
        match object.cast::<PyFloat>() {
            Ok(seconds) => Ok(Self::Seconds((seconds.value() * SECOND as f64).round() as u64)),
            Err(_) => Ok(Self::Number(object.extract()?)),
        }
    }

    /// For Python.
    pub fn object(self, py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
        match self {
            Self::Text(text) => Ok(texts::object(py, text).into_any()),
            Self::Kind(kind) => Ok(kind.object(py).clone().into_any()),
            Self::Number(number) => number.into_bound_py_any(py),
            Self::Seconds(time) => seconds(time).into_bound_py_any(py),
        }
    }
}

/// Nanoseconds as seconds.
pub fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / SECOND as f64
}

/// The extra fields of an event; of those that nobody asked for zeros, and the empty text.
#[derive(Clone, Copy, Debug)]
pub struct Extra {
    /// Nanoseconds since the monitor was enabled first.
    pub time: u64,
    /// The thread's native id.
    pub thread: u64,
    /// The asyncio task's name.
    pub task: TextId,
    /// The function's qualified name.
    pub qualname: TextId,
    /// Python calls that are open in the thread.
    pub depth: u32,
    /// The type of the exception that the function is left by.
    pub exception: TextId,
}

impl Extra {
    /// Nothing of it.
    pub const NONE: Self = Self {
        time: 0,
        thread: 0,
        task: TextId::EMPTY,
        qualname: TextId::EMPTY,
        depth: 0,
        exception: TextId::EMPTY,
    };
}

/// One event.
#[derive(Clone, Copy)]
pub struct Event<'e> {
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
    /// What records have only where somebody asks.
    pub extra: &'e Extra,
}

impl Event<'static> {
    /// Of a function, as far as that says.
    #[inline(always)]
    pub fn of(kind: EventKind, code: &Code) -> Self {
        Self {
            index: 0,
            kind,
            function: code.name,
            line_no: code.first_line,
            line: None,
            filename: code.filename,
            rss: 0,
            vms: 0,
            time_ns: 0,
            peak: 0,
            extra: &Extra::NONE,
        }
    }
}

impl Event<'static> {
    /// Of a record that Python made; `None` for one that is of no call or return.
    pub fn of_values(py: Python<'_>, fields: &[Field], values: &[Value]) -> Option<Self> {
        let value = |field| Some(values[fields.iter().position(|each| *each == field)?]);
        let text = |field| if let Some(Value::Text(text)) = value(field) { Some(text) } else { None };
        let number = |field| if let Some(Value::Number(number)) = value(field) { number } else { 0 };
        let kind = match value(Field::Type)? {
            Value::Text(name) => EventKind::parse(&texts::get(py, name))?,
            Value::Kind(kind) => kind,
            Value::Number(_) | Value::Seconds(_) => return None,
        };
        Some(Self {
            index: number(Field::Index),
            kind,
            function: text(Field::Function)?,
            line_no: u32::try_from(number(Field::LineNo)).unwrap_or(0),
            line: None,
            filename: text(Field::Filename)?,
            rss: number(Field::Rss),
            vms: number(Field::Vms),
            time_ns: 0,
            peak: 0,
            extra: &Extra::NONE,
        })
    }
}

impl Event<'_> {
    /// The same to keep, without what is extra.
    pub fn plain(&self) -> Event<'static> {
        let Event { index, kind, function, line_no, line, filename, rss, vms, time_ns, peak, .. } = *self;
        Event { index, kind, function, line_no, line, filename, rss, vms, time_ns, peak, extra: &Extra::NONE }
    }

    /// Whether a record of the other one is the same but for its index. Not for those that tell the memory, or what is extra.
    #[inline(always)]
    pub fn differs_in_index_only(&self, other: &Event<'_>) -> bool {
        self.kind == other.kind
            && self.function == other.function
            && self.line_no == other.line_no
            && self.line == other.line
            && self.filename == other.filename
    }

    /// One of its fields. The line of an event that has none is its file: nobody asks. What it hasn't got yet is the same
    /// for all.
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
            Field::Time => Value::Seconds(self.extra.time),
            Field::Thread => Value::Number(self.extra.thread),
            Field::Task => Value::Text(self.extra.task),
            Field::Qualname => Value::Text(self.extra.qualname),
            Field::Depth => Value::Number(u64::from(self.extra.depth)),
            Field::Exception => Value::Text(self.extra.exception),
            Field::Peak => Value::Number(self.peak),
        }
    }
}
