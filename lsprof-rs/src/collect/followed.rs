//! Coroutines whose steps a profile follows.

use std::cell::Cell;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lsprof_engine::{CoroutineTables, Coroutines, Ticks};

use crate::collect::waiting::Waiting;

/// What is followed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Followed {
    /// Steps as long as this are listed.
    pub slow: Duration,
    /// Generators as well.
    pub generators: bool,
}

/// The coroutines of one profile.
pub struct Following {
    /// What was asked for.
    pub followed: Followed,
    all: Arc<Mutex<Coroutines>>,
    waiting: Arc<Waiting>,
    /// When recording began.
    pub began: Cell<Ticks>,
}

impl Following {
    /// Nothing so far.
    pub fn new(followed: Followed, seconds_per_tick: f64) -> Self {
        let slow = followed.slow.as_secs_f64() / seconds_per_tick;
        Self {
            followed,
            all: Arc::new(Mutex::new(Coroutines::new(Ticks(slow as u64)))),
            waiting: Arc::default(),
            began: Cell::default(),
        }
    }

    /// What knows who waits for whom.
    pub fn waiting(&self) -> &Arc<Waiting> {
        &self.waiting
    }

    /// What recorders write to.
    pub fn all(&self) -> &Arc<Mutex<Coroutines>> {
        &self.all
    }

    /// The same, for a moment.
    pub fn lock(&self) -> MutexGuard<'_, Coroutines> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What may be read while it is written to.
    pub fn tables(&self) -> Arc<CoroutineTables> {
        Arc::clone(self.lock().tables())
    }
}
