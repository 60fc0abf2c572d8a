//! Whether other threads ran, on 3.11, where a thread of which nobody was told has no events.
//!
//! Thread states are counted: those that are made from some moment on, and older ones that don't stand where they stood. A
//! thread of C's has a new one each time that it comes to Python. Whoever sleeps in the same place again is taken for
//! somebody who slept all the time.

use std::cell::RefCell;

use pyo3::Python;

use super::profile_function::ThreadHandle;

/// What there was at some moment.
pub struct OtherThreads {
    process: u32,
    made: i64,
    /// The other threads' states: number, and where each stood.
    others: Vec<(i64, (usize, usize))>,
    /// Those that are no longer others, and before them the one that this is about.
    joined: RefCell<Vec<i64>>,
}

impl OtherThreads {
    /// Now.
    pub fn now(py: Python<'_>) -> Self {
        let current = ThreadHandle::current(py).id();
        let others = ThreadHandle::all(py).into_iter().filter(|state| state.id() != current);
        Self {
            process: std::process::id(),
            made: ThreadHandle::made(py),
            others: others.map(|state| (state.id(), state.position())).collect(),
            joined: RefCell::new(vec![current]),
        }
    }

    /// The running thread is none of the others.
    pub fn join(&self, py: Python<'_>) {
        let current = ThreadHandle::current(py).id();
        let mut joined = self.joined.borrow_mut();
        if !joined.contains(&current) {
            joined.push(current);
        }
    }

    /// How many have run since.
    pub fn have_run(&self, py: Python<'_>) -> usize {
        if self.process != std::process::id() {
            // They are the parent's, which has forked.
            return 0;
        }
        let states = ThreadHandle::all(py);
        let stands = |(number, position): &&(i64, (usize, usize))| {
            states.iter().any(|state| state.id() == *number && state.position() == *position)
        };
        let moved = self.others.len() - self.others.iter().filter(stands).count();
        let new = usize::try_from(ThreadHandle::made(py) - self.made).unwrap_or_default();
        (moved + new).saturating_sub(self.joined.borrow().len() - 1)
    }
}
