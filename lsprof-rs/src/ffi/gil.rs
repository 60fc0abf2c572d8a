//! State that the GIL protects.

use std::cell::UnsafeCell;

use pyo3::{PyVisit, Python};

/// A value that only threads attached to the interpreter touch.
///
/// It hands out shared references only: what changes inside is a `Cell` or a `RefCell`, so that code which
/// comes back to us while we call into Python finds a sound state or a clear refusal.
#[derive(Default)]
pub struct GilCell<T>(UnsafeCell<T>);

// SAFETY: the value is reached with the GIL only (`get` asks for the token, and `get_unattached`'s caller
// promises it), so no two threads touch it at once. Free-threaded builds keep the GIL on for this module.
unsafe impl<T> Sync for GilCell<T> {}
// SAFETY: as above; the values hold Python references, which any attached thread may drop.
unsafe impl<T> Send for GilCell<T> {}

impl<T> GilCell<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(value))
    }

    /// The value.
    pub fn get<'a>(&'a self, _py: Python<'a>) -> &'a T {
        // SAFETY: the token shows that we hold the GIL, and nobody ever has a mutable reference.
        unsafe { &*self.0.get() }
    }

    /// The value, for the garbage collector, which runs with the GIL held and gives no token.
    pub fn get_in_traverse<'a>(&'a self, _visit: &PyVisit<'a>) -> &'a T {
        // SAFETY: the visitor exists only while the collector calls `__traverse__`, with the GIL held.
        unsafe { &*self.0.get() }
    }

    /// The value, for hooks that CPython calls with the GIL held.
    ///
    /// # Safety
    /// The calling thread must hold the GIL.
    #[inline(always)]
    pub unsafe fn get_unattached(&self) -> &T {
        // SAFETY: by this function's contract.
        unsafe { &*self.0.get() }
    }
}
