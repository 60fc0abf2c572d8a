//! The objects of this interpreter, looked at while none of them changes.
//!
//! CPython has no list of all objects. The garbage collector has lists of those that can hold others, as long as they hold anything
//! that it must know of; what it doesn't list (strings, numbers, many tuples and dicts) is found as what those refer to.

use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::Rc;

use pyo3::ffi::{self, PyMemberDef, PyObject, PyTypeObject};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::trampoline::guard;

/// `T_OBJECT` and `T_OBJECT_EX`: a member that is a reference.
const REFERENCES: [c_int; 2] = [6, 16];

/// `Py_RELATIVE_OFFSET`: the member stands elsewhere than it says.
const RELATIVE: c_int = 8;

/// All objects, at a moment that lasts as long as this: the GIL is held, and nobody runs Python code.
pub struct Heap<'py>(Python<'py>);

/// One of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Object<'heap>(NonNull<PyObject>, PhantomData<&'heap ()>);

/// The type of some of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Kind<'heap>(NonNull<PyTypeObject>, PhantomData<&'heap ()>);

/// Where objects of a type that the collector doesn't know keep references: offsets.
pub type Members = Rc<[usize]>;

impl<'py> Heap<'py> {
    /// Lets `body` look. It calls nothing that could run Python code: that would change what it looks at.
    pub fn look<R>(py: Python<'py>, body: impl FnOnce(&Self) -> R) -> R {
        body(&Self(py))
    }

    /// The same object, as it is named here.
    pub fn object<'heap>(&'heap self, object: &'heap Bound<'py, PyAny>) -> Object<'heap> {
        Object(NonNull::new(object.as_ptr()).expect("a reference is never null"), PhantomData)
    }

    /// The same type, as it is named here.
    pub fn kind<'heap>(&'heap self, kind: &'heap Bound<'py, PyType>) -> Kind<'heap> {
        Kind(NonNull::new(kind.as_type_ptr()).expect("a reference is never null"), PhantomData)
    }

    /// A reference of one's own.
    pub fn keep(&self, object: Object<'_>) -> Py<PyAny> {
        // SAFETY: the object is alive as long as the heap is looked at.
        unsafe { Bound::from_borrowed_ptr(self.0, object.0.as_ptr()) }.unbind()
    }

    /// A reference of one's own to a type.
    pub fn keep_kind(&self, kind: Kind<'_>) -> Py<PyType> {
        // SAFETY: the type is alive, since its objects are, and a type object.
        unsafe { Bound::from_borrowed_ptr(self.0, kind.0.as_ptr().cast()).cast_into_unchecked() }.unbind()
    }

    /// Calls `each` with all objects that the garbage collector lists: younger ones first, each once.
    ///
    /// Raises RuntimeError where it can't be found.
    pub fn each_tracked<'heap>(&'heap self, each: impl FnMut(Object<'heap>)) -> PyResult<()> {
        tracked(self.0, each)
    }

    /// Calls `each` with what an object refers to, once for each reference. `members`: those of its type.
    pub fn referents<'heap, F: FnMut(Object<'heap>)>(
        &'heap self,
        object: Object<'heap>,
        members: &[usize],
        mut each: F,
    ) {
        if object.is_container() {
            if let Some(traverse) = object.kind().get().tp_traverse {
                // SAFETY: the object is one that the collector may traverse at any moment; `visit` gets `each`, which outlives
                // the call.
                unsafe { traverse(object.0.as_ptr(), visit::<F>, (&raw mut each).cast()) };
            }
            return;
        }
        for offset in members {
            // SAFETY: the type says that there is a reference in its objects.
            let referent = unsafe { object.0.as_ptr().byte_add(*offset).cast::<*mut PyObject>().read() };
            if let Some(referent) = NonNull::new(referent) {
                each(Object(referent, PhantomData));
            }
        }
    }
}

extern "C" fn visit<'heap, F: FnMut(Object<'heap>)>(object: *mut PyObject, each: *mut c_void) -> c_int {
    guard(|| {
        if let Some(object) = NonNull::new(object) {
            // SAFETY: it is what `referents` or `tracked` has passed, and nobody else uses it meanwhile.
            unsafe { (*each.cast::<F>())(Object(object, PhantomData)) };
        }
    });
    0
}

/// The collector's own lists by its API, which holds collections off. 3.12 and 3.13 have it, too, and leave out what `gc.freeze` has put aside.
#[cfg(Py_3_14)]
fn tracked<'heap, F: FnMut(Object<'heap>)>(_py: Python<'_>, mut each: F) -> PyResult<()> {
    extern "C" fn visit_on<'heap, F: FnMut(Object<'heap>)>(
        object: *mut PyObject,
        each: *mut c_void,
    ) -> c_int {
        visit::<F>(object, each);
        1
    }
    // SAFETY: the GIL is held; `visit_on` gets `each`, which outlives the call.
    unsafe { PyUnstable_GC_VisitObjects(visit_on::<F>, (&raw mut each).cast()) };
    Ok(())
}

/// The collector's own lists, where no API has all of them. A new object is the last of the first list, which is a ring through its head;
/// the other heads stand beside that one, and the last is that of what `gc.freeze` has put aside.
#[cfg(not(Py_3_14))]
fn tracked<'heap, F: FnMut(Object<'heap>)>(py: Python<'_>, mut each: F) -> PyResult<()> {
    use pyo3::exceptions::PyRuntimeError;
    use pyo3::types::PyList;

    /// `struct gc_generation`, the same from 3.11 to 3.13.
    #[repr(C)]
    struct Generation {
        next: usize,
        previous: usize,
        limits: [c_int; 2],
    }
    #[repr(C)]
    struct Generations {
        generations: [Generation; 3],
        first: usize,
        permanent: Generation,
    }

    let newest = PyList::empty(py);
    // SAFETY: the list is tracked, and has the collector's links in front.
    let first = unsafe { newest.as_ptr().cast::<usize>().sub(2).read() };
    let lists = std::ptr::with_exposed_provenance::<Generations>(first);
    // SAFETY: the newest object's next one is the first head; the word that is read stands in the interpreter's state, as that does.
    if unsafe { (&raw const (*lists).first).read() } != first {
        return Err(PyRuntimeError::new_err("the lists of the garbage collector can't be found"));
    }
    // SAFETY: it is what it was taken for.
    let lists = unsafe { &*lists };
    for head in lists.generations.iter().chain([&lists.permanent]) {
        let end = std::ptr::from_ref(head).expose_provenance();
        let mut place = head.next;
        while place != end {
            let links = std::ptr::with_exposed_provenance_mut::<usize>(place);
            // SAFETY: between head and head there are objects behind their links; nobody changes the ring.
            let (object, next) = unsafe { (links.add(2).cast::<PyObject>(), links.read()) };
            if object != newest.as_ptr() {
                each(Object(NonNull::new(object).expect("it stands behind its links"), PhantomData));
            }
            // The lowest bit is the collector's, while it collects.
            place = next & !1;
        }
    }
    Ok(())
}

#[cfg(Py_3_14)]
unsafe extern "C" {
    fn PyUnstable_GC_VisitObjects(
        callback: extern "C" fn(*mut PyObject, *mut c_void) -> c_int,
        argument: *mut c_void,
    );
}

impl<'heap> Object<'heap> {
    /// Where it is.
    pub fn address(self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Its type: the real one, whatever `__class__` says.
    #[inline]
    pub fn kind(self) -> Kind<'heap> {
        // SAFETY: the object is alive, and each has a type.
        Kind(unsafe { NonNull::new_unchecked(ffi::Py_TYPE(self.0.as_ptr())) }, PhantomData)
    }

    /// Whether the garbage collector may look into it. A type that is a constant of C's isn't, although other types are.
    #[inline]
    pub fn is_container(self) -> bool {
        let kind = self.kind().get();
        if kind.tp_flags & ffi::Py_TPFLAGS_HAVE_GC == 0 {
            return false;
        }
        // SAFETY: the type's own function, asked about one of its objects.
        kind.tp_is_gc.is_none_or(|is_gc| unsafe { is_gc(self.0.as_ptr()) } != 0)
    }

    /// Whether the garbage collector lists it.
    #[inline]
    pub fn is_tracked(self) -> bool {
        // SAFETY: a container has the collector's links in front; the first is null while it isn't listed.
        self.is_container() && unsafe { self.0.as_ptr().cast::<usize>().sub(2).read() } != 0
    }

    /// Where CPython has it. Valid as long as the heap is looked at.
    pub(super) fn as_ptr(self) -> *mut PyObject {
        self.0.as_ptr()
    }

    /// An object that is known to be alive.
    pub(super) fn new(object: NonNull<PyObject>) -> Self {
        Self(object, PhantomData)
    }
}

impl<'heap> Kind<'heap> {
    /// Where it is.
    pub fn address(self) -> usize {
        self.0.as_ptr().addr()
    }

    /// Its name as C has it: with its module, if it is C's.
    pub fn name(self) -> &'heap CStr {
        // SAFETY: each type has a name, which lives as long as it does.
        unsafe { CStr::from_ptr(self.get().tp_name) }
    }

    /// What it is made from; None for `object`.
    pub fn base(self) -> Option<Self> {
        NonNull::new(self.get().tp_base).map(|base| Self(base, PhantomData))
    }

    /// Whether its objects are code: types, modules, functions, frames.
    pub fn is_code(self) -> bool {
        let address = self.0.as_ptr().cast_const();
        let code = [
            &raw const ffi::PyModule_Type,
            &raw const ffi::PyFunction_Type,
            &raw const ffi::PyCFunction_Type,
            &raw const ffi::PyCode_Type,
            &raw const ffi::PyFrame_Type,
        ];
        self.has(ffi::Py_TPFLAGS_TYPE_SUBCLASS) || code.contains(&address)
    }

    /// Whether all these flags are set.
    pub fn has(self, flags: c_ulong) -> bool {
        self.get().tp_flags & flags == flags
    }

    /// Where its objects keep references, if they are no containers: what can be read as an attribute says so.
    pub fn members(self) -> Members {
        if self.has(ffi::Py_TPFLAGS_HAVE_GC) {
            return Rc::default();
        }
        let mut offsets = Vec::new();
        let mut kind = Some(self);
        while let Some(this) = kind {
            for member in of_table(this.get().tp_members, |member: &PyMemberDef| member.name.is_null()) {
                let last = this.get().tp_basicsize - size_of::<usize>() as isize;
                let within = (size_of::<PyObject>() as isize..=last).contains(&member.offset);
                if REFERENCES.contains(&member.type_code) && member.flags & RELATIVE == 0 && within {
                    offsets.push(member.offset.unsigned_abs());
                }
            }
            kind = this.base();
        }
        offsets.into()
    }

    pub(super) fn get(self) -> &'heap PyTypeObject {
        // SAFETY: the type is alive, and what is read of it doesn't change.
        unsafe { self.0.as_ref() }
    }
}

/// The entries of a table of C's that ends with one without a name.
pub(super) fn of_table<'a, T: 'a>(table: *mut T, is_end: impl Fn(&T) -> bool) -> impl Iterator<Item = &'a T> {
    // SAFETY: the table is a type's, of which CPython has read all up to its end.
    let entries = (0..).map(move |number| unsafe { &*table.add(number) });
    entries.take_while(move |entry| !is_end(entry)).take(if table.is_null() { 0 } else { usize::MAX })
}
