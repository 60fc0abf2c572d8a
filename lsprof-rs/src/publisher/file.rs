//! A profile file of a program that goes on: calls that are open count as if they returned now, as they would if the
//! profile were disabled.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pikos_client::Model;
use pstats_compat::formats::{self, Format};

use super::stream::Stream;

/// Writes what is known now: full stacks, where they are kept and the file's name is of a format that needs them, else
/// pstats. The file is replaced as a whole or not at all.
pub fn save(stream: &mut Stream, path: &Path) -> Result<(), String> {
    let mut model = Model::default();
    let taken = model.apply(stream.snapshot());
    taken.map_err(|error| error.to_string())?;
    let has_stacks = |format: &Format| format.needs_stacks() && model.has_tree();
    let format = Format::from_path(path).filter(has_stacks).unwrap_or(Format::Pstats);
    formats::save(&model.profile(None), format, path).map_err(|error| format!("{}: {error}", path.display()))
}

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
    pub fn write_if_due(&mut self, stream: &mut Stream) {
        if Instant::now() < self.next {
            return;
        }
        let problem = save(stream, &self.path).err();
        if let Some(problem) = problem.as_ref().filter(|problem| self.told.as_ref() != Some(problem)) {
            // Not with eprintln: it panics where standard error is closed.
            let _ = writeln!(std::io::stderr(), "pikos: no checkpoint: {problem}");
        }
        self.told = problem;
        // After it is done: a large profile on a slow disk must not be all that the thread does.
        self.next = Instant::now() + self.every;
    }
}
