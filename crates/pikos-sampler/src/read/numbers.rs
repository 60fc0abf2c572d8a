//! What the system calls the threads of a process that has numbers of its own: one in a container, looked at from outside.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A number that isn't known is looked for again after so long.
const AGAIN: Duration = Duration::from_millis(500);
/// More threads aren't asked for.
const THREADS: usize = 1 << 16;

/// The system's numbers of threads, by those that they have for themselves.
#[derive(Debug, Default)]
pub struct Numbers {
    pid: u32,
    ours: HashMap<u64, u64>,
    asked: Option<Instant>,
}

impl Numbers {
    /// `None` where threads have the same numbers for themselves as for us.
    pub fn of(pid: u32) -> Option<Self> {
        let (_, inner) = both(&format!("/proc/{pid}/status"))?;
        (inner != u64::from(pid)).then(|| Self { pid, ..Self::default() })
    }

    /// Our number of a thread; its own where that can't be found out.
    pub fn ours(&mut self, inner: u64) -> u64 {
        if let Some(ours) = self.ours.get(&inner) {
            return *ours;
        }
        if self.asked.is_none_or(|asked| asked.elapsed() > AGAIN) {
            self.asked = Some(Instant::now());
            let threads =
                std::fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten();
            let found = threads.take(THREADS).filter_map(|thread| {
                let (ours, inner) = both(thread.path().join("status").to_str()?)?;
                Some((inner, ours))
            });
            self.ours = found.collect();
        }
        self.ours.get(&inner).copied().unwrap_or(inner)
    }
}

/// The number that we have for a thread, and the one that it has for itself.
fn both(status: &str) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(status).ok()?;
    numbers(&text)
}

fn numbers(status: &str) -> Option<(u64, u64)> {
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    let mut numbers = line.split_ascii_whitespace().map(str::parse);
    let first: u64 = numbers.next()?.ok()?;
    Some((first, numbers.next_back().unwrap_or(Ok(first)).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_number_is_ours() {
        assert_eq!(numbers("Name:\tpython\nNSpid:\t4711\t12\t1\nNSsid:\t1\n"), Some((4711, 1)));
        assert_eq!(numbers("NSpid:\t4711\n"), Some((4711, 4711)));
        assert_eq!(numbers("Name:\tpython\n"), None);
        assert_eq!(numbers("NSpid:\tx\n"), None);
        assert!(Numbers::of(std::process::id()).is_none(), "we are where we are");
    }
}
