//! What a delta builds on: a message that said everything, while what it said it of is the same.

use std::time::{Duration, Instant};

use super::source::State;

/// The last message that said everything.
pub struct Base {
    /// Its number.
    pub seq: u64,
    epoch: u64,
    folds: u64,
    at: Instant,
}

impl Base {
    /// Made now, of this state.
    pub fn of(seq: u64, state: &State) -> Self {
        Self { seq, epoch: state.epoch, folds: state.folds, at: Instant::now() }
    }

    /// Whether a delta on it can say what is the case now.
    pub fn carries(&self, state: &State) -> bool {
        self.epoch == state.epoch && self.folds == state.folds && self.at.elapsed() < full_every()
    }
}

/// After so long a full message comes anyway: 10 to 14 seconds. Not the same in all processes: those that are watched together
/// began together for their watcher, who would get all of their full messages at once.
fn full_every() -> Duration {
    Duration::from_millis(10_000 + u64::from(std::process::id() % 32) * 125)
}
