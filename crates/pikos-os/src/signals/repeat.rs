//! A timer that sends a signal to the main thread again and again. A forked child doesn't inherit it.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use libc::{c_int, c_void};

static TIMER: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());
/// The process that it is of.
static TIMER_OWNER: AtomicI32 = AtomicI32::new(0);

/// Makes the timer; for the main thread.
pub fn prepare(signal: c_int) {
    // SAFETY: the event is valid when zeroed and filled in; the timer is written where the call succeeds.
    unsafe {
        if TIMER_OWNER.load(Ordering::Relaxed) == libc::getpid() {
            return;
        }
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = signal;
        // Not `libc::gettid`: glibc has had that only since 2.30, and wheels are made for 2.17.
        event.sigev_notify_thread_id = libc::syscall(libc::SYS_gettid) as libc::pid_t;
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
