//! What is shown of a process and its threads, or of a file.

use crate::recording::RecorderFacts;

/// A thread of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    /// Its number in its process.
    pub id: u64,
    /// Its name, safe to print.
    pub name: String,
    /// The labels of this part of it, if it has any; safe to print.
    pub labels: Vec<(String, String)>,
    /// Whether it is over; its figures stay.
    pub is_over: bool,
    /// Seconds in its functions.
    pub tottime: f64,
    /// Seconds that it waited for the GIL, in no function's time.
    pub gil_wait: f64,
    /// Calls.
    pub ncalls: i64,
    /// As [`Shown::share`](super::Shown::share), over all of its functions.
    pub share: f64,
}

/// A process, or a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// The script or the file, safe to print.
    pub title: String,
    /// Its number; a file has none.
    pub pid: Option<u32>,
    /// Where it runs, if not here.
    pub host: Option<String>,
    /// How far it has come.
    pub phase: Phase,
    /// How many functions it has.
    pub functions: usize,
    /// Seconds in its functions.
    pub tottime: f64,
    /// Calls, if anybody counted them.
    pub ncalls: Option<i64>,
    /// Calls per second in the last interval.
    pub calls_per_s: f64,
    /// Seconds since it began, by its own clock.
    pub age: Option<f64>,
    /// Its threads.
    pub threads: Vec<Thread>,
    /// How much its figures can be relied on.
    pub health: Option<Health>,
    /// Of a recorder: it has no profile.
    pub recorder: Option<RecorderFacts>,
}

impl Process {
    /// Seconds that its threads waited for the GIL.
    pub fn gil_wait(&self) -> f64 {
        self.threads.iter().map(|thread| thread.gil_wait).sum()
    }
}

/// How far a process has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A file: it says all that it will ever say.
    Finished,
    /// At work.
    Running,
    /// Alive, and not collecting.
    Paused,
    /// It said that it ended, and how.
    Ended(String),
    /// It went without a word, or can't be reached.
    Lost(String),
}

/// How much the figures of a live process can be relied on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// The profiler's part of the time, as an estimate: 0.05 is 5 %.
    pub overhead: Option<f64>,
    /// Seconds since its last message was made.
    pub lag: Option<f64>,
    /// Messages that did not arrive.
    pub lost: u64,
    /// Seconds between its messages.
    pub interval: Option<f64>,
    /// Which hook counts.
    pub hook: Option<String>,
}
