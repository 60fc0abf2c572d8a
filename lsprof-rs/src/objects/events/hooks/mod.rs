//! How CPython tells of objects: a build has one way.

mod told;
#[cfg(Py_3_13)]
mod tracer;
#[cfg(not(Py_3_13))]
mod wedges;

use pyo3::prelude::*;

#[cfg(Py_3_13)]
pub use tracer::{begin, end, is_interrupted, tells};
#[cfg(not(Py_3_13))]
pub use wedges::{begin, end, is_interrupted, tells};

/// For `os.register_at_fork`: the child's objects are nobody's.
#[pyfunction]
pub fn _objects_after_fork_in_child(py: Python<'_>) {
    end(py);
}
