//! `pikos.filters`: which records are kept. Called by Python they look at a record; monitors look at the event itself.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::event::{Event, EventKind, Field, Value};
use super::texts;
use crate::ffi::gil::GilCell;

/// OnValue(field, *values)
///
/// Keeps the records whose field has one of these values.
#[pyclass(subclass, module = "pikos.filters.on_value")]
pub struct OnValue {
    /// The field's name.
    #[pyo3(get, set)]
    field: Py<PyString>,
    /// The values.
    #[pyo3(get, set)]
    values: Py<PyAny>,
}

#[pymethods]
impl OnValue {
    #[new]
    #[pyo3(signature = (field, *values))]
    fn new(field: Py<PyString>, values: Py<PyTuple>) -> Self {
        Self { field, values: values.into_any() }
    }

    /// Whether the record is kept. AttributeError if it has no such field.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.values.bind(record.py()).contains(record.getattr(&self.field)?)
    }
}

/// NotOnValue(field, *values)
///
/// Keeps the records whose field has none of these values.
#[pyclass(subclass, module = "pikos.filters.not_on_value")]
pub struct NotOnValue {
    /// The field's name.
    #[pyo3(get, set)]
    field: Py<PyString>,
    /// The values.
    #[pyo3(get, set)]
    values: Py<PyAny>,
}

#[pymethods]
impl NotOnValue {
    #[new]
    #[pyo3(signature = (field, *values))]
    fn new(field: Py<PyString>, values: Py<PyTuple>) -> Self {
        Self { field, values: values.into_any() }
    }

    /// Whether the record is kept. AttributeError if it has no such field.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(!self.values.bind(record.py()).contains(record.getattr(&self.field)?)?)
    }
}

/// OnChange(field)
///
/// Keeps the records whose field differs from that of the record before, and the first one.
#[pyclass(subclass, frozen, module = "pikos.filters.on_change")]
pub struct OnChange {
    /// The field's name.
    #[pyo3(get)]
    field: Py<PyString>,
    previous: GilCell<RefCell<Previous>>,
}

/// The last value that was seen.
enum Previous {
    Native(Value),
    Object(Py<PyAny>),
}

#[pymethods]
impl OnChange {
    #[new]
    fn new(py: Python<'_>, field: Py<PyString>) -> Self {
        Self { field, previous: GilCell::new(RefCell::new(Previous::Object(py.None()))) }
    }

    /// The field's last value; None before the first.
    #[getter]
    fn previous<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &*self.previous.get(py).borrow() {
            Previous::Native(value) => value.object(py),
            Previous::Object(object) => Ok(object.clone_ref(py).into_bound(py)),
        }
    }

    #[setter]
    fn set_previous(&self, value: Bound<'_, PyAny>) {
        let py = value.py();
        let before = self.previous.get(py).replace(Previous::Object(value.unbind()));
        drop(before); // may run Python, with the cell free again
    }

    /// Whether the record is kept. AttributeError if it has no such field.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        let value = record.getattr(&self.field)?;
        if self.previous(record.py())?.eq(&value)? {
            return Ok(false);
        }
        self.set_previous(value);
        Ok(true)
    }
}

impl OnChange {
    fn keeps(&self, py: Python<'_>, value: Value) -> bool {
        let cell = self.previous.get(py);
        let is_same = match &*cell.borrow() {
            Previous::Native(previous) => Some(*previous == value),
            Previous::Object(object) if object.is_none(py) => Some(false),
            Previous::Object(_) => None,
        };
        let is_same = is_same.unwrap_or_else(|| {
            let previous = self.previous(py);
            previous.and_then(|previous| previous.eq(value.object(py)?)).unwrap_or(false)
        });
        if !is_same {
            let before = cell.replace(Previous::Native(value));
            drop(before);
        }
        !is_same
    }
}

/// A filter that needs no Python.
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
}

impl Filter {
    /// What a recorder's filter comes to for records of these fields; `None` if it has to be called.
    pub fn new(filter: &Bound<'_, PyAny>, fields: &[Field]) -> PyResult<Option<Self>> {
        let py = filter.py();
        let known = |name: &Py<PyString>| -> PyResult<Option<Field>> {
            Ok(Field::parse(&name.bind(py).to_string_lossy()).filter(|field| fields.contains(field)))
        };
        if filter.is_none() {
            return Ok(Some(Self::All));
        }
        if let Ok(filter) = filter.cast_exact::<OnChange>() {
            let field = known(&filter.get().field)?;
            return Ok(field.map(|field| Self::Change { field, filter: filter.clone().unbind() }));
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
        let Some(field) = known(&name)? else { return Ok(None) };
        let values =
            values.bind(py).try_iter()?.map(|value| native(field, &value?)).collect::<PyResult<Vec<_>>>()?;
        Ok(values.into_iter().collect::<Option<Vec<_>>>().map(|values| Self::Value { field, values, kept }))
    }

    /// Whether the event is kept.
    #[inline(always)]
    pub fn keeps(&self, py: Python<'_>, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::Value { field, values, kept } => values.contains(&event.value(*field)) == *kept,
            Self::Change { field, filter } => filter.get().keeps(py, event.value(*field)),
        }
    }
}

/// A value as an event would have it; `None` if it would never equal one by our comparison, yet might by Python's.
fn native(field: Field, value: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
    let py = value.py();
    match field {
        Field::Index | Field::LineNo | Field::Rss | Field::Vms | Field::TimeNs | Field::Peak => {
            Ok(value.extract::<u64>().ok().map(Value::Number))
        }
        Field::Type => {
            let Ok(text) = value.cast_exact::<PyString>() else { return Ok(None) };
            let text = text.to_string_lossy();
            Ok(EventKind::ALL.into_iter().find(|kind| kind.name() == text).map(Value::Kind))
        }
        Field::Function | Field::Line | Field::Filename => {
            let Ok(text) = value.cast_exact::<PyString>() else { return Ok(None) };
            Ok(Some(Value::Text(texts::intern(py, &text.to_string_lossy()))))
        }
    }
}
