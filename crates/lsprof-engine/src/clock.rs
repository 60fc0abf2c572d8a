//! The clock: the CPU's cycle counter where it can be trusted, else the monotonic clock.
//!
//! The hot path reads raw [`Ticks`] and nothing else. What a tick is worth is found out later, from
//! two readings of (raw counter, monotonic clock) that are as far apart as the process allows: one at
//! the first use, one when somebody wants seconds. That costs no calibration pause at the start, and
//! grows more exact the longer the program runs.
//!
//! This module does not know custom timers; their values go through the recorder as ticks, too.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A reading of a clock, or a difference of two, in the clock's own unit.
///
/// Arithmetic wraps: a custom timer may run backwards, and sums of wrapped differences come out right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticks(pub u64);

impl Ticks {
    /// `self - earlier`, wrapping.
    #[inline(always)]
    pub fn since(self, earlier: Ticks) -> Ticks {
        Ticks(self.0.wrapping_sub(earlier.0))
    }

    /// `self + more`, wrapping.
    #[inline(always)]
    pub fn plus(self, more: Ticks) -> Ticks {
        Ticks(self.0.wrapping_add(more.0))
    }

    /// As a signed number: a difference may be negative where a clock ran backwards.
    pub fn signed(self) -> i64 {
        self.0.cast_signed()
    }
}

/// Reads the clock of the hot path.
#[inline(always)]
pub fn now() -> Ticks {
    source::now()
}

/// Whether [`counter`] may be read in place of [`now`].
pub fn is_counter() -> bool {
    !source::ticks_are_nanoseconds()
}

/// Reads the cycle counter without asking whether it can be trusted: for where [`is_counter`] was asked before.
#[inline(always)]
pub fn counter() -> Ticks {
    source::counter()
}

/// Waits for what was begun before: a reading of the clock doesn't, so that what the program waits for in memory would
/// pass after it, as ours.
#[inline(always)]
pub fn settle() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 CPU has LFENCE.
    unsafe {
        std::arch::x86_64::_mm_lfence();
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: changes nothing.
    unsafe {
        std::arch::asm!("isb", options(nostack, nomem));
    }
}

/// Seconds that one tick of [`now`] lasts, from the widest pair of readings there is.
///
/// Waits until 200 µs have passed since the first use, so that the two readings can't be too close;
/// a program that ends sooner than that pays the rest.
pub fn seconds_per_tick() -> f64 {
    const SHORTEST: Duration = Duration::from_micros(200);
    if source::ticks_are_nanoseconds() {
        return 1e-9;
    }
    let first = anchor();
    loop {
        let last = Anchor::read();
        let elapsed = last.instant.duration_since(first.instant);
        let ticks = last.ticks.since(first.ticks);
        if elapsed >= SHORTEST && ticks.signed() > 0 {
            return elapsed.as_secs_f64() / ticks.0 as f64;
        }
        std::hint::spin_loop();
    }
}

/// Chooses the clock and takes the first pair of readings. Called once, before the first [`now`] that
/// counts (when the module is loaded); later calls do nothing.
pub fn start() {
    source::ticks_are_nanoseconds();
    anchor();
}

/// The name of the clock that [`now`] reads, for people.
pub fn name() -> &'static str {
    source::name()
}

/// One moment, read from both clocks.
struct Anchor {
    ticks: Ticks,
    instant: Instant,
}

impl Anchor {
    /// The tightest of a few readings, so that an interrupt between the two clocks does no harm.
    fn read() -> Self {
        (0..4)
            .map(|_| {
                let before = now();
                let instant = Instant::now();
                let gap = now().since(before);
                (gap.0, Anchor { ticks: before.plus(Ticks(gap.0 / 2)), instant })
            })
            .min_by_key(|(gap, _)| *gap)
            .map(|(_, anchor)| anchor)
            .expect("four readings were taken")
    }
}

fn anchor() -> &'static Anchor {
    static FIRST: OnceLock<Anchor> = OnceLock::new();
    FIRST.get_or_init(Anchor::read)
}

#[cfg(target_arch = "x86_64")]
mod source {
    use super::Ticks;
    use std::arch::x86_64::{__cpuid, _rdtsc};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Set while no invariant counter is there. Read on each event: a plain load, always predicted.
    static MONOTONIC: AtomicBool = AtomicBool::new(false);

    #[inline(always)]
    pub fn now() -> Ticks {
        if MONOTONIC.load(Ordering::Relaxed) {
            return super::monotonic_ns();
        }
        counter()
    }

    #[inline(always)]
    pub fn counter() -> Ticks {
        // SAFETY: every x86-64 CPU has RDTSC.
        Ticks(unsafe { _rdtsc() })
    }

    pub fn ticks_are_nanoseconds() -> bool {
        static INVARIANT: OnceLock<bool> = OnceLock::new();
        let invariant = *INVARIANT.get_or_init(has_invariant_counter);
        MONOTONIC.store(!invariant, Ordering::Relaxed);
        !invariant
    }

    pub fn name() -> &'static str {
        if ticks_are_nanoseconds() { "monotonic" } else { "tsc" }
    }

    /// "Invariant TSC" (Intel SDM 18.17.1): the counter runs at one rate in all power states.
    fn has_invariant_counter() -> bool {
        const POWER_MANAGEMENT: u32 = 0x8000_0007;
        __cpuid(0x8000_0000).eax >= POWER_MANAGEMENT && __cpuid(POWER_MANAGEMENT).edx & (1 << 8) != 0
    }
}

#[cfg(target_arch = "aarch64")]
mod source {
    pub use self::now as counter;
    use super::Ticks;

    #[inline(always)]
    pub fn now() -> Ticks {
        let ticks: u64;
        // SAFETY: the virtual counter is readable from user space on every ARMv8 system.
        unsafe { std::arch::asm!("mrs {}, cntvct_el0", out(reg) ticks, options(nostack, nomem)) };
        Ticks(ticks)
    }

    pub fn ticks_are_nanoseconds() -> bool {
        false
    }

    pub fn name() -> &'static str {
        "cntvct"
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod source {
    pub use self::now as counter;
    use super::Ticks;

    #[inline(always)]
    pub fn now() -> Ticks {
        super::monotonic_ns()
    }

    pub fn ticks_are_nanoseconds() -> bool {
        true
    }

    pub fn name() -> &'static str {
        "monotonic"
    }
}

/// The monotonic clock in nanoseconds since its first reading.
#[cfg(not(target_arch = "aarch64"))]
#[cold]
fn monotonic_ns() -> Ticks {
    static ZERO: OnceLock<Instant> = OnceLock::new();
    Ticks(ZERO.get_or_init(Instant::now).elapsed().as_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_worth_what_the_monotonic_clock_says() {
        start();
        let (ticks, instant) = (now(), Instant::now());
        std::thread::sleep(Duration::from_millis(20));
        let ours = now().since(ticks).0 as f64 * seconds_per_tick();
        let theirs = instant.elapsed().as_secs_f64();
        assert!((ours / theirs - 1.0).abs() < 0.01, "{ours} s against {theirs} s");
    }

    #[test]
    fn differences_wrap() {
        assert_eq!(Ticks(3).since(Ticks(5)).signed(), -2);
        assert_eq!(Ticks(3).since(Ticks(5)).plus(Ticks(7)), Ticks(5));
    }
}
