//! How many bytes an object has: what `sys.getsizeof` says, without running Python code.

use std::ptr;

use pyo3::ffi::{self, PyCFunction, PyMethodDef, PyObject, PyVarObject};

use super::heap::{Kind, Object, of_table};

/// `Py_TPFLAGS_INLINE_VALUES`: attributes stand in the object, and only CPython knows how many. A weakly referenced object's or a
/// dict's pointer stands in front of it where one of the others is set.
const INLINE_VALUES: std::ffi::c_ulong = 1 << 2;
#[cfg(Py_3_12)]
const POINTERS_IN_FRONT: [std::ffi::c_ulong; 2] = [1 << 3, 1 << 4];
#[cfg(not(Py_3_12))]
const POINTERS_IN_FRONT: [std::ffi::c_ulong; 1] = [1 << 4];

/// How the objects of one type are measured.
pub struct Measure {
    how: How,
    /// What stands in front of each object: the collector's links, pointers.
    front: u64,
}

#[derive(Clone, Copy)]
enum How {
    /// All have this size.
    Same(u64),
    /// A fixed part, and so many bytes for each of their items.
    Items(u64, u64),
    /// `__sizeof__`, in C.
    Asked(PyCFunction),
    /// `object.__sizeof__`, of one: all have the same.
    AskedOnce(PyCFunction),
}

impl Measure {
    /// For a type. Only a `__sizeof__` of C's is called, of those types whose name `trusts` takes; without one, an object is as large
    /// as its type says.
    pub fn of(kind: Kind<'_>, trusts: impl Fn(&[u8]) -> bool) -> Self {
        let words = size_of::<usize>() as u64;
        let links = if kind.has(ffi::Py_TPFLAGS_HAVE_GC) { 2 * words } else { 0 };
        let has_pointers = POINTERS_IN_FRONT.iter().any(|flag| kind.has(*flag));
        let front = links + if has_pointers { 2 * words } else { 0 };
        let size = |part: isize| u64::try_from(part).unwrap_or(0);
        let (fixed, item) = (size(kind.get().tp_basicsize), size(kind.get().tp_itemsize));
        let mut this = Some(kind);
        let how = loop {
            let Some(found) = this else { break How::Items(fixed, item) };
            let is_object = found.base().is_none();
            match sizeof(found) {
                Some(function) if is_object && kind.has(INLINE_VALUES) => break How::AskedOnce(function),
                Some(function) if !is_object && trusts(found.name().to_bytes()) => {
                    break How::Asked(function);
                }
                _ => this = found.base(),
            }
        };
        let how = if item == 0 && matches!(how, How::Items(..)) { How::Same(fixed) } else { how };
        Self { how, front }
    }

    /// The size of one of its objects.
    #[inline]
    pub fn size(&mut self, object: Object<'_>) -> u64 {
        let size = match self.how {
            How::Same(size) => size,
            How::Items(fixed, item) => {
                // SAFETY: objects of a type with items have their number.
                let count = unsafe { (*object.as_ptr().cast::<PyVarObject>()).ob_size };
                fixed.saturating_add(item.saturating_mul(count.unsigned_abs() as u64))
            }
            How::Asked(function) => asked(function, object),
            How::AskedOnce(function) => {
                let size = asked(function, object);
                self.how = How::Same(size);
                size
            }
        };
        if self.front != 0 && is_in_front(object) { size + self.front } else { size }
    }
}

/// Whether there is something in front of an object whose type has that: a type that is a constant of C's has nothing. Before 3.13 nobody asks.
#[inline]
fn is_in_front(object: Object<'_>) -> bool {
    cfg!(not(Py_3_13)) || object.is_container()
}

/// The type's own `__sizeof__`, if it is C's.
fn sizeof(kind: Kind<'_>) -> Option<PyCFunction> {
    let methods = of_table(kind.get().tp_methods, |method: &PyMethodDef| method.ml_name.is_null());
    let mut found = methods.filter(|method| {
        // SAFETY: a method's name is a text.
        (unsafe { std::ffi::CStr::from_ptr(method.ml_name) }) == c"__sizeof__"
    });
    let method = found.next().filter(|method| method.ml_flags == ffi::METH_NOARGS)?;
    // SAFETY: the flags say which kind of function it is.
    unsafe { method.ml_meth.PyCFunction }.into()
}

fn asked(function: PyCFunction, object: Object<'_>) -> u64 {
    // SAFETY: a method of the object's type that takes no arguments. What it returns is a number, and ours; an error is dropped.
    unsafe {
        let answer: *mut PyObject = function(object.as_ptr(), ptr::null_mut());
        if answer.is_null() {
            ffi::PyErr_Clear();
            return 0;
        }
        let size = ffi::PyLong_AsSsize_t(answer);
        ffi::Py_DECREF(answer);
        if size < 0 {
            ffi::PyErr_Clear();
        }
        u64::try_from(size).unwrap_or(0)
    }
}
