//! A signal handler of ours, which neither the program nor the processes that it forks ever see.
//!
//! It stands in the kernel's table alone: Python's own says that the signal has its default action, and so would `signal.getsignal`.
//! All that it does is to have `note` called, which makes Python's main thread do something as soon as it can.
//!
//! A child that inherits the handler dies at once, as it would without us: nobody there would do what was noted. A signal that comes just
//! before the main thread begins to wait in C (for a semaphore, say) might be noted for ever. So it is repeated until Python has
//! [`seen`] it; and who never comes back from C dies of it, as it would without us.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};

use libc::{c_int, c_void};

use super::repeat;

/// The process that the handler is for.
static OWNER: AtomicI32 = AtomicI32::new(0);
/// What to call there: a `fn()` that POSIX lets a signal handler call.
static NOTE: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// How often the signal is repeated, in milliseconds.
const REPEAT_MS: u32 = 50;
/// How many repetitions are left; [`NONE_YET`] if there was no signal.
static LEFT: AtomicU32 = AtomicU32::new(NONE_YET);
/// How many there may be.
static REPETITIONS: AtomicU32 = AtomicU32::new(0);
const NONE_YET: u32 = u32::MAX;

/// From now on `note` is called in this process when the signal comes, where its default action would be taken. If nobody has
/// [`seen`] it so many milliseconds later, the default action is taken. To be called on the main thread, and again in a child
/// that is to do the same. False if the system refuses.
pub fn keep(signal: c_int, patience_ms: u32, note: fn()) -> bool {
    // SAFETY: always safe to ask.
    OWNER.store(unsafe { libc::getpid() }, Ordering::Relaxed);
    NOTE.store(note as *mut c_void, Ordering::Relaxed);
    REPETITIONS.store(patience_ms / REPEAT_MS, Ordering::Relaxed);
    LEFT.store(NONE_YET, Ordering::Relaxed);
    repeat::prepare(signal);
    keep_again(signal)
}

/// The same once more, where the program has just given the signal its default action. False if it hasn't, if [`keep`] was not
/// called in this process, or if the system refuses.
pub fn keep_again(signal: c_int) -> bool {
    // SAFETY: always safe to ask.
    if OWNER.load(Ordering::Relaxed) != unsafe { libc::getpid() } {
        return false;
    }
    match action(signal) {
        Some(now) if now.sa_sigaction == on_signal as *const () as usize => true,
        Some(mut now) if now.sa_sigaction == libc::SIG_DFL => {
            now.sa_sigaction = on_signal as *const () as usize;
            // Not restarted: Python looks whether a handler is waiting for it wherever a system call was interrupted.
            now.sa_flags = libc::SA_ONSTACK;
            // SAFETY: a valid action, with a handler of one argument, which is what the flags say.
            unsafe { libc::sigaction(signal, &now, std::ptr::null_mut()) == 0 }
        }
        _ => false,
    }
}

/// Gives the signal its default action, unless the program has said something else.
pub fn let_go(signal: c_int) {
    OWNER.store(0, Ordering::Relaxed);
    if action(signal).is_some_and(|now| now.sa_sigaction == on_signal as *const () as usize) {
        set_default(signal);
    }
}

/// Gives a signal its default action, without Python's knowing.
pub fn set_default(signal: c_int) {
    // SAFETY: the default action needs nothing of ours.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

/// Whether the signal has its default action in the kernel's table.
fn has_default(signal: c_int) -> bool {
    action(signal).is_some_and(|now| now.sa_sigaction == libc::SIG_DFL)
}

/// Sends the signal to this process, which dies of it where nobody handles it.
pub fn send_here(signal: c_int) {
    // SAFETY: takes no memory of ours.
    unsafe { libc::kill(libc::getpid(), signal) };
}

/// Signals that no program uses, from the least likely on: one of them may stand for another that Python must not see.
pub fn unused() -> impl Iterator<Item = c_int> {
    #[cfg(target_os = "linux")]
    let candidates = (libc::SIGRTMIN() + 1..=libc::SIGRTMAX()).rev();
    #[cfg(not(target_os = "linux"))]
    let candidates = [libc::SIGUSR2, libc::SIGUSR1].into_iter();
    candidates.filter(|signal| has_default(*signal))
}

/// Python does what was noted: no repetition is needed.
pub fn seen() {
    repeat::every_ms(0);
    LEFT.store(NONE_YET, Ordering::Relaxed);
}

fn action(signal: c_int) -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: asks for the present action; it is written where the call succeeds.
    unsafe {
        (libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0).then(|| action.assume_init())
    }
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
    let note = NOTE.load(Ordering::Relaxed);
    // SAFETY: getpid, signal and raise are async-signal-safe; `note` is what `keep` was given.
    unsafe {
        if libc::getpid() == OWNER.load(Ordering::Relaxed) && has_patience() {
            std::mem::transmute::<*mut c_void, fn()>(note)();
        } else {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}
