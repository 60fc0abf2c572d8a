//! What signals do while something runs.

use std::mem::MaybeUninit;

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
