//! What is known of the run that is recorded, besides its calls.

use std::cell::{Cell, RefCell};

use pikos_publisher::{Stopwatch, since_epoch};
use pikos_wire::{Facts, Recorded};

/// One run: it begins when recording does, and anew after all was forgotten.
#[derive(Default)]
pub struct Run {
    /// What there was to know when it began.
    about: RefCell<Option<Facts>>,
    options: RefCell<String>,
    time: Cell<Stopwatch>,
    threads: Cell<u64>,
}

impl Run {
    /// Notes the options that differ from the default.
    pub fn set_options(&self, options: String) {
        self.options.replace(options);
    }

    /// The options that differ from the default.
    pub fn options(&self) -> String {
        self.options.borrow().clone()
    }

    /// Notes what there is to know, if that wasn't done for this run.
    pub fn begin(&self, about: impl FnOnce() -> Facts) {
        self.about.borrow_mut().get_or_insert_with(about);
    }

    /// What there was to know when it began; nothing before.
    pub fn about(&self) -> Facts {
        let about = self.about.borrow().clone();
        // A forked child has all of it from its parent, but for this.
        about
            .map(|about| Facts { pid: std::process::id(), options: self.options(), ..about })
            .unwrap_or_default()
    }

    /// Starts or stops the time.
    pub fn change_time(&self, change: impl FnOnce(&mut Stopwatch)) {
        let mut time = self.time.get();
        change(&mut time);
        self.time.set(time);
    }

    /// How long was recorded.
    pub fn time(&self) -> Stopwatch {
        self.time.get()
    }

    /// One thread more.
    pub fn add_thread(&self) {
        self.threads.set(self.threads.get() + 1);
    }

    /// How many threads were recorded.
    pub fn threads(&self) -> u64 {
        self.threads.get()
    }

    /// The figures so far, but for those that stand in tables.
    pub fn recorded(&self) -> Recorded {
        let (elapsed, cpu) = self.time.get().read();
        Recorded {
            elapsed: elapsed.as_secs_f64(),
            cpu: cpu.as_secs_f64(),
            threads: self.threads.get(),
            ..Recorded::default()
        }
    }

    /// All was forgotten: what is recorded from now on is another run.
    pub fn clear(&self) {
        self.change_time(Stopwatch::reset);
        self.threads.set(0);
        if self.time.get().is_running() {
            self.about.borrow_mut().iter_mut().for_each(|about| about.started = since_epoch());
        } else {
            self.about.take();
        }
    }
}
