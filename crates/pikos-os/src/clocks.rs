//! The system's clocks of processor time.
//!
//! By C's function: rustix reads the kernel's page of code (vDSO) itself, and ends in a crash where that isn't there, as under valgrind.

use std::time::Duration;

/// What one of them shows; zero where the system doesn't say.
pub fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: it writes to this place, and to no other.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Duration::ZERO;
    }
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or(0), nanoseconds.unwrap_or(0))
}
