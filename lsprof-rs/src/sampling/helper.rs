//! A thread that takes the GIL, now and then, for those who never do: no sample has to wait for it.
//!
//! It asks `threading` what the threads are called that were seen, a moment after there are new ones, and once a second since the
//! program may change that; it runs no Python code for it. And it carries out what those who watch ask for: the program's main
//! thread may be in a long call of C.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, current};
use std::time::Duration;

use pikos_os::signals;
use pikos_publisher::SharedName;
use pikos_sampler::read::ThreadLook;
use pyo3::intern;
use pyo3::prelude::*;

use crate::ffi::modules::imported;
use crate::session::live;

/// After a thread was seen first, so long nobody asks: it may not have a name yet, and others may come.
const PAUSE: Duration = Duration::from_millis(20);
/// So often a name is asked for that nobody knows.
const MOST_TIMES: u32 = 5;
/// From so many threads on, those that nobody knows any more are forgotten.
const MANY: usize = 64;

/// The thread, while there is something for it to do.
pub struct Helper {
    asked: Arc<Asked>,
    thread: Option<JoinHandle<()>>,
}

/// For whoever takes samples.
pub struct Given(Arc<Asked>);

/// What is asked of it.
#[derive(Default)]
pub struct Asked {
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
    /// Whether somebody who watches has asked for something.
    has_tasks: bool,
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
    /// Somebody who watches asks for something. False if nobody is here to do it.
    pub fn call(&self) -> bool {
        let mut state = self.lock();
        state.has_tasks = !state.is_over;
        self.changed.notify_all();
        state.has_tasks
    }

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

    /// Does what there is to do, until it is to end.
    fn serve(&self) {
        while let Some((has_tasks, threads)) = self.wait() {
            let served = Python::try_attach(|py| {
                threads.iter().for_each(|thread| thread.learn(py));
                if has_tasks {
                    live::carry_out_tasks_anywhere(py);
                }
            });
            if served.is_none() {
                // The interpreter ends.
                return;
            }
        }
    }

    /// Waits for something to do: whether there are tasks, and which threads' names to ask for. Nothing where it is to end.
    fn wait(&self) -> Option<(bool, Vec<Nameless>)> {
        let is_idle =
            |state: &mut State| !(state.has_new || state.wants_all || state.has_tasks || state.is_over);
        let state = self.changed.wait_while(self.lock(), is_idle).unwrap_or_else(PoisonError::into_inner);
        // A name takes a moment, a task is waited for.
        let is_quiet = |state: &mut State| !state.has_tasks && !state.is_over;
        let waited = self.changed.wait_timeout_while(state, PAUSE, is_quiet);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        if state.is_over {
            return None;
        }
        let wants_all = std::mem::take(&mut state.wants_all);
        let mut wanted = Vec::new();
        for thread in state.threads.iter_mut().filter(|thread| wants_all || thread.is_new()) {
            thread.times = thread.times.saturating_add(1);
            wanted.push(thread.clone());
        }
        state.has_new = state.threads.iter().any(Nameless::is_new);
        Some((std::mem::take(&mut state.has_tasks), wanted))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Nameless {
    /// Whether it is worth while to ask again.
    fn is_new(&self) -> bool {
        self.times < MOST_TIMES && !self.has_name()
    }

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

impl Helper {
    /// It knows no thread as yet, and doesn't run.
    pub fn new() -> Self {
        Self { asked: Arc::default(), thread: None }
    }

    /// For whoever takes samples.
    pub fn given(&self) -> Given {
        Given(Arc::clone(&self.asked))
    }

    /// Where it is asked.
    pub fn asked(&self) -> &Arc<Asked> {
        &self.asked
    }

    /// Asks for all names at once, in this thread.
    pub fn learn(&self, py: Python<'_>) {
        self.asked.learn(py);
    }

    /// Starts it, unless it runs. Where no thread is to be had, names are known when somebody wants to see them.
    pub fn start(&mut self) {
        if self.thread.is_some() {
            return;
        }
        let asked = Arc::clone(&self.asked);
        asked.lock().is_over = false;
        let start = || Builder::new().name("pikos-helper".to_owned()).spawn(move || asked.serve()).ok();
        self.thread = signals::with_all_blocked(start);
        self.asked.lock().is_over = self.thread.is_none();
    }

    /// Ends it. Returns what is to be waited for, not with the GIL held: the thread may want it.
    pub fn end(&mut self) -> Option<JoinHandle<()>> {
        self.asked.lock().is_over = true;
        self.asked.changed.notify_all();
        // It may be what somebody has asked of it.
        self.thread.take().filter(|thread| thread.thread().id() != current().id())
    }
}
