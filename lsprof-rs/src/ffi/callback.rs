//! Callables for `sys.monitoring`, and for whoever else calls often, of the least cost: a native object whose type has a vectorcall
//! slot.
//!
//! A `METH_FASTCALL` function is 20 to 40 % dearer, a `#[pyfunction]` up to four times.

use std::ffi::{c_int, c_void};
use std::mem::offset_of;
use std::ptr;

use pyo3::ffi::{
    self, Py_T_PYSSIZET, Py_TPFLAGS_DEFAULT, Py_TPFLAGS_HAVE_VECTORCALL, Py_tp_call, Py_tp_members,
    PyMemberDef, PyObject, PyType_FromSpec, PyType_Slot, PyType_Spec, PyVectorcall_Call,
};
use pyo3::prelude::*;

/// What CPython calls for each event.
pub type Vectorcall = ffi::vectorcallfunc;

#[repr(C)]
struct CallbackObject {
    ob_base: PyObject,
    function: Vectorcall,
}

/// Makes the callables for these functions, all of one type.
pub fn callables<const N: usize>(py: Python<'_>, functions: [Vectorcall; N]) -> PyResult<[Py<PyAny>; N]> {
    let class = class(py)?;
    let mut made = Vec::with_capacity(N);
    for function in functions {
        // SAFETY: the type's basic size is CallbackObject's, so the cast is to the object's real layout.
        let object = unsafe {
            let object = Bound::from_owned_ptr_or_err(
                py,
                ffi::PyType_GenericAlloc(class.as_ptr().cast::<ffi::PyTypeObject>(), 0),
            )?;
            (*object.as_ptr().cast::<CallbackObject>()).function = function;
            object
        };
        made.push(object.unbind());
    }
    Ok(made.try_into().unwrap_or_else(|_| unreachable!("one for each function")))
}

/// The positional arguments of a call, or `None` where there are fewer than `N`.
///
/// # Safety
/// `args` and `count` are what CPython passed to a vectorcall function.
#[inline(always)]
pub unsafe fn arguments<'a, const N: usize>(
    args: *const *mut PyObject,
    count: usize,
) -> Option<&'a [*mut PyObject; N]> {
    // The highest bit says that args[-1] may be written to and is no part of the count, of which the lower half is enough.
    if (count as u32) < N as u32 {
        return None;
    }
    // SAFETY: CPython passes at least as many as it counts.
    Some(unsafe { &*args.cast::<[*mut PyObject; N]>() })
}

/// A new reference to None, which is immortal from 3.12 on.
#[cfg(Py_3_12)]
#[inline(always)]
pub fn none() -> *mut PyObject {
    // SAFETY: the singleton always exists; no count to raise on an immortal object.
    unsafe { ffi::Py_None() }
}

/// A new reference to None.
#[cfg(not(Py_3_12))]
pub fn none() -> *mut PyObject {
    // SAFETY: the singleton always exists, and whoever is called has the GIL.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

/// Answers a call with too few arguments as CPython's own callbacks do.
#[cold]
pub fn too_few(expected: usize, count: usize) -> *mut PyObject {
    let count = count & (usize::MAX >> 1);
    // SAFETY: CPython has called us with the GIL held; on 3.15 perhaps before it calls itself initialised.
    unsafe {
        Python::attach_unchecked(|py| {
            let message = format!("monitoring callback expected {expected} arguments, got {count}");
            pyo3::exceptions::PyTypeError::new_err(message).restore(py);
        })
    };
    ptr::null_mut()
}

fn class(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    let mut members = [
        PyMemberDef {
            name: c"__vectorcalloffset__".as_ptr(),
            type_code: Py_T_PYSSIZET,
            offset: offset_of!(CallbackObject, function).cast_signed(),
            flags: ffi::Py_READONLY as c_int,
            doc: ptr::null(),
        },
        // SAFETY: all zeroes is how CPython marks the end of such a table.
        unsafe { std::mem::zeroed() },
    ];
    let mut slots = [
        PyType_Slot { slot: Py_tp_members, pfunc: members.as_mut_ptr().cast() },
        PyType_Slot { slot: Py_tp_call, pfunc: PyVectorcall_Call as *mut c_void },
        PyType_Slot { slot: 0, pfunc: ptr::null_mut() },
    ];
    let mut spec = PyType_Spec {
        name: c"pikos._lsprof.MonitoringCallback".as_ptr(),
        basicsize: size_of::<CallbackObject>() as c_int,
        itemsize: 0,
        flags: (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION)
            as u32,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the tables end with their marks and live through the call, which copies the members.
    unsafe { Bound::from_owned_ptr_or_err(py, PyType_FromSpec(&mut spec)) }
}
