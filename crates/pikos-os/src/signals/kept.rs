//! A signal handler that forked children don't have.
//!
//! CPython remembers a signal in the handler and acts on it later; a child that is forked in between forgets it
//! (its pending signals are cleared), and a child's main thread may be where no Python code runs. So a child that
//! inherits our SIGTERM handler dies at once, as it would without us.
//!
//! For the same reason a signal that comes just before the main thread begins to wait in C (for a semaphore, say) would be
//! remembered for ever. So the signal is repeated until Python has seen it; and who never comes back from C dies of it,
//! as it would without us.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};

use libc::{c_int, c_void};

use super::repeat;

/// The process that the handler is for.
static OWNER: AtomicI32 = AtomicI32::new(0);
/// What to call there: CPython's own handler, as `signal.signal` installed it.
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// How often the signal is repeated, in milliseconds.
const REPEAT_MS: u32 = 50;
/// How many repetitions are left; [`NONE_YET`] if there was no signal.
static LEFT: AtomicU32 = AtomicU32::new(NONE_YET);
/// How many there may be.
static REPETITIONS: AtomicU32 = AtomicU32::new(0);
const NONE_YET: u32 = u32::MAX;

/// Narrows the handler that the program has just installed for this signal to this process. If Python has not seen the signal
/// so many milliseconds after it came ([`seen`]), it has the default action. To be called on the main thread.
/// False if the system refuses.
pub fn keep_to_this_process(signal: c_int, patience_ms: u32) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks for the present action; it is written where the call succeeds.
    let mut action = unsafe {
        if libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) != 0 {
            return false;
        }
        action.assume_init()
    };
    // SAFETY: always safe to ask.
    OWNER.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    NEXT.store(action.sa_sigaction as *mut c_void, Ordering::Relaxed);
    REPETITIONS.store(patience_ms / REPEAT_MS, Ordering::Relaxed);
    LEFT.store(NONE_YET, Ordering::Relaxed);
    repeat::prepare(signal);
    action.sa_sigaction = on_signal as *const () as usize;
    // SAFETY: a copy of a valid action, with a handler of the same kind (one argument: CPython's has no SA_SIGINFO).
    unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) == 0 }
}

/// Python's handler runs: no repetition is needed.
pub fn seen() {
    repeat::every_ms(0);
    LEFT.store(NONE_YET, Ordering::Relaxed);
}

/// Counts the repetitions, and starts them. For the signal handler.
fn has_patience() -> bool {
    let left = match LEFT.load(Ordering::Relaxed) {
        NONE_YET => {
            repeat::every_ms(REPEAT_MS);
            REPETITIONS.load(Ordering::Relaxed)
        }
        left => left.saturating_sub(1),
    };
    LEFT.store(left, Ordering::Relaxed);
    left > 0
}

/// Calls only what POSIX lets a signal handler call.
extern "C" fn on_signal(signal: c_int) {
    let next = NEXT.load(Ordering::Relaxed);
    // SAFETY: getpid, signal and raise are async-signal-safe; `next` is CPython's handler, of this very type.
    unsafe {
        if libc::getpid() == OWNER.load(Ordering::Relaxed) && has_patience() {
            std::mem::transmute::<*mut c_void, extern "C" fn(c_int)>(next)(signal);
        } else {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}
