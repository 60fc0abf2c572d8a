//! Which thread this is: an address that costs one instruction, and a number that is never used again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The address of the running thread's control block, an even number: different for each living thread, and used again
/// after one has ended.
#[inline(always)]
pub fn address() -> usize {
    #[cfg(all(target_arch = "x86_64", target_os = "linux"))]
    {
        let address: usize;
        // SAFETY: on Linux the word at fs:0 is the thread control block's own address (System V ABI, TLS).
        unsafe {
            std::arch::asm!("mov {}, qword ptr fs:[0]", out(reg) address, options(nostack, pure, readonly));
        }
        address
    }
    #[cfg(all(target_arch = "aarch64", target_os = "linux"))]
    {
        let address: usize;
        // SAFETY: TPIDR_EL0 is the thread pointer, readable from user space.
        unsafe {
            std::arch::asm!("mrs {}, tpidr_el0", out(reg) address, options(nostack, pure, nomem));
        }
        address
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_os = "linux")))]
    {
        thread_local!(static HERE: usize = const { 0 });
        HERE.with(|here| std::ptr::from_ref(here).addr())
    }
}

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

/// The address of the thread that something is cached for, or one more; 0 for none.
///
/// Written with the GIL held, except that a thread which ends takes its own address out: the next thread
/// may get the same one, and must not find what was cached for the dead.
pub static CACHED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static OWN: OwnMark = OwnMark::new();
}

struct OwnMark(Mark);

impl OwnMark {
    fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(Mark { number: LAST.fetch_add(1, Ordering::Relaxed) + 1, ended: Arc::default() })
    }
}

impl Drop for OwnMark {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Release);
        for own in [address(), address() + 1] {
            // Fails, rightly, where another thread is cached.
            let _ = CACHED.compare_exchange(own, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}
