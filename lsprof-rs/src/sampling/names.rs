//! What `threading` calls the threads that were seen. Whoever takes samples has nothing to do with Python; so the names are asked for by
//! a thread of their own, a moment after there are new ones, and by whoever wants to see them. It takes the GIL for that, which no
//! sample has to wait for, and runs no Python code.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use pikos_os::signals;
use pikos_publisher::SharedName;
use pikos_sampler::read::ThreadLook;
use pyo3::intern;
use pyo3::prelude::*;

use crate::ffi::modules::imported;

/// After a thread was seen first, so long nobody asks: it may not have a name yet, and others may come.
const PAUSE: Duration = Duration::from_millis(20);
/// So often a name is asked for that nobody knows.
const MOST_TIMES: u32 = 5;
/// From so many threads on, those that nobody knows any more are forgotten.
const MANY: usize = 64;

/// The names of all threads.
pub struct Names {
    asked: Arc<Asked>,
    thread: Option<JoinHandle<()>>,
}

/// For whoever takes samples.
pub struct Given(Arc<Asked>);

/// What is asked for.
#[derive(Default)]
struct Asked {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    threads: Vec<Nameless>,
    /// Whether some have been asked for too seldom.
    has_new: bool,
    /// Whether all are to be asked for.
    wants_all: bool,
    is_over: bool,
}

/// A thread, whose name may be known by now.
#[derive(Clone)]
struct Nameless {
    ident: u64,
    native_id: u64,
    name: SharedName,
    times: u32,
}

impl Asked {
    /// The name of a thread that was seen first, to be filled in.
    fn name(&self, ident: u64, native_id: u64) -> SharedName {
        let name = SharedName::default();
        let mut state = self.lock();
        if state.threads.len() >= MANY {
            // Ours is the last reference to the names of those.
            state.threads.retain(|thread| Arc::strong_count(&thread.name) > 1);
        }
        state.threads.push(Nameless { ident, native_id, name: Arc::clone(&name), times: 0 });
        state.has_new = true;
        self.changed.notify_all();
        name
    }

    fn learn(&self, py: Python<'_>) {
        // Nothing is locked while Python is asked.
        let threads = self.lock().threads.clone();
        threads.iter().for_each(|thread| thread.learn(py));
    }

    /// Asks for those that aren't known, until all are, or it is no use.
    fn ask(&self) {
        loop {
            let mut state = self.lock();
            while !state.has_new && !state.wants_all && !state.is_over {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let over = self.changed.wait_timeout_while(state, PAUSE, |state| !state.is_over);
            let mut state = over.unwrap_or_else(PoisonError::into_inner).0;
            if state.is_over {
                return;
            }
            let wants_all = std::mem::take(&mut state.wants_all);
            let is_wanted =
                |thread: &&mut Nameless| wants_all || (thread.times < MOST_TIMES && !thread.has_name());
            let mut wanted = Vec::new();
            for thread in state.threads.iter_mut().filter(is_wanted) {
                thread.times = thread.times.saturating_add(1);
                wanted.push(thread.clone());
            }
            let is_new = |thread: &Nameless| thread.times < MOST_TIMES && !thread.has_name();
            state.has_new = state.threads.iter().any(is_new);
            drop(state);
            if !wanted.is_empty()
                && Python::try_attach(|py| wanted.iter().for_each(|one| one.learn(py))).is_none()
            {
                // The interpreter ends.
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Nameless {
    fn has_name(&self) -> bool {
        self.name.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn learn(&self, py: Python<'_>) {
        if let Some(name) = self.found(py) {
            *self.name.lock().unwrap_or_else(PoisonError::into_inner) = Some(name);
        }
    }

    /// Asks `threading`, without importing it, and without running its Python code.
    fn found(&self, py: Python<'_>) -> Option<String> {
        let active = imported(py, intern!(py, "threading"))?.getattr(intern!(py, "_active")).ok()?;
        let thread = active.get_item(self.ident).ok()?;
        let native_id = thread.getattr(intern!(py, "_native_id")).ok()?.extract::<u64>().ok();
        // Another one may have this ident by now. A forked child's main thread keeps the number that it had in the parent.
        let is_same = native_id.is_none_or(|number| number == self.native_id);
        if !is_same && self.native_id != u64::from(std::process::id()) {
            return None;
        }
        thread.getattr(intern!(py, "_name")).ok()?.extract().ok()
    }
}

/// What whoever takes samples has of it.
impl pikos_sampler::record::Names for Given {
    fn name(&mut self, thread: &ThreadLook) -> SharedName {
        self.0.name(thread.ident, thread.native_id)
    }

    /// The program may have changed them.
    fn refresh(&mut self) {
        self.0.lock().wants_all = true;
        self.0.changed.notify_all();
    }
}

impl Names {
    /// Of no thread as yet.
    pub fn new() -> Self {
        Self { asked: Arc::default(), thread: None }
    }

    /// For whoever takes samples.
    pub fn given(&self) -> Given {
        Given(Arc::clone(&self.asked))
    }

    /// Asks for all names, those that are known included: the program may have changed them.
    pub fn learn(&self, py: Python<'_>) {
        self.asked.learn(py);
    }

    /// Starts the thread that asks, unless it runs. Where none is to be had, names are known when somebody wants to see them.
    pub fn start(&mut self) {
        if self.thread.is_some() {
            return;
        }
        let asked = Arc::clone(&self.asked);
        asked.lock().is_over = false;
        let start = || Builder::new().name("pikos-names".to_owned()).spawn(move || asked.ask()).ok();
        self.thread = signals::with_all_blocked(start);
    }

    /// Ends it. Returns what waits for that, not with the GIL held: the thread may want it.
    pub fn end(&mut self) -> Option<JoinHandle<()>> {
        self.asked.lock().is_over = true;
        self.asked.changed.notify_all();
        self.thread.take()
    }
}
