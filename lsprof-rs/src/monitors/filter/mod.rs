//! `pikos.filters`: which records are kept. Called by Python they look at a record; monitors look at the event itself, as soon as it has
//! what the filter asks about: what is dropped costs neither a look at the memory nor a line's text.

mod combine;
mod matches;
mod values;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

pub use self::combine::{And, Base, Not, Or};
use self::matches::{Answers, Comparison, is_found, is_own};
pub use self::matches::{Compare, Glob, Matches, OwnCode};
pub use self::values::{NotOnValue, OnChange, OnValue};
use super::aside::aside;
use super::event::{Event, EventKind, Field, SECOND, Shape, Stage, Value, seconds};
use super::records::Records;
use super::texts::{self, TextId};

/// Filters may stand in each other this deep; Python calls those below.
const DEEPEST: usize = 100;

/// A filter as the native half of a recorder has it.
pub enum Filter {
    /// Keeps all.
    All,
    /// By a field's value.
    Value {
        /// Which field.
        field: Field,
        /// Those that are looked for.
        values: Vec<Value>,
        /// Whether they are those to keep.
        kept: bool,
    },
    /// By the change of a field.
    Change {
        /// Which field.
        field: Field,
        /// The filter, which knows the last value.
        filter: Py<OnChange>,
    },
    /// By an expression of Python's that a text is to match.
    Text {
        /// Which field.
        field: Field,
        /// The compiled expression.
        pattern: Py<PyAny>,
        /// Its method.
        method: &'static str,
        /// What it said before.
        answers: Answers,
    },
    /// By whose code the file is.
    Own(Answers),
    /// By a number's size.
    Size {
        /// Which field.
        field: Field,
        /// How it is to compare,
        sign: Comparison,
        /// and with what.
        number: f64,
    },
    /// What all of these keep.
    Both(Vec<Filter>),
    /// What one of these keeps.
    Either(Vec<Filter>),
    /// What this one doesn't.
    Not(Box<Filter>),
    /// By asking Python, with a record.
    Called(Py<Records>),
}

impl Filter {
    /// What a recorder's filter comes to for records of these fields; `None` if it has to be called.
    pub fn new(filter: &Bound<'_, PyAny>, fields: &[Field]) -> PyResult<Option<Self>> {
        match filter.is_none() {
            true => Ok(Some(Self::All)),
            false => Self::inside(filter, fields, 0),
        }
    }

    fn inside(filter: &Bound<'_, PyAny>, fields: &[Field], depth: usize) -> PyResult<Option<Self>> {
        let py = filter.py();
        let known = |name: &Py<PyString>| {
            Field::parse(&name.bind(py).to_string_lossy()).filter(|field| fields.contains(field))
        };
        let all = |filters: &Bound<'_, PyTuple>| -> PyResult<Option<Vec<Self>>> {
            filters.iter().map(|filter| Self::inside(&filter, fields, depth + 1)).collect()
        };
        if depth > DEEPEST {
            return Ok(None);
        }
        if let Ok(records) = filter.cast_exact::<Records>() {
            return Ok(Some(Self::Called(records.clone().unbind())));
        }
        if let Ok(filter) = filter.cast_exact::<OnChange>() {
            let field = known(&filter.get().field);
            return Ok(field.map(|field| Self::Change { field, filter: filter.clone().unbind() }));
        }
        if let Ok(filter) = filter.cast_exact::<Matches>() {
            let pattern = filter.get().pattern.clone_ref(py);
            let field = known(&filter.get().field);
            let answers = Answers::default();
            return Ok(field.map(|field| Self::Text { field, pattern, method: "search", answers }));
        }
        if let Ok(filter) = filter.cast_exact::<Glob>() {
            let pattern = filter.get().compiled.clone_ref(py);
            let field = known(&filter.get().field);
            let answers = Answers::default();
            return Ok(field.map(|field| Self::Text { field, pattern, method: "match", answers }));
        }
        if filter.cast_exact::<OwnCode>().is_ok() {
            return Ok(fields.contains(&Field::Filename).then(|| Self::Own(Answers::default())));
        }
        if let Ok(filter) = filter.cast_exact::<Compare>() {
            let Compare { field, operation, number, .. } = filter.get();
            let is_number = |field: &Field| !matches!(field.shape(), Shape::Text | Shape::Kind);
            let field = known(field).filter(is_number);
            return Ok(field.map(|field| Self::Size { field, sign: *operation, number: *number }));
        }
        if let Ok(filter) = filter.cast_exact::<And>() {
            return Ok(all(filter.get().filters.bind(py))?.map(Self::Both));
        }
        if let Ok(filter) = filter.cast_exact::<Or>() {
            return Ok(all(filter.get().filters.bind(py))?.map(Self::Either));
        }
        if let Ok(filter) = filter.cast_exact::<Not>() {
            let inside = Self::inside(filter.get().filter.bind(py), fields, depth + 1)?;
            return Ok(inside.map(|inside| Self::Not(Box::new(inside))));
        }
        let (name, values, kept) = if let Ok(filter) = filter.cast_exact::<OnValue>() {
            let filter = filter.borrow();
            (filter.field.clone_ref(py), filter.values.clone_ref(py), true)
        } else if let Ok(filter) = filter.cast_exact::<NotOnValue>() {
            let filter = filter.borrow();
            (filter.field.clone_ref(py), filter.values.clone_ref(py), false)
        } else {
            return Ok(None);
        };
        let Some(field) = known(&name) else { return Ok(None) };
        let values =
            values.bind(py).try_iter()?.map(|value| native(field, &value?)).collect::<PyResult<Vec<_>>>()?;
        Ok(values.into_iter().collect::<Option<Vec<_>>>().map(|values| Self::Value { field, values, kept }))
    }

    /// From when on an event has all that it asks about; `None` if it asks nothing.
    pub fn stage(&self) -> Option<Stage> {
        let of = |filters: &[Self]| filters.iter().filter_map(Self::stage).max();
        match self {
            Self::All => None,
            Self::Value { field, .. }
            | Self::Change { field, .. }
            | Self::Text { field, .. }
            | Self::Size { field, .. } => Some(field.stage()),
            Self::Own(_) => Some(Stage::Begun),
            Self::Both(filters) | Self::Either(filters) => Some(of(filters).unwrap_or(Stage::Begun)),
            Self::Not(filter) => Some(filter.stage().unwrap_or(Stage::Begun)),
            Self::Called(_) => Some(Stage::Whole),
        }
    }

    /// Whether the event is kept. Nothing may be borrowed.
    ///
    /// # Errors
    /// What a filter in Python raises.
    #[inline]
    pub fn keeps(&self, py: Python<'_>, event: &Event<'_>) -> PyResult<bool> {
        Ok(match self {
            Self::All => true,
            Self::Value { field, values, kept } => values.contains(&event.value(*field)) == *kept,
            Self::Change { field, filter } => filter.get().keeps(py, event.value(*field)),
            Self::Own(answers) => answers.of(event.filename, || is_own(&texts::get(py, event.filename))),
            Self::Text { field, pattern, method, answers } => {
                let ask = |text: TextId| {
                    aside(py, |py| is_found(pattern.bind(py), method, &texts::object(py, text)))
                        .is_some_and(|found| found.unwrap_or(false))
                };
                match event.value(*field) {
                    Value::Text(text) => answers.of(text, || ask(text)),
                    Value::Kind(kind) => {
                        let text = texts::intern(py, kind.name());
                        answers.of(text, || ask(text))
                    }
                    number => aside(py, |py| is_found(pattern.bind(py), method, &number.object(py)?.str()?))
                        .is_some_and(|found| found.unwrap_or(false)),
                }
            }
            Self::Size { field, sign, number } => match event.value(*field) {
                Value::Number(value) => sign.holds(value as f64, *number),
                Value::Seconds(value) => sign.holds(seconds(value), *number),
                Value::Text(_) | Value::Kind(_) => false,
            },
            Self::Both(filters) => {
                for filter in filters {
                    if !filter.keeps(py, event)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Either(filters) => {
                for filter in filters {
                    if filter.keeps(py, event)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(filter) => !filter.keeps(py, event)?,
            Self::Called(records) => return records.get().hand_over(py, event),
        })
    }
}

/// A value as an event would have it; `None` if it would never equal one by our comparison, yet might by Python's.
fn native(field: Field, value: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
    match field.shape() {
        Shape::Small | Shape::Number => Ok(value.extract::<u64>().ok().map(Value::Number)),
        Shape::Seconds => {
            let time = value.extract::<f64>().ok().filter(|time| (0.0..1e9).contains(time));
            Ok(time.map(|time| Value::Seconds((time * SECOND as f64).round() as u64)))
        }
        Shape::Kind => {
            let Ok(text) = value.cast_exact::<PyString>() else { return Ok(None) };
            let text = text.to_string_lossy();
            Ok(EventKind::ALL.into_iter().find(|kind| kind.name() == text).map(Value::Kind))
        }
        Shape::Text => {
            let Ok(text) = value.cast_exact::<PyString>() else { return Ok(None) };
            Ok(Some(Value::Text(texts::intern_string(text))))
        }
    }
}
