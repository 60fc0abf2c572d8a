//! The memory of this process, read from the system at each record: what is in use, and the most of it since the last time.

/// Resident and virtual memory, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// Resident set size.
    pub rss: u64,
    /// Virtual memory size.
    pub vms: u64,
}

#[cfg(not(target_os = "linux"))]
pub use asked::Meter;
#[cfg(target_os = "linux")]
pub use file::Meter;

#[cfg(target_os = "linux")]
mod file {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use super::Usage;

    /// `/proc/self/statm`, kept open: one system call a reading, where opening it anew would take three.
    #[derive(Debug)]
    pub struct Meter {
        file: Option<File>,
        page: u64,
    }

    impl Meter {
        /// For the running process; not for a child that it forks.
        pub fn open() -> Self {
            Self { file: File::open("/proc/self/statm").ok(), page: rustix::param::page_size() as u64 }
        }

        /// What it uses now; zeros if the system doesn't say.
        #[inline]
        pub fn read(&self) -> Usage {
            let mut text = [0; 64];
            let Some(length) = self.file.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()) else {
                return Usage::default();
            };
            let mut pages = text[..length].split(|byte| *byte == b' ').map(|digits| {
                let digits = digits.iter().take_while(|digit| digit.is_ascii_digit());
                digits.fold(0, |number: u64, digit| {
                    number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))
                })
            });
            let vms = pages.next().unwrap_or(0) * self.page;
            let rss = pages.next().unwrap_or(0) * self.page;
            Usage { rss, vms }
        }
    }
}

/// For other systems; `memory_stats` knows macOS and Windows.
#[cfg(any(test, not(target_os = "linux")))]
mod asked {
    use super::Usage;

    /// Asks the system.
    #[derive(Debug)]
    pub struct Meter;

    impl Meter {
        /// For the running process.
        pub fn open() -> Self {
            Self
        }

        /// What it uses now; zeros if the system doesn't say.
        pub fn read(&self) -> Usage {
            memory_stats::memory_stats().map_or_else(Usage::default, |stats| Usage {
                rss: stats.physical_mem as u64,
                vms: stats.virtual_mem as u64,
            })
        }
    }
}

/// Why there is no [`HighWater`].
#[derive(Debug, thiserror::Error)]
#[error("this system doesn't tell the most memory that was in use from one moment to another: {0}")]
pub struct NoHighWater(std::io::Error);

#[cfg(target_os = "linux")]
pub use mark::HighWater;
#[cfg(not(target_os = "linux"))]
pub use none::HighWater;

#[cfg(target_os = "linux")]
mod mark {
    use std::cell::Cell;
    use std::fs::{File, OpenOptions};
    use std::io::{self, Write};
    use std::os::unix::fs::FileExt;

    use super::{Meter, NoHighWater};

    /// What the mark may be above the memory in use before it is begun anew: the system counts pages of each processor apart, and
    /// its two figures differ by some.
    const SLACK: u64 = 256 << 10;

    /// The most resident memory since one last asked. There is one mark in a process, with the system, and to ask begins it anew:
    /// for the other readers of `ru_maxrss` and `VmHWM`, too.
    #[derive(Debug)]
    pub struct HighWater {
        reset: File,
        status: File,
        /// `ru_maxrss` is never less than what the process had before it became this program: up to there it says nothing.
        floor: Cell<u64>,
        /// What it was when the mark was last begun anew: to find it so again may mean that it hasn't moved.
        left: Cell<u64>,
    }

    impl HighWater {
        /// For the running process; not for a child that it forks.
        pub fn open() -> Result<Self, NoHighWater> {
            let open = || {
                let mut reset = OpenOptions::new().write(true).open("/proc/self/clear_refs")?;
                let status = File::open("/proc/self/status")?;
                begin_anew(&mut reset)?;
                Ok(Self { reset, status, floor: Cell::new(0), left: Cell::new(resident_most()) })
            };
            let new = open().map_err(NoHighWater)?;
            match (new.read_status(), Meter::open().read().rss) {
                (0, _) | (_, 0) => Err(NoHighWater(io::ErrorKind::Unsupported.into())),
                _ => Ok(new),
            }
        }

        /// The most since the last time; `rss` is in use now. The next time it is the most since this one.
        #[inline]
        pub fn take(&self, rss: u64) -> u64 {
            let told = resident_most();
            let has_moved = told != self.left.get() || told <= rss + SLACK;
            let high = if has_moved && told > self.floor.get() { told } else { self.look_closely(told) };
            if high > rss + SLACK && begin_anew(&mut &self.reset).is_ok() {
                self.left.set(told);
            }
            high.max(rss)
        }

        /// From where it stands without what was before this program, which takes ten times longer.
        #[cold]
        fn look_closely(&self, told: u64) -> u64 {
            let high = self.read_status();
            if high + SLACK < told {
                self.floor.set(told);
            }
            high
        }

        fn read_status(&self) -> u64 {
            let mut text = [0; 4096];
            let length = self.status.read_at(&mut text, 0).unwrap_or(0);
            let line =
                text[..length].split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"VmHWM:"));
            let digits = line.unwrap_or_default().iter().filter(|byte| byte.is_ascii_digit());
            digits.fold(0, |number: u64, digit| {
                number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
            }) * 1024
        }
    }

    fn begin_anew(mut reset: impl Write) -> io::Result<()> {
        // proc(5): 5 sets the peak resident set size to what is resident.
        reset.write_all(b"5")
    }

    /// `ru_maxrss`, in bytes. Asked of the thread: for the process it would run through all threads, and says the same.
    #[inline]
    fn resident_most() -> u64 {
        // SAFETY: all zeros is a value of this type, of numbers only.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the structure is ours, and lives while it is filled in.
        unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
        u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024
    }
}

/// macOS and Windows tell the most since the process began, and nobody can begin that anew.
#[cfg(not(target_os = "linux"))]
mod none {
    use super::NoHighWater;

    /// There is none.
    #[derive(Debug)]
    pub enum HighWater {}

    impl HighWater {
        /// Always an error.
        pub fn open() -> Result<Self, NoHighWater> {
            Err(NoHighWater(std::io::ErrorKind::Unsupported.into()))
        }

        /// Nobody has one.
        pub fn take(&self, _rss: u64) -> u64 {
            match *self {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What other tests allocate meanwhile would be in it.
    #[cfg(target_os = "linux")]
    const OTHERS: u64 = 24 << 20;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_comes_and_goes_is_in_the_mark_once() {
        let high = HighWater::open().expect("Linux has it");
        let meter = Meter::open();
        let now = || meter.read().rss;
        high.take(now());
        for size in [200 << 20, 100 << 20] {
            let before = now();
            // Mapped apart, so that it is given back at once.
            drop(std::hint::black_box(vec![1_u8; size as usize]));
            let most = high.take(now());
            assert!(most > before + size - OTHERS, "{most} of {before} + {size}");
            // Nothing happened since.
            let quiet = high.take(now());
            assert!(quiet < before + OTHERS + (64 << 20), "{quiet} after {before}");
        }
    }

    #[test]
    fn memory_that_is_used_shows() {
        let readings: [fn() -> Usage; 2] = [|| Meter::open().read(), || asked::Meter::open().read()];
        for read in readings {
            let before = read();
            let more = std::hint::black_box(vec![1_u8; 64 << 20]);
            let after = read();
            assert!(before.rss > 0 && before.vms >= before.rss, "{before:?}");
            assert!(after.rss > before.rss + (32 << 20), "{before:?}, {after:?}");
            drop(more);
        }
    }
}
