//! Signal handlers: one that forked children don't have, and none while a command runs.
//!
//! CPython remembers a signal in the handler and acts on it later; a child that is forked in between forgets it
//! (its pending signals are cleared), and a child's main thread may be where no Python code runs. So a child that
//! inherits our SIGTERM handler dies at once, as it would without us.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use libc::{c_int, c_void};

/// The process that the handler is for.
static OWNER: AtomicI32 = AtomicI32::new(0);
/// What to call there: CPython's own handler, as `signal.signal` installed it.
static NEXT: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// Narrows the handler that the program has just installed for this signal to this process.
/// False if the system refuses.
pub fn keep_to_this_process(signal: c_int) -> bool {
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
    action.sa_sigaction = on_signal as *const () as usize;
    // SAFETY: a copy of a valid action, with a handler of the same kind (one argument: CPython's has no SA_SIGINFO).
    unsafe { libc::sigaction(signal, &action, std::ptr::null_mut()) == 0 }
}

/// Calls `act` while Ctrl-C ends the process, as it ends a native command: CPython's handler only takes a note,
/// which nobody would read before `act` is over. Whoever ignores the signal (`nohup`) goes on ignoring it.
pub fn with_deadly_interrupt<T>(act: impl FnOnce() -> T) -> T {
    // SAFETY: sets the default action, which needs nothing of ours.
    let before = unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
    let restore = || {
        // SAFETY: puts back what was there.
        unsafe { libc::signal(libc::SIGINT, before) }
    };
    if before == libc::SIG_IGN {
        restore();
    }
    let outcome = act();
    restore();
    outcome
}

/// Calls `act` with all signals blocked, so that threads that it starts never get one.
pub fn with_all_blocked<T>(act: impl FnOnce() -> T) -> T {
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: fills both sets; `all` is set before it is read.
    let changed = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr()) == 0
    };
    let outcome = act();
    if changed {
        // SAFETY: `before` was filled, since the call succeeded.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut()) };
    }
    outcome
}

/// Calls only what POSIX lets a signal handler call.
extern "C" fn on_signal(signal: c_int) {
    let next = NEXT.load(Ordering::Relaxed);
    // SAFETY: getpid, signal and raise are async-signal-safe; `next` is CPython's handler, of this very type.
    unsafe {
        if libc::getpid() == OWNER.load(Ordering::Relaxed) {
            std::mem::transmute::<*mut c_void, extern "C" fn(c_int)>(next)(signal);
        } else {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}
