//! The running thread: an address that tells it apart, at the price of one instruction, and what it has had of a processor.

use std::time::Duration;

#[cfg(not(unix))]
pub use crate::elsewhere::processor_time;

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
        address_of_a_local()
    }
}

/// For a system whose control block has no known place.
#[cfg(any(test, not(all(any(target_arch = "x86_64", target_arch = "aarch64"), target_os = "linux"))))]
fn address_of_a_local() -> usize {
    thread_local!(static HERE: usize = const { 0 });
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// What this thread has had of a processor: on a busy machine it waits as well, which costs nobody anything.
#[cfg(unix)]
pub fn processor_time() -> Duration {
    crate::clocks::read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// What a thread of this process has had of a processor so far, by the number that the system gives it, whoever asks. `None`
/// where that isn't known: it has ended, or the system doesn't tell.
#[cfg(target_os = "linux")]
pub fn processor_time_of(number: u64) -> Option<Duration> {
    /// "Of one thread", and "as the scheduler counts it" (the kernel's `posix-timers.h`).
    const OF_THREAD: libc::clockid_t = 4 | 2;
    let number = libc::clockid_t::try_from(number).ok()?;
    Some(crate::clocks::read((!number << 3) | OF_THREAD)).filter(|time| !time.is_zero())
}

/// From now on the system wakes this thread from a sleep as exactly as it can. It may else be 0.05 ms late, so that it can wake several
/// at once.
pub fn wake_in_time() {
    // Where it can't, it is late.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1));
}

/// Whether a process has a thread of this number; where the system doesn't tell, it has.
pub fn is_of(number: u64, pid: u32) -> bool {
    let tasks = format!("/proc/{pid}/task");
    !std::fs::exists(&tasks).unwrap_or(false) || std::fs::exists(format!("{tasks}/{number}")).unwrap_or(true)
}

/// How many threads this process has. `None` where the system doesn't tell.
#[cfg(target_os = "linux")]
pub fn count() -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    // A folder for each, and the two names that each folder has for itself.
    let folder = std::fs::metadata("/proc/self/task").ok()?;
    folder.nlink().checked_sub(2).filter(|&count| count > 0)
}

/// As on Linux.
#[cfg(not(target_os = "linux"))]
pub fn count() -> Option<u64> {
    None
}

/// As on Linux.
#[cfg(not(target_os = "linux"))]
pub fn processor_time_of(_number: u64) -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_threads_own_and_even() {
        for address in [address, address_of_a_local] {
            // Both threads live: neither's address is used again.
            let other = std::thread::scope(|scope| scope.spawn(address).join().expect("it did not panic"));
            assert_ne!(address(), other);
            assert_eq!(address(), address());
            assert_eq!(address() % 2, 0);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_thread_s_time_is_told_to_others_until_it_ends() {
        // SAFETY: asks for a number.
        let number = || unsafe { libc::gettid() }.cast_unsigned().into();
        let (tell, told) = std::sync::mpsc::channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || {
            let before = processor_time();
            tell.send((number(), before, processor_time_of(number()))).expect("somebody listens");
            _ = ends.recv();
        });
        let (of, before, own) = told.recv().expect("the thread tells");
        let seen = processor_time_of(of).expect("it lives");
        assert!(own.is_some_and(|own| before <= own && own <= seen), "{before:?} {own:?} {seen:?}");
        drop(end);
        other.join().expect("it did not panic");
        assert_eq!(processor_time_of(of), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn another_thread_is_counted_while_it_lives() {
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let other = std::thread::spawn(move || _ = ends.recv());
        // Other tests have threads of their own, which come and go.
        assert!(count().is_some_and(|count| count >= 2));
        drop(end);
        other.join().expect("it did not panic");
    }

    #[test]
    fn time_asleep_is_nobodys() {
        let before = processor_time();
        std::thread::sleep(Duration::from_millis(200));
        assert!(processor_time() - before < Duration::from_millis(100));
    }
}
