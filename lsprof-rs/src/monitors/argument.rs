//! What an event is about, beside its code: for a monitor's method, and for what only some records tell.

use pyo3::prelude::*;

use super::texts::TextId;

/// What a monitor's method gets as its third argument, where one is called.
pub trait Argument {
    /// The object.
    fn object(&self, py: Python<'_>) -> Py<PyAny>;

    /// The name of the type of the exception that a function is left by, if it is.
    fn exception(&self, _py: Python<'_>) -> Option<TextId> {
        None
    }
}

/// None.
pub struct Nothing;

impl Argument for Nothing {
    fn object(&self, py: Python<'_>) -> Py<PyAny> {
        py.None()
    }
}
