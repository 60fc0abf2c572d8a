//! When threads' waiting for the GIL is looked for: where that was asked for, and as soon as there are several threads.
//!
//! How it is found: the engine's `waits.rs`, and docs/design/gil-waits.md.

use std::cell::Cell;
use std::time::Duration;

use lsprof_engine::{Recorder, Ticks, clock};
use pikos_os::thread::processor_time_of;
use pyo3::prelude::*;

use crate::ffi::thread::has_others;

/// So long after a thread's processor clock was read, an event reads it again; sooner where waits turn out to be shorter. What is missed of
/// each wait is less than that, and one percent of the switch interval on average; reading takes a fifth of a microsecond, on a slow system one.
const PERIOD: Duration = Duration::from_micros(100);

/// Of one profile.
#[derive(Default)]
pub struct GilWaits {
    are_taken_out: Cell<bool>,
    /// Ticks a second, once there are several threads.
    rate: Cell<Option<f64>>,
}

impl GilWaits {
    /// From now on, as soon as there is reason to.
    pub fn take_out(&self, out: bool) {
        self.are_taken_out.set(out);
        self.rate.set(None);
    }

    /// Whether waiting is taken out of the times.
    pub fn are_taken_out(&self) -> bool {
        self.are_taken_out.get()
    }

    /// Whether recorders are to be watched that haven't been so far. Cheap.
    pub fn begin(&self, py: Python<'_>) -> bool {
        let begins = self.are_taken_out.get() && self.rate.get().is_none() && has_others(py);
        if begins {
            self.rate.set(Some(clock::seconds_per_tick().recip()));
        }
        begins
    }

    /// Has the recorder of a thread, by the system's number of it, look for waiting, if there are several threads.
    pub fn watch(&self, recorder: &mut Recorder, number: u64) {
        let Some(rate) = self.rate.get() else { return };
        let ticks = move |time: Duration| Ticks((time.as_secs_f64() * rate) as u64);
        let processor = move || processor_time_of(number).map(ticks);
        recorder.tell_waits(Some((Box::new(processor), ticks(PERIOD))));
    }
}
