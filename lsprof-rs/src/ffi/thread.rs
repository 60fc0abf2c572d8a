//! Which thread this is: an address that costs one instruction, and a number that is never used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

pub use pikos_os::thread::address;
use pyo3::Python;
use pyo3::ffi::{
    PyInterpreterState_Get, PyInterpreterState_ThreadHead, PyThreadState_Get, PyThreadState_Next,
};

/// `threading.get_ident()` of the running thread.
pub fn ident() -> u64 {
    // SAFETY: asks about the running thread and nothing else.
    unsafe { PyThread_get_thread_ident() }
}

/// `threading.get_native_id()` of the running thread.
pub fn native_id() -> u64 {
    // SAFETY: asks about the running thread and nothing else.
    unsafe { PyThread_get_thread_native_id() }
}

unsafe extern "C" {
    // `unsigned long` in C, which is 64 bits wide wherever we build.
    fn PyThread_get_thread_ident() -> u64;
    fn PyThread_get_thread_native_id() -> u64;
}

/// Whether the interpreter has any thread but the running one.
pub fn has_others(_py: Python<'_>) -> bool {
    // SAFETY: an attached thread has a state, which stays; of no other one more is asked than whether it is there.
    unsafe {
        let own = PyThreadState_Get();
        PyInterpreterState_ThreadHead(PyInterpreterState_Get()) != own || !PyThreadState_Next(own).is_null()
    }
}

/// A thread, told apart from all that were and will be.
#[derive(Clone)]
pub struct Mark {
    /// Its number.
    pub number: u64,
    /// Set when it has ended.
    pub ended: Arc<AtomicBool>,
}

/// This thread's mark; `None` while it is being taken down.
pub fn mark() -> Option<Mark> {
    OWN.try_with(|own| own.0.clone()).ok()
}

/// The address of the thread that something is cached for, up to four more, or with [`IN_CONTEXT`]; 0 for none.
///
/// Written with the GIL held, except that a thread which ends takes its own address out: the next thread
/// may get the same one, and must not find what was cached for the dead.
pub static CACHED: AtomicUsize = AtomicUsize::new(0);

/// A bit that no address has: what is cached holds in one of the thread's contexts.
pub const IN_CONTEXT: usize = 1 << (usize::BITS - 1);

thread_local! {
    static OWN: OwnMark = OwnMark::new();
}

struct OwnMark(Mark);

impl OwnMark {
    fn new() -> Self {
        Self(Mark { number: another_number(), ended: Arc::default() })
    }
}

/// A number that no thread has, nor will have.
pub fn another_number() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

impl Drop for OwnMark {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        for more in [0, 1, 2, 4, IN_CONTEXT] {
            // Fails, rightly, where another thread is cached.
            let _ = CACHED.compare_exchange(address() | more, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}
