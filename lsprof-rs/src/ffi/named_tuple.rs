//! Named tuples, made without the Python that their class would run for each.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

/// `tuple.__new__(class, values)`: a tuple of this class. TypeError for a class of anything else.
pub fn make<'py>(class: &Bound<'py, PyType>, values: Bound<'py, PyTuple>) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let arguments = PyTuple::new(py, [values])?;
    // SAFETY: tuple's own function is called for a class of tuples, with one argument, which is a tuple; the GIL is held.
    unsafe {
        let kind = class.as_type_ptr();
        match ffi::PyTuple_Type.tp_new {
            Some(new) if ffi::PyType_FastSubclass(kind, ffi::Py_TPFLAGS_TUPLE_SUBCLASS) != 0 => {
                Bound::from_owned_ptr_or_err(py, new(kind, arguments.as_ptr(), std::ptr::null_mut()))
            }
            _ => Err(PyTypeError::new_err("a record type is no tuple")),
        }
    }
}
