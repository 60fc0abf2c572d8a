//! Filters that compare a field with values, or with its last one.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::combine::Base;
use crate::ffi::gil::GilCell;
use crate::monitors::event::Value;

/// OnValue(field, *values)
///
/// Keeps the records whose field has one of these values.
#[pyclass(extends = Base, subclass, module = "pikos.filters.on_value")]
pub struct OnValue {
    /// The field's name.
    #[pyo3(get, set)]
    pub field: Py<PyString>,
    /// The values.
    #[pyo3(get, set)]
    pub values: Py<PyAny>,
}

#[pymethods]
impl OnValue {
    #[new]
    #[pyo3(signature = (field, *values))]
    fn new(field: Py<PyString>, values: Py<PyTuple>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Base).add_subclass(Self { field, values: values.into_any() })
    }

    /// Whether the record is kept. AttributeError if it has no such field.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.values.bind(record.py()).contains(record.getattr(&self.field)?)
    }
}

/// NotOnValue(field, *values)
///
/// Keeps the records whose field has none of these values.
#[pyclass(extends = Base, subclass, module = "pikos.filters.not_on_value")]
pub struct NotOnValue {
    /// The field's name.
    #[pyo3(get, set)]
    pub field: Py<PyString>,
    /// The values.
    #[pyo3(get, set)]
    pub values: Py<PyAny>,
}

#[pymethods]
impl NotOnValue {
    #[new]
    #[pyo3(signature = (field, *values))]
    fn new(field: Py<PyString>, values: Py<PyTuple>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Base).add_subclass(Self { field, values: values.into_any() })
    }

    /// Whether the record is kept. AttributeError if it has no such field.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(!self.values.bind(record.py()).contains(record.getattr(&self.field)?)?)
    }
}

/// OnChange(field)
///
/// Keeps the records whose field differs from that of the record before, and the first one.
#[pyclass(extends = Base, subclass, frozen, module = "pikos.filters.on_change")]
pub struct OnChange {
    /// The field's name.
    #[pyo3(get)]
    pub field: Py<PyString>,
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
    fn new(py: Python<'_>, field: Py<PyString>) -> PyClassInitializer<Self> {
        let previous = GilCell::new(RefCell::new(Previous::Object(py.None())));
        PyClassInitializer::from(Base).add_subclass(Self { field, previous })
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
    /// Whether a record with this value is kept.
    pub fn keeps(&self, py: Python<'_>, value: Value) -> bool {
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
