//! Named tuples, made without the Python that their class would run for each.

use pyo3::exceptions::PyTypeError;
use pyo3::ffi::{self, PyTupleObject};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// What `tuple.__new__(class, values)` makes: a tuple of this class, of strings and numbers. TypeError for a class of anything else.
pub fn make<'py>(
    class: &Bound<'py, PyType>,
    values: impl ExactSizeIterator<Item = PyResult<Bound<'py, PyAny>>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    let kind = class.as_type_ptr();
    // SAFETY: the class is alive and its flags say that it derives from tuple, so what it allocates is laid out as one, with room for as
    // many values as it is asked for; each is filled in once. Until then they are null, which CPython expects of a tuple that is being made.
    unsafe {
        let allocate = match (*kind).tp_alloc {
            Some(allocate) if ffi::PyType_FastSubclass(kind, ffi::Py_TPFLAGS_TUPLE_SUBCLASS) != 0 => allocate,
            _ => return Err(PyTypeError::new_err("a record type is no tuple")),
        };
        let made = Bound::from_owned_ptr_or_err(py, allocate(kind, values.len().cast_signed()))?;
        #[cfg(Py_3_14)]
        {
            // Not known yet.
            (*made.as_ptr().cast::<PyTupleObject>()).ob_hash = -1;
        }
        let first = (&raw mut (*made.as_ptr().cast::<PyTupleObject>()).ob_item).cast::<*mut ffi::PyObject>();
        for (place, value) in values.enumerate() {
            *first.add(place) = value?.into_ptr();
        }
        // With nothing but strings and numbers in it, it can't be part of a circle: CPython takes such a plain tuple from its
        // collector's hands, too. A million records would be looked through again and again.
        if (*kind).tp_basicsize == ffi::PyTuple_Type.tp_basicsize {
            ffi::PyObject_GC_UnTrack(made.as_ptr().cast());
        }
        Ok(made)
    }
}
