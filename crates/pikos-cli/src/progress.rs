//! A line on standard error for what takes longer than a second.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Nobody wonders before this.
const PATIENCE: Duration = Duration::from_secs(1);
/// A line that changes faster can't be read.
const BETWEEN: Duration = Duration::from_millis(200);

/// How far a command has come, in a line that goes away with it. A thread writes it: one large file may take all the time.
pub struct Progress {
    shared: Arc<Shared>,
    /// None where nobody would see it.
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    steps: Mutex<Steps>,
    over: Condvar,
}

#[derive(Clone, Copy)]
struct Steps {
    done: usize,
    is_over: bool,
}

impl Progress {
    /// Of so many steps; a single one shows seconds only.
    pub fn new(verb: &'static str, all: usize) -> Self {
        let steps = Mutex::new(Steps { done: 0, is_over: false });
        let shared = Arc::new(Shared { steps, over: Condvar::new() });
        let mut progress = Self { shared: Arc::clone(&shared), writer: None };
        if io::stderr().is_terminal() {
            // Without a thread there is no line, and nothing else is missing.
            progress.writer = thread::Builder::new().spawn(move || shared.show(verb, all)).ok();
        }
        progress
    }

    /// One more is done.
    pub fn step(&mut self) {
        self.shared.change(|steps| steps.done += 1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.shared.change(|steps| steps.is_over = true);
        self.shared.over.notify_all();
        if let Some(writer) = self.writer.take() {
            // It doesn't panic; and if it did, what it would have shown is the least of it.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut Steps)) {
        change(&mut self.steps.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits, and writes the line again and again until all is over.
    fn show(&self, verb: &str, all: usize) {
        let start = Instant::now();
        let mut wait = PATIENCE;
        loop {
            let Steps { done, is_over } = self.wait(wait);
            if is_over {
                break;
            }
            wait = BETWEEN;
            let seconds = start.elapsed().as_secs();
            let line = match all {
                0 | 1 => format!("{verb}, {seconds} s"),
                _ => format!("{verb}, {done} of {all}, {seconds} s"),
            };
            write_line(&line);
        }
        if wait == BETWEEN {
            write_line("");
        }
    }

    /// How things are when all is over, or after this time.
    fn wait(&self, time: Duration) -> Steps {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.over.wait_timeout_while(steps, time, |steps| !steps.is_over);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Puts a text in the place of the line.
fn write_line(text: &str) {
    let mut stderr = io::stderr().lock();
    // Progress that can't be shown is no reason to stop.
    let _ = write!(stderr, "\r{text}\x1b[K");
    let _ = stderr.flush();
}
