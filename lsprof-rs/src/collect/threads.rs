//! A profiled thread, and how it is called.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pikos_publisher::SharedName;
use pyo3::intern;
use pyo3::prelude::*;

use crate::ffi::modules::imported;
use crate::ffi::thread::{self, Mark};

/// How a thread's switches of greenlets are heard of.
pub struct Tracer {
    /// What greenlet calls.
    pub ours: Py<PyAny>,
    /// What it called before.
    pub before: Py<PyAny>,
}

/// A thread that was seen by a hook.
pub struct Thread {
    /// Tells it apart from all others.
    pub mark: Mark,
    /// `threading.get_ident()`; may be used again after the thread has ended.
    pub ident: u64,
    /// `threading.get_native_id()`.
    pub native_id: u64,
    process: u32,
    /// Shared with whoever publishes the profile.
    name: SharedName,
}

impl Thread {
    /// The running thread, whose mark this is.
    pub fn new(mark: Mark) -> Self {
        Self {
            mark,
            ident: thread::ident(),
            native_id: thread::native_id(),
            process: std::process::id(),
            name: Arc::new(Mutex::new(None)),
        }
    }

    /// False for the threads that a fork left behind in the parent. The forking thread lives on in the child.
    pub fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
            || thread::mark().is_some_and(|running| running.number == self.mark.number)
    }

    /// Asks `threading` for the thread's name, which it doesn't know before the thread is under way.
    /// Called now and then while the thread runs, and once more when somebody wants to see it.
    pub fn learn_name(&self, py: Python<'_>) {
        if let Some(name) = name_of(py, self.ident) {
            *self.lock() = Some(name);
        }
    }

    /// Whether a name is known.
    pub fn has_name(&self) -> bool {
        self.lock().is_some()
    }

    /// Its name, or a made one.
    pub fn name(&self) -> String {
        self.lock().clone().unwrap_or_else(|| format!("thread {}", self.native_id))
    }

    /// Its name, if it is known by then, for a reader without the GIL.
    pub fn shared_name(&self) -> SharedName {
        Arc::clone(&self.name)
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `threading` calls the thread. Doesn't import `threading`, nor make it invent a thread.
pub fn name_of(py: Python<'_>, ident: u64) -> Option<String> {
    let active = imported(py, intern!(py, "threading"))?.getattr(intern!(py, "_active")).ok()?;
    active.get_item(ident).ok()?.getattr("name").ok()?.extract().ok()
}
