//! What a call goes to, where it is no built-in: told apart by its type.

use pyo3::ffi::{self, Py_TYPE, PyObject, PyTypeObject};

/// What sort of callable.
#[derive(Clone, Copy, Debug)]
pub enum Callable {
    /// A Python function or a method bound to an object.
    Function,
    /// A class made by a class statement.
    Class,
    /// Anything else: a built-in type, a partial, an instance with `__call__`.
    Other,
}

/// Looks at a callable.
///
/// # Safety
/// It is alive, and the GIL is held.
pub unsafe fn look_at(callable: *mut PyObject) -> Callable {
    // SAFETY: a live object's type is live; the check before the cast says that it is a type.
    unsafe {
        if ffi::PyFunction_Check(callable) != 0 || Py_TYPE(callable) == &raw mut PyMethod_Type {
            return Callable::Function;
        }
        let is_class = ffi::PyType_Check(callable) != 0
            && ffi::PyType_HasFeature(callable.cast(), ffi::Py_TPFLAGS_HEAPTYPE) != 0;
        if is_class { Callable::Class } else { Callable::Other }
    }
}

unsafe extern "C" {
    /// The type of bound methods; exported by every release, not declared by PyO3.
    static mut PyMethod_Type: PyTypeObject;
}
