//! The threads' tables, as they were read for the last message.

use std::collections::HashMap;
use std::sync::Arc;

use lsprof_engine::{Tables, Ticks, Watch, clock};

use super::source::{Rate, State};

/// The threads that are kept apart, by their numbers.
#[derive(Default)]
pub struct WatchedThreads(HashMap<u64, WatchedThread>);

struct WatchedThread {
    tables: Arc<Tables>,
    watch: Watch,
}

impl WatchedThreads {
    /// Reads them all, and their trees if `has_tree`; forgets those that are gone.
    pub fn read(&mut self, state: &State, has_tree: bool) {
        let here: HashMap<u64, &Arc<Tables>> =
            state.threads.iter().map(|thread| (thread.number, &thread.tables)).collect();
        self.0.retain(|number, thread| {
            here.get(number).is_some_and(|tables| Arc::ptr_eq(tables, &thread.tables))
        });
        for (number, tables) in here {
            let thread = self
                .0
                .entry(number)
                .or_insert_with(|| WatchedThread { tables: Arc::clone(tables), watch: Watch::default() });
            thread.watch.read(tables, clock_of(state), has_tree);
        }
    }

    /// What a thread's tables said.
    pub fn get(&self, number: u64) -> Option<&Watch> {
        self.0.get(&number).map(|thread| &thread.watch)
    }

    /// What all said.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Watch)> {
        self.0.iter().map(|(number, thread)| (*number, &thread.watch))
    }
}

/// What open calls are timed by.
fn clock_of(state: &State) -> Option<fn() -> Ticks> {
    match state.rate {
        Rate::Timer(_) => None,
        _ if state.looks.is_some() => None,
        _ => Some(clock::now),
    }
}
