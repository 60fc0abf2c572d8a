//! Struct sequences: tuples with field names, made as CPython makes its own.

use std::ffi::CStr;
use std::ptr;

use pyo3::ffi::{
    PyStructSequence_Desc, PyStructSequence_Field, PyStructSequence_New, PyStructSequence_NewType,
    PyStructSequence_SetItem,
};
use pyo3::prelude::*;
use pyo3::types::PyType;

/// A struct sequence type.
pub struct StructSequence(Py<PyType>);

impl StructSequence {
    /// Makes the type. `fields` are (name, doc).
    pub fn new(py: Python<'_>, name: &CStr, fields: &[(&CStr, &CStr)]) -> PyResult<Self> {
        let mut table: Vec<PyStructSequence_Field> = fields
            .iter()
            .map(|(name, doc)| PyStructSequence_Field { name: name.as_ptr(), doc: doc.as_ptr() })
            .collect();
        table.push(PyStructSequence_Field { name: ptr::null(), doc: ptr::null() });
        let mut description = PyStructSequence_Desc {
            name: name.as_ptr(),
            doc: ptr::null(),
            fields: table.as_mut_ptr(),
            n_in_sequence: fields.len().try_into().expect("a handful of fields"),
        };
        // SAFETY: the description ends with a null field and lives through the call, which copies from it.
        let made =
            unsafe { Bound::from_owned_ptr_or_err(py, PyStructSequence_NewType(&mut description).cast())? };
        let class = made.cast_into::<PyType>()?;
        class.setattr("__module__", "_lsprof")?;
        Ok(Self(class.unbind()))
    }

    /// The type itself.
    pub fn class(&self) -> &Py<PyType> {
        &self.0
    }

    /// Makes one. `values` are as many as the fields.
    pub fn make<'py, const N: usize>(
        &self,
        py: Python<'py>,
        values: [Bound<'py, PyAny>; N],
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the type came from PyStructSequence_NewType; SetItem takes over one reference for each
        // of its fields.
        unsafe {
            let made = Bound::from_owned_ptr_or_err(py, PyStructSequence_New(self.0.bind(py).as_type_ptr()))?;
            for (index, value) in values.into_iter().enumerate() {
                PyStructSequence_SetItem(made.as_ptr(), index.cast_signed(), value.into_ptr());
            }
            Ok(made)
        }
    }
}
