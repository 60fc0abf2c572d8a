//! `_lsprof._Records`: events as records of Python's, each handed to a recorder or a filter that is Python.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::aside::aside;
use super::event::{Event, Field};
use super::extra::Wanted;
use crate::ffi::named_tuple;

/// Makes records, and says who is called with each.
#[pyclass(name = "_Records", module = "pikos._lsprof", frozen)]
pub struct Records {
    fields: Vec<Field>,
    extras: Wanted,
    class: Class,
    taker: Py<PyAny>,
}

/// What records are made of.
enum Class {
    /// A named tuple that does nothing when it is made.
    Plain(Py<PyType>),
    /// Anything that can be called with the values.
    Called(Py<PyAny>),
}

#[pymethods]
impl Records {
    /// record_type: what is made, of the values of these fields in their order. plain: whether it is a named tuple whose `__new__` is
    /// that which `collections.namedtuple` makes. taker: called with each record.
    #[new]
    fn new(
        record_type: Bound<'_, PyAny>,
        fields: Vec<String>,
        plain: bool,
        taker: Py<PyAny>,
    ) -> PyResult<Self> {
        let known = fields.iter().map(|name| Field::parse(name)).collect::<Option<Vec<_>>>();
        let Some(fields) = known else {
            return Err(PyTypeError::new_err(format!("no event has all of these: {}", fields.join(", "))));
        };
        let class = match plain {
            true => Class::Plain(record_type.cast_into::<PyType>()?.unbind()),
            false => Class::Called(record_type.unbind()),
        };
        let extras = Wanted::among(fields.iter().copied());
        Ok(Self { fields, extras, class, taker })
    }
}

impl Records {
    /// Whether they tell the most memory since the one before.
    pub fn tells_peaks(&self) -> bool {
        self.fields.contains(&Field::Peak)
    }

    /// The extra fields of its records.
    pub fn extras(&self) -> Wanted {
        self.extras
    }

    /// Calls the taker with a record of this event; returns whether its answer is true. Nothing may be borrowed: other threads go on
    /// meanwhile.
    ///
    /// # Errors
    /// What the record type or the taker raises.
    pub fn hand_over(&self, py: Python<'_>, event: &Event<'_>) -> PyResult<bool> {
        let answer = aside(py, |py| self.taker.bind(py).call1((self.make(py, event)?,))?.is_truthy());
        answer.unwrap_or(Ok(false))
    }

    fn make<'py>(&self, py: Python<'py>, event: &Event<'_>) -> PyResult<Bound<'py, PyAny>> {
        let values = self.fields.iter().map(|field| event.value(*field).object(py));
        match &self.class {
            Class::Plain(class) => named_tuple::make(class.bind(py), values),
            Class::Called(class) => {
                class.bind(py).call1(PyTuple::new(py, values.collect::<PyResult<Vec<_>>>()?)?)
            }
        }
    }
}
