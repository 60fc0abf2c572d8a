//! What the publisher reads: told by the profiled threads with the GIL held, read by its own thread without.
//!
//! The lock is held for moments: numbers are not in here, only where they are to be found.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lsprof_engine::{Tables, Totals};
use pikos_wire::{End, Facts, Name};

/// A profile, as its publisher sees it.
pub struct Source {
    /// The process that it belongs to: after a fork the lock may be held by a thread that is not there.
    process: u32,
    state: Mutex<State>,
}

/// What is known.
#[derive(Clone)]
pub struct State {
    /// How often everything was cleared.
    pub epoch: u64,
    /// All functions, by their numbers.
    pub names: Vec<Name>,
    /// Threads with tables of their own.
    pub threads: Vec<Thread>,
    /// The sum of threads that are no longer kept apart.
    pub folded: Arc<Totals>,
    /// How often threads were added to that sum.
    pub folds: u64,
    /// Seconds of a tick, where it is settled: recording has ended, or a custom timer counts.
    pub tick: Option<f64>,
    /// Whether a custom timer counts: nobody else can read it.
    pub has_timer: bool,
    /// Whether nothing is recorded now.
    pub paused: bool,
    /// About the process.
    pub facts: Facts,
    /// How it ended.
    pub end: Option<End>,
}

/// A profiled thread.
#[derive(Clone)]
pub struct Thread {
    /// Its number, from 1.
    pub number: u64,
    /// What `threading` calls it.
    pub name: String,
    /// The system's number.
    pub native_id: u64,
    /// Set when it has ended.
    pub ended: Arc<AtomicBool>,
    /// What it counts.
    pub tables: Arc<Tables>,
}

impl Thread {
    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}

impl Source {
    /// Nothing but the facts.
    pub fn new(facts: Facts) -> Self {
        let state = State {
            epoch: 0,
            names: Vec::new(),
            threads: Vec::new(),
            folded: Arc::default(),
            folds: 0,
            tick: None,
            has_timer: false,
            paused: true,
            facts,
            end: None,
        };
        Self { process: std::process::id(), state: Mutex::new(state) }
    }

    /// Changes what is known. Does nothing in a forked child.
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        if self.is_of_this_process() {
            change(&mut self.lock());
        }
    }

    /// What is known now; of the names, those from `known` on.
    pub fn state(&self, known: usize, epoch: u64) -> State {
        let state = self.lock();
        let known = if state.epoch == epoch { known.min(state.names.len()) } else { 0 };
        State { names: state.names[known..].to_vec(), ..state.without_names() }
    }

    /// Whether this is the process whose profile it is.
    pub fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with it left whole values behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn without_names(&self) -> Self {
        Self {
            names: Vec::new(),
            threads: self.threads.clone(),
            folded: Arc::clone(&self.folded),
            facts: self.facts.clone(),
            end: self.end.clone(),
            ..*self
        }
    }
}
