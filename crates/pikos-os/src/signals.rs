//! Signal handlers: one that forked children don't have, and none while a command runs.
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

/// A timer that sends a signal to the main thread again and again. A forked child doesn't inherit it.
#[cfg(target_os = "linux")]
mod repeat {
    use super::*;

    static TIMER: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
    /// The process that it is of.
    static TIMER_OWNER: AtomicI32 = AtomicI32::new(0);

    pub fn prepare(signal: c_int) {
        // SAFETY: the event is valid when zeroed and filled in; the timer is written where the call succeeds.
        unsafe {
            if TIMER_OWNER.load(Ordering::Relaxed) == libc::getpid() {
                return;
            }
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = signal;
            event.sigev_notify_thread_id = libc::gettid();
            let mut timer = MaybeUninit::<libc::timer_t>::uninit();
            if libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, timer.as_mut_ptr()) == 0 {
                TIMER.store(timer.assume_init(), Ordering::Relaxed);
                TIMER_OWNER.store(libc::getpid(), Ordering::Relaxed);
            }
        }
    }

    /// 0 stops it. A signal handler may call this.
    pub fn every_ms(interval: u32) {
        let interval = libc::timespec { tv_sec: 0, tv_nsec: i64::from(interval) as libc::c_long * 1_000_000 };
        let times = libc::itimerspec { it_interval: interval, it_value: interval };
        // SAFETY: a timer that this very process has made.
        unsafe {
            if TIMER_OWNER.load(Ordering::Relaxed) == libc::getpid() {
                libc::timer_settime(TIMER.load(Ordering::Relaxed), 0, &times, std::ptr::null_mut());
            }
        }
    }
}

/// Elsewhere nothing is repeated.
#[cfg(not(target_os = "linux"))]
mod repeat {
    pub fn prepare(_signal: super::c_int) {}

    pub fn every_ms(_interval: u32) {}
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
