//! `pikos.objects`' native half.

use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::objects::census::{self, Holding, Row};
use crate::objects::owned::{self, Owned};
use crate::objects::referrers::{self, Origin};

/// Where a way begins, as Python has it: the number of a root; or thread, depth, code object and number of a variable.
#[derive(IntoPyObject)]
pub enum PyOrigin {
    Root(usize),
    Variable((usize, usize, Py<PyAny>, usize)),
}

/// A way, as Python has it: where it begins, and the objects.
type PyWay = (PyOrigin, Vec<Py<PyAny>>);

/// Every type that has objects, how many, and their bytes.
#[pyfunction]
pub fn _census(py: Python<'_>) -> PyResult<Vec<Row>> {
    census::census(py)
}

/// The objects of each of these types; at most so many, the last ones that are met.
#[pyfunction]
pub fn _instances(
    py: Python<'_>,
    types: Vec<Bound<'_, PyType>>,
    most: usize,
) -> PyResult<Vec<Vec<Py<PyAny>>>> {
    census::instances(py, &types, most)
}

/// What refers to objects of each of these types: single objects, and types of them; at most so many.
#[pyfunction]
pub fn _most_holding(py: Python<'_>, types: Vec<Bound<'_, PyType>>, most: usize) -> PyResult<Vec<Holding>> {
    census::holders(py, &types, most)
}

/// The shortest way to each of the targets, from one of the roots or from a variable of a running function.
#[pyfunction]
pub fn _ways(
    py: Python<'_>,
    roots: Vec<Bound<'_, PyAny>>,
    targets: Vec<Bound<'_, PyAny>>,
    avoid: Vec<Bound<'_, PyAny>>,
    own_frames: usize,
) -> PyResult<Vec<Option<PyWay>>> {
    let ways = referrers::ways(py, &roots, &targets, &avoid, own_frames)?;
    let named = ways.into_iter().map(|way| {
        way.map(|way| {
            let origin = match way.origin {
                Origin::Root(number) => PyOrigin::Root(number),
                Origin::Variable { thread, depth, code, number } => {
                    PyOrigin::Variable((thread, depth, code, number))
                }
            };
            (origin, way.objects)
        })
    });
    Ok(named.collect())
}

/// What refers to an object, at most so many.
#[pyfunction]
pub fn _referrers(
    py: Python<'_>,
    target: &Bound<'_, PyAny>,
    avoid: Vec<Bound<'_, PyAny>>,
    most: usize,
) -> PyResult<Vec<Py<PyAny>>> {
    referrers::referrers(py, target, &avoid, most)
}

/// What the objects of each of these types own, and each of these objects: how many, their bytes, those with what they refer to.
#[pyfunction]
pub fn _owned(
    py: Python<'_>,
    types: Vec<Bound<'_, PyType>>,
    objects: Vec<Bound<'_, PyAny>>,
) -> PyResult<(Vec<Owned>, Vec<Owned>)> {
    owned::owned(py, &types, &objects)
}
