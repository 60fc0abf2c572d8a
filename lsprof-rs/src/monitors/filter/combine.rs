//! What all filters have in common: `&`, `|` and `~`, and what these make.

use pyo3::PyClass;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// The base of the filters. `a & b` keeps what both keep, `a | b` what one of them keeps, `~a` what `a` doesn't.
#[pyclass(name = "_Filter", subclass, frozen, module = "pikos._lsprof")]
#[derive(Default)]
pub struct Base;

#[pymethods]
impl Base {
    fn __and__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        combined(slf, other, And::made)
    }

    fn __or__<'py>(slf: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        combined(slf, other, Or::made)
    }

    fn __invert__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Ok(Bound::new(slf.py(), Not::made(slf.clone().into_any().unbind()))?.into_any())
    }
}

/// NotImplemented for what is no filter.
fn combined<'py, T: PyClass<BaseType = Base>>(
    one: &Bound<'py, Base>,
    other: &Bound<'py, PyAny>,
    make: fn(Py<PyTuple>) -> PyClassInitializer<T>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = one.py();
    if !other.is_callable() {
        return Ok(py.NotImplemented().into_bound(py));
    }
    let both = PyTuple::new(py, [one.as_any(), other])?.unbind();
    Ok(Bound::new(py, make(both))?.into_any())
}

/// Whether one of the filters has this answer. They are asked in turn, up to the first that has.
fn one_says(filters: &Py<PyTuple>, record: &Bound<'_, PyAny>, answer: bool) -> PyResult<bool> {
    for filter in filters.bind(record.py()) {
        if filter.call1((record,))?.is_truthy()? == answer {
            return Ok(true);
        }
    }
    Ok(false)
}

/// And(*filters)
///
/// Keeps the records that all of these keep. They are asked in turn, up to the first that doesn't.
#[pyclass(extends = Base, subclass, frozen, module = "pikos.filters")]
pub struct And {
    /// The filters.
    #[pyo3(get)]
    pub filters: Py<PyTuple>,
}

#[pymethods]
impl And {
    #[new]
    #[pyo3(signature = (*filters))]
    fn made(filters: Py<PyTuple>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Base).add_subclass(Self { filters })
    }

    /// Whether the record is kept.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(!one_says(&self.filters, record, false)?)
    }
}

/// Or(*filters)
///
/// Keeps the records that one of these keeps. They are asked in turn, up to the first that does.
#[pyclass(extends = Base, subclass, frozen, module = "pikos.filters")]
pub struct Or {
    /// The filters.
    #[pyo3(get)]
    pub filters: Py<PyTuple>,
}

#[pymethods]
impl Or {
    #[new]
    #[pyo3(signature = (*filters))]
    fn made(filters: Py<PyTuple>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Base).add_subclass(Self { filters })
    }

    /// Whether the record is kept.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        one_says(&self.filters, record, true)
    }
}

/// Not(filter)
///
/// Keeps the records that the filter doesn't.
#[pyclass(extends = Base, subclass, frozen, module = "pikos.filters")]
pub struct Not {
    /// The filter.
    #[pyo3(get)]
    pub filter: Py<PyAny>,
}

#[pymethods]
impl Not {
    #[new]
    fn made(filter: Py<PyAny>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(Base).add_subclass(Self { filter })
    }

    /// Whether the record is kept.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(!self.filter.bind(record.py()).call1((record,))?.is_truthy()?)
    }
}
