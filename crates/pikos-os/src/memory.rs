//! The memory of this process, read from the system at each record.

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

#[cfg(test)]
mod tests {
    use super::*;

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
