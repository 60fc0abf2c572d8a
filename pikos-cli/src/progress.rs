//! A line on standard error for what takes longer than a second.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Nobody wonders before this.
const PATIENCE: Duration = Duration::from_secs(1);
/// A line that changes faster can't be read.
const BETWEEN: Duration = Duration::from_millis(100);

/// How far a command has come. The line goes away with it.
pub struct Progress {
    verb: &'static str,
    done: usize,
    all: usize,
    next: Instant,
    is_terminal: bool,
    is_shown: bool,
}

impl Progress {
    pub fn new(verb: &'static str, all: usize) -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self { verb, done: 0, all, next: Instant::now() + PATIENCE, is_terminal, is_shown: false }
    }

    /// One more is done.
    pub fn step(&mut self) {
        self.done += 1;
        let now = Instant::now();
        if !self.is_terminal || now < self.next {
            return;
        }
        self.next = now + BETWEEN;
        self.is_shown = true;
        let mut stderr = std::io::stderr().lock();
        // Progress that can't be shown is no reason to stop.
        let _ = write!(stderr, "\r{} {} of {}\x1b[K", self.verb, self.done, self.all);
        let _ = stderr.flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
