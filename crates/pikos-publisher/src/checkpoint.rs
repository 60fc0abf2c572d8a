//! A profile file of a program that goes on, written now and then. What a file looks like is not our business.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pikos_wire::Message;

use super::stream::Stream;

/// Writes what a full message says to a file, as a whole or not at all; or says why that can't be done.
pub type Save = fn(Message, &Path) -> Result<(), String>;

/// A file that is written now and then.
pub struct Checkpoint {
    path: PathBuf,
    every: Duration,
    next: Instant,
    /// What went wrong last; told once.
    told: Option<String>,
}

impl Checkpoint {
    /// The first one comes after `every`.
    pub fn new(path: PathBuf, every: Duration) -> Self {
        Self { path, every, next: Instant::now() + every, told: None }
    }

    /// When it is to be written.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Writes it, if it is time. A failure is told on standard error, once for each reason: the next may succeed.
    pub fn write_if_due(&mut self, stream: &mut Stream, save: Save) {
        if Instant::now() < self.next {
            return;
        }
        let problem = save(stream.snapshot(), &self.path).err();
        if let Some(problem) = problem.as_ref().filter(|problem| self.told.as_ref() != Some(problem)) {
            // Not with eprintln: it panics where standard error is closed.
            let _ = writeln!(std::io::stderr(), "pikos: no checkpoint: {problem}");
        }
        self.told = problem;
        // After it is done: a large profile on a slow disk must not be all that the thread does.
        self.next = Instant::now() + self.every;
    }
}
