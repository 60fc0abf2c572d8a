//! A profile file of a program that goes on, written now and then. What a file looks like is not our business.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pikos_wire::Message;

use super::stream::Stream;

/// Writes what a full message says to a file, as a whole or not at all; or says why that can't be done.
pub type Save = fn(Message, &Path) -> Result<(), String>;

/// Why nothing is made where memory is short.
pub const NO_ROOM: &str = "too little memory is left to write it (ulimit -v)";

/// Of more kinds of trouble none is remembered.
const MOST_TOLD: usize = 32;

/// A file that is written now and then.
pub struct Checkpoint {
    path: PathBuf,
    every: Duration,
    next: Instant,
    /// What went wrong so far; each is told once.
    told: Vec<String>,
}

impl Checkpoint {
    /// The first one comes after `every`.
    pub fn new(path: PathBuf, every: Duration) -> Self {
        Self { path, every, next: Instant::now() + every, told: Vec::new() }
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
        let problem = match stream.has_room_for_once() {
            true => save(stream.snapshot(), &self.path).err(),
            false => Some(NO_ROOM.to_owned()),
        };
        if let Some(problem) = problem.filter(|problem| !self.told.contains(problem)) {
            // Not with eprintln: it panics where standard error is closed.
            let _ = writeln!(std::io::stderr(), "pikos: no checkpoint: {problem}");
            if self.told.len() < MOST_TOLD {
                self.told.push(problem);
            }
        }
        // After it is done: a large profile on a slow disk must not be all that the thread does.
        self.next = Instant::now() + self.every;
    }
}
