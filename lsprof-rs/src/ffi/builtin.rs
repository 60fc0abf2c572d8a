//! Which built-in a call goes to: cProfile counts `PyCFunction` (and subclasses) and `method_descriptor`, no more.

use std::ffi::{CStr, c_char};
use std::mem::offset_of;

use pyo3::ffi::{self, Py_TYPE, PyCFunction_Type, PyMethodDef, PyObject, PyTypeObject};
#[cfg(Py_3_12)]
use pyo3::ffi::{PyFunction_Type, PyMethodDescr_Type, PyMethodDescrObject};
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

/// A calling convention of C functions.
#[derive(Clone, Copy, Debug)]
pub enum Convention {
    /// `METH_NOARGS`
    NoArgs,
    /// `METH_O`
    One,
    /// `METH_FASTCALL`
    Fast,
    /// `METH_FASTCALL | METH_KEYWORDS`
    Keywords,
    /// `METH_VARARGS`, with or without keywords.
    Tuple,
}

/// What tells built-ins apart: the address of the definition.
pub type Key = usize;

/// `PyCFunctionObject`; PyO3 0.30's own lacks `repr(C)`.
#[repr(C)]
struct CFunction {
    ob_base: PyObject,
    m_ml: *mut PyMethodDef,
    m_self: *mut PyObject,
    m_module: *mut PyObject,
}

const _: () = assert!(offset_of!(CFunction, m_ml) == size_of::<PyObject>());

/// A call to a built-in: what identifies it, and what its label is made from.
#[derive(Clone, Copy)]
pub struct Builtin {
    /// The key: one for each C function, however it is bound.
    pub definition: *mut PyMethodDef,
    /// Whether it was called as a method of its type, which nobody had bound before.
    pub is_method: bool,
    receiver: *mut PyObject,
    module: *mut PyObject,
}

/// The key of a bound or module-level C function; `None` for any other callable.
///
/// # Safety
/// `function` points to a live object; the GIL is held.
#[inline(always)]
pub unsafe fn key_of_function(function: *mut PyObject) -> Option<Key> {
    // SAFETY: the object is live; the checks before the cast say what it is.
    unsafe {
        let kind = Py_TYPE(function);
        if kind == &raw mut PyCFunction_Type || is_rare_c_function(kind) {
            return Some((*function.cast::<CFunction>()).m_ml as Key);
        }
        None
    }
}

/// The key of a C function, or of an unbound method called with this first argument.
///
/// A method that can't be bound to that argument (`bytes.find(str())`) or has none isn't counted: cProfile's
/// rule, decided here without binding it.
///
/// # Safety
/// Both point to live objects; the GIL is held.
#[cfg(Py_3_12)]
#[inline(always)]
pub unsafe fn key_of_call(
    callable: *mut PyObject,
    first: *mut PyObject,
    missing: *mut PyObject,
) -> Option<Key> {
    // SAFETY: the objects are live; the check before the cast says what the first one is.
    unsafe {
        if Py_TYPE(callable) == &raw mut PyMethodDescr_Type {
            let descriptor = callable.cast::<PyMethodDescrObject>();
            if first == missing || !is_instance(first, (*descriptor).d_common.d_type) {
                return None;
            }
            return Some((*descriptor).d_method as Key);
        }
        key_of_function(callable)
    }
}

/// A method of a type bound to the first argument of a call, as CPython binds it for `sys.setprofile`; `None` for any other
/// callable.
///
/// With the receiver's class: a method that is told its defining class (`METH_METHOD`) is bound by asking that, and CPython
/// doesn't check whether there is one. Not by `__get__`: it takes a receiver that is None for none.
///
/// # Safety
/// [`key_of_call`] has found a key in these two; the GIL is held and no exception is set.
#[cfg(Py_3_12)]
pub unsafe fn bound(py: Python<'_>, callable: *mut PyObject, first: *mut PyObject) -> Option<Py<PyAny>> {
    // SAFETY: a method descriptor's type has the slot; the receiver is alive and of its class.
    unsafe {
        if Py_TYPE(callable) != &raw mut PyMethodDescr_Type {
            return None;
        }
        let bind = (*Py_TYPE(callable)).tp_descr_get?;
        let made = Bound::from_owned_ptr_or_err(py, bind(callable, first, Py_TYPE(first).cast()));
        made.ok().map(Bound::unbind)
    }
}

#[cfg(Py_3_12)]
/// What a glance at a callable shows, without calling anything.
pub enum Seen {
    /// A built-in, as [`key_of_call`] would say.
    Key(Key),
    /// A Python function or a class: no built-in.
    Uncounted,
    /// It takes a closer look.
    Other,
}

/// Looks at a callable and its first argument: tells the most frequent kinds of them apart.
///
/// # Safety
/// As for [`key_of_call`].
#[cfg(Py_3_12)]
#[inline(always)]
pub unsafe fn look_at(callable: *mut PyObject, first: *mut PyObject, missing: *mut PyObject) -> Seen {
    // SAFETY: the objects are live; the checks before the casts say what the first one is.
    unsafe {
        let kind = Py_TYPE(callable);
        if kind == &raw mut PyFunction_Type {
            Seen::Uncounted
        } else if kind == &raw mut PyMethodDescr_Type {
            let descriptor = callable.cast::<PyMethodDescrObject>();
            let (class, owner) = (Py_TYPE(first), (*descriptor).d_common.d_type);
            if first == missing || (class != owner && (*class).tp_base != owner) {
                return Seen::Other;
            }
            Seen::Key((*descriptor).d_method as Key)
        } else if kind == &raw mut PyCFunction_Type {
            Seen::Key((*callable.cast::<CFunction>()).m_ml as Key)
        } else if (*kind).tp_flags & ffi::Py_TPFLAGS_TYPE_SUBCLASS != 0 {
            Seen::Uncounted
        } else {
            Seen::Other
        }
    }
}

/// The key of a C function that is of no subclass, at a glance.
///
/// # Safety
/// As for [`key_of_function`].
#[cfg(not(Py_3_12))]
#[inline(always)]
pub unsafe fn look_at(function: *mut PyObject) -> Option<Key> {
    // SAFETY: the object is live; the check before the cast says what it is.
    unsafe {
        (Py_TYPE(function) == &raw mut PyCFunction_Type).then(|| (*function.cast::<CFunction>()).m_ml as Key)
    }
}

impl Builtin {
    /// Decodes a call that has a key. `first` is the first argument, which a method's label is made from.
    ///
    /// # Safety
    /// [`key_of_function`] or [`key_of_call`] has found a key in `callable`; both are alive and the GIL is held.
    pub unsafe fn of_counted(callable: *mut PyObject, first: *mut PyObject) -> Self {
        // SAFETY: a callable with a key is one of two kinds; the check says which.
        unsafe {
            if Py_TYPE(callable) == &raw mut ffi::PyMethodDescr_Type {
                let definition = (*callable.cast::<ffi::PyMethodDescrObject>()).d_method;
                return Self { definition, is_method: true, receiver: first, module: std::ptr::null_mut() };
            }
            let function = callable.cast::<CFunction>();
            Self {
                definition: (*function).m_ml,
                // 3.11 binds it for the event: then nobody else refers to what it made.
                is_method: cfg!(not(Py_3_12)) && ffi::Py_REFCNT(callable) == 1,
                receiver: (*function).m_self,
                module: (*function).m_module,
            }
        }
    }

    /// Decodes a function, or a method of a type.
    pub fn of_object(object: &Bound<'_, PyAny>) -> Option<Self> {
        let callable = object.as_ptr();
        // SAFETY: the object is alive and the GIL held; the checks say that it is one of the two.
        unsafe {
            let is_method = Py_TYPE(callable) == &raw mut ffi::PyMethodDescr_Type;
            (is_method || key_of_function(callable).is_some())
                .then(|| Self::of_counted(callable, std::ptr::null_mut()))
        }
    }

    /// How arguments are passed to the function that this was decoded from.
    pub fn convention_of(self, _function: &Bound<'_, PyAny>) -> Convention {
        // SAFETY: the function is alive, and keeps its definition so.
        unsafe { self.convention() }
    }

    /// How arguments are passed to it.
    ///
    /// # Safety
    /// The call that this was decoded from is still going on.
    pub unsafe fn convention(self) -> Convention {
        // SAFETY: the definition outlives the function, which the call keeps alive.
        let flags = unsafe { (*self.definition).ml_flags };
        let with_keywords = flags & ffi::METH_KEYWORDS != 0;
        match flags & (ffi::METH_NOARGS | ffi::METH_O | ffi::METH_FASTCALL) {
            ffi::METH_NOARGS => Convention::NoArgs,
            ffi::METH_O => Convention::One,
            ffi::METH_FASTCALL if with_keywords => Convention::Keywords,
            ffi::METH_FASTCALL => Convention::Fast,
            _ => Convention::Tuple,
        }
    }

    /// Where its name stands in memory.
    ///
    /// # Safety
    /// As for [`Builtin::label`].
    #[inline(always)]
    pub unsafe fn name_address(self) -> usize {
        // SAFETY: the definition outlives the function, which the call keeps alive.
        unsafe { (*self.definition).ml_name.addr() }
    }

    /// `__name__`
    ///
    /// # Safety
    /// As for [`Builtin::label`].
    pub unsafe fn name(self) -> String {
        // SAFETY: as in `name_address`.
        unsafe { text((*self.definition).ml_name) }
    }

    /// cProfile's label, to the letter, but for addresses: `<built-in method builtins.len>`, `<method 'append' of 'list' objects>`,
    /// and `<built-in method __new__ of type object>`, which is that of every type: they share one definition.
    ///
    /// Calls no `__repr__` of the program's.
    ///
    /// # Safety
    /// The call that this was decoded from is still going on; the GIL is held and no exception is set.
    pub unsafe fn label(self, py: Python<'_>) -> String {
        // SAFETY: the definition outlives the function, which the call keeps alive.
        let name = unsafe { text((*self.definition).ml_name) };
        let module = if self.module.is_null() {
            None
        } else {
            // SAFETY: the function owns its module reference, and the call keeps the function alive.
            Some(unsafe { Bound::from_borrowed_ptr(py, self.module) })
        };
        if self.receiver.is_null() {
            return match module.and_then(|module| module_name(&module)) {
                Some(module) if module != "builtins" => format!("<{module}.{name}>"),
                _ => format!("<{name}>"),
            };
        }
        // SAFETY: the receiver is the call's self argument, alive as long as the call.
        let receiver = unsafe { Bound::from_borrowed_ptr(py, self.receiver) };
        if let Some(label) = self.class_attribute(&receiver, &name) {
            return label;
        }
        match module.and_then(|module| module.extract::<String>().ok()) {
            Some(module) => format!("<built-in method {module}.{name}>"),
            None => format!("<built-in method {name}>"),
        }
    }

    /// cProfile's words for what the receiver's class has by that name. Where that is an object of the program's own, whose
    /// `repr` is code of the program's, those for the method that the call goes to.
    fn class_attribute(self, receiver: &Bound<'_, PyAny>, name: &str) -> Option<String> {
        let class = receiver.get_type();
        let name = PyString::new(class.py(), name);
        let attribute = look_up(&class, &name)?;
        if has_plain_repr(&attribute) {
            return plain_repr(&attribute);
        }
        let of_bases = class.mro().iter().filter_map(|base| look_up(base.cast().ok()?, &name));
        of_bases.filter(|attribute| self.is_of(attribute)).find_map(|attribute| plain_repr(&attribute))
    }

    /// Whether this is the method of a type that is called.
    fn is_of(self, attribute: &Bound<'_, PyAny>) -> bool {
        let object = attribute.as_ptr();
        // SAFETY: the object is alive; the check before the cast says what it is.
        unsafe {
            Py_TYPE(object) == &raw mut ffi::PyMethodDescr_Type
                && (*object.cast::<ffi::PyMethodDescrObject>()).d_method == self.definition
        }
    }
}

/// The subclasses of `PyCFunction` that are not it: `PyCMethod`, and what extension modules derive.
#[inline(always)]
unsafe fn is_rare_c_function(kind: *mut PyTypeObject) -> bool {
    // SAFETY: a live object's type is live.
    unsafe {
        // The two kinds that nearly all other calls go to.
        if kind == &raw mut ffi::PyFunction_Type || kind == &raw mut ffi::PyType_Type {
            return false;
        }
        ffi::PyType_IsSubtype(kind, &raw mut PyCFunction_Type) != 0
    }
}

#[cfg(Py_3_12)]
#[inline(always)]
unsafe fn is_instance(object: *mut PyObject, class: *mut PyTypeObject) -> bool {
    // SAFETY: both are live.
    unsafe { Py_TYPE(object) == class || ffi::PyType_IsSubtype(Py_TYPE(object), class) != 0 }
}

/// Whether what a class has is such that its `repr` is made in C, of names alone.
fn has_plain_repr(attribute: &Bound<'_, PyAny>) -> bool {
    let kind = attribute.get_type_ptr();
    let plain = [
        &raw mut ffi::PyMethodDescr_Type,
        &raw mut ffi::PyFunction_Type,
        &raw mut ffi::PyClassMethodDescr_Type,
        &raw mut ffi::PyWrapperDescr_Type,
        &raw mut ffi::PyGetSetDescr_Type,
        &raw mut ffi::PyMemberDescr_Type,
        &raw mut PyCFunction_Type,
    ];
    // SAFETY: a live object's type is live.
    plain.contains(&kind) || unsafe { is_rare_c_function(kind) }
}

/// `repr`, without the addresses that stand in a function's and in a bound method's.
fn plain_repr(attribute: &Bound<'_, PyAny>) -> Option<String> {
    let text: String = attribute.repr().ok()?.extract().ok()?;
    match pstats_compat::without_addresses(text.as_bytes()) {
        Some(shorter) => String::from_utf8(shorter).ok(),
        None => Some(text),
    }
}

/// What a class calls by that name, without asking metaclasses or `__getattr__`.
pub(super) fn look_up<'py>(
    class: &Bound<'py, PyType>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: a live type and a string; the result is borrowed from the class, so a reference is taken at once.
    unsafe {
        let found = _PyType_Lookup(class.as_type_ptr(), name.as_ptr());
        Bound::from_borrowed_ptr_or_opt(class.py(), found)
    }
}

unsafe extern "C" {
    /// CPython's own look-up along a class's MRO; exported by every release, and borrowed.
    fn _PyType_Lookup(class: *mut PyTypeObject, name: *mut PyObject) -> *mut PyObject;
}

fn module_name(module: &Bound<'_, PyAny>) -> Option<String> {
    module.extract::<String>().ok().or_else(|| module.cast::<PyModule>().ok()?.name().ok()?.extract().ok())
}

unsafe fn text(name: *const c_char) -> String {
    // SAFETY: a PyMethodDef's name is a C string.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}
