//! What the publisher's thread has to know from the Python side. The collector puts it here, holding the GIL; the
//! thread takes it out without. The lock is held for as long as a few values are copied, and never on the hot path.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lsprof_engine::{Looks, NodeTotals, Tables, Ticks, Totals};
use pikos_wire::{Facts, LabelRow, Name, Sampled, ThreadRow, WireText, name_with_labels};

use super::stopwatch::Stopwatch;
use super::tasks::SharedCoroutines;

/// A thread's name as far as it is known: `threading` gives it late, and the program may change it.
pub type SharedName = Arc<Mutex<Option<String>>>;

/// How samples were taken so far, where samples are what is counted.
pub type SharedSampled = Arc<Mutex<Sampled>>;

/// A profiled thread.
#[derive(Clone)]
pub struct SourceThread {
    /// Tells it apart from all others of this process; never [`FOLDED`].
    pub number: u64,
    /// `threading.get_native_id()`.
    pub native_id: u64,
    /// What it is called.
    pub name: SharedName,
    /// Set when it has ended.
    pub ended: Arc<AtomicBool>,
    /// Where a thread's figures are kept apart by label set, each as a thread of its own: that set.
    pub labels: Vec<(String, String)>,
    /// Its numbers.
    pub tables: Arc<Tables>,
}

impl SourceThread {
    /// As it stands in a message.
    pub fn row(&self) -> ThreadRow {
        let name = self.name.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // `threading`, which names the main thread, may not even be imported.
        let is_main = self.native_id == u64::from(std::process::id());
        let made = || if is_main { "MainThread".to_owned() } else { format!("thread {}", self.native_id) };
        let labels = self.labels.iter().map(|(label, value)| (label.as_str(), value.as_str()));
        ThreadRow {
            thread: self.number,
            name: name_with_labels(&name.unwrap_or_else(made), labels).as_str().into(),
            native_id: self.native_id,
            is_over: self.ended.load(Ordering::Acquire),
        }
    }

    /// Its labels, if it has any.
    pub fn label_row(&self) -> Option<LabelRow> {
        let texts = self.labels.iter().flat_map(|(name, value)| [name, value]);
        let labels: Vec<WireText> = texts.map(|text| text.as_str().into()).collect();
        (!labels.is_empty()).then_some(LabelRow { thread: self.number, labels })
    }
}

/// How ticks become seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Rate {
    /// By the clock's rate, as it is known at the moment.
    #[default]
    Clock,
    /// By this one: the profile is disabled, and its seconds don't change any more.
    Fixed(f64),
    /// By that of a custom timer, which nobody but the profiled threads may read.
    Timer(f64),
}

/// Everything, at one moment.
#[derive(Clone, Default)]
pub struct State {
    /// What hardly ever changes.
    pub facts: Facts,
    /// Functions by their numbers, since the last clear.
    pub names: Vec<Name>,
    /// All threads that are kept apart.
    pub threads: Vec<SourceThread>,
    /// The sum of those that ended and are not.
    pub folded: Arc<Totals>,
    /// Their stacks; parents before their children.
    pub folded_tree: Arc<[NodeTotals]>,
    /// How often threads were added to `folded`.
    pub folds: u64,
    /// How often all was forgotten.
    pub epoch: u64,
    /// Whether nothing is collected.
    pub paused: bool,
    /// How long something was.
    pub time: Stopwatch,
    /// How many threads were recorded, those in `folded` included.
    pub threads_seen: u64,
    /// Whether it is told how much of the times no processor was at work.
    pub tells_idleness: bool,
    /// Whether it is kept how long each call took.
    pub keeps_durations: bool,
    /// When recording began, if anybody can tell.
    pub began: Option<Ticks>,
    /// How ticks become seconds.
    pub rate: Rate,
    /// Where times are sampled and calls counted: how often was looked. Those of open calls are in the tables then, as all others.
    pub looks: Option<Arc<Looks>>,
    /// Of samples: how they were taken.
    pub sampled: Option<SharedSampled>,
    /// Where coroutines are followed: what is known of them.
    pub coroutines: Option<SharedCoroutines>,
}

impl State {
    /// How samples were taken, if samples are what is counted.
    pub fn sampled(&self) -> Option<Sampled> {
        self.sampled.as_ref().map(|sampled| *sampled.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The state of one profile, shared by its collector and its publisher.
pub struct Source {
    process: u32,
    state: Mutex<State>,
}

impl Source {
    /// Of a profile that has collected nothing yet.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { process: std::process::id(), state: Mutex::default() })
    }

    /// Changes it. Does nothing in a process that was forked without a word to us: the lock may be held there by a
    /// thread which that process doesn't have.
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        if self.process == std::process::id() {
            change(&mut self.lock());
        }
    }

    /// A new function; its number is the count of those before.
    pub fn add_function(&self, name: Name) {
        self.change(|state| state.names.push(name));
    }

    /// A new thread.
    pub fn add_thread(&self, thread: SourceThread) {
        self.change(|state| {
            state.threads.push(thread);
            state.threads_seen += 1;
        });
    }

    /// A thread goes on under other labels.
    pub fn add_part(&self, thread: SourceThread) {
        self.change(|state| state.threads.push(thread));
    }

    /// Threads that have ended are from now on in the sum `folded`, and no more by themselves.
    pub fn fold(&self, gone: impl Fn(u64) -> bool, folded: &Totals, tree: &[NodeTotals]) {
        self.change(|state| {
            state.threads.retain(|thread| !gone(thread.number));
            state.folded = Arc::new(folded.clone());
            state.folded_tree = tree.into();
            state.folds += 1;
        });
    }

    /// All is forgotten.
    pub fn clear(&self) {
        self.change(|state| {
            state.names.clear();
            state.threads.clear();
            state.threads_seen = 0;
            state.folded = Arc::default();
            state.folded_tree = Arc::default();
            state.epoch += 1;
        });
    }

    /// A look at it; only in the process that made it.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The number of the row of threads that were added together.
pub const FOLDED: u64 = 0;

/// The row of ended threads that are no longer kept apart.
pub fn folded_row() -> ThreadRow {
    ThreadRow { thread: FOLDED, name: WireText::from("ended threads"), native_id: 0, is_over: true }
}
