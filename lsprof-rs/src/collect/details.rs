//! Which details of calls a profile keeps, beyond cProfile's figures.

use std::cell::Cell;
use std::time::Duration;

use lsprof_engine::{Details, Ticks, clock};
use pikos_os::thread::{processor_time, processor_time_of};

/// A thread that is taken off its processor and put back has been away for longer. So events that are no further apart leave its
/// clock unread, which takes a fifth of a microsecond and more.
const PATIENCE: Duration = Duration::from_micros(2);

/// Of one profile.
#[derive(Default)]
pub struct KeptDetails {
    /// How long each call took.
    pub durations: Cell<bool>,
    /// What a processor had of each function.
    pub cpu: Cell<bool>,
    /// When recording began, where anybody wants to know.
    pub began: Cell<Option<Ticks>>,
    /// Ticks a second.
    rate: Cell<Option<f64>>,
}

impl KeptDetails {
    /// Whether there are any.
    pub fn are_kept(&self) -> bool {
        self.durations.get() || self.cpu.get()
    }

    /// Those of a thread, by the system's number of it; `None` where none are kept.
    pub fn of_thread(&self, number: u64) -> Option<Details> {
        self.are_kept().then(|| {
            let mut details = Details::default();
            if self.durations.get() {
                details.keep_durations();
            }
            if self.cpu.get() {
                let rate = self.rate();
                let ticks = move |time: Duration| Ticks((time.as_secs_f64() * rate) as u64);
                let process = std::process::id();
                let processor = move || {
                    // In a forked child the one thread has another number.
                    let here = || (std::process::id() != process).then(processor_time);
                    processor_time_of(number).or_else(here).map(ticks)
                };
                details.tell_idleness(Box::new(processor), ticks(PATIENCE));
            }
            details
        })
    }

    fn rate(&self) -> f64 {
        let rate = self.rate.get().unwrap_or_else(|| clock::seconds_per_tick().recip());
        self.rate.set(Some(rate));
        rate
    }
}
