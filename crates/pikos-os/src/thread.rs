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

    #[test]
    fn time_asleep_is_nobodys() {
        let before = processor_time();
        std::thread::sleep(Duration::from_millis(200));
        assert!(processor_time() - before < Duration::from_millis(100));
    }
}
