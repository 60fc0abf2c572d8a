//! Threads that a profile does not hear of, so that whoever asked for it can be told.
//!
//! Where all threads have events, the registry knows to whom they don't go: from 3.12 on, and of frame evaluation.

use pyo3::prelude::*;

use crate::collect::registry::{self, Scope};
#[cfg(not(Py_3_12))]
use crate::ffi::other_threads::OtherThreads;

/// What there was when a profile was enabled.
pub struct Unseen {
    #[cfg(not(Py_3_12))]
    others: OtherThreads,
}

impl Unseen {
    /// The profile has been enabled for the running thread, or for all.
    pub fn begin(_py: Python<'_>) -> Self {
        Self {
            #[cfg(not(Py_3_12))]
            others: OtherThreads::now(_py),
        }
    }

    /// How many threads the profile has missed so far. Asked while it is enabled.
    pub fn count(&self, py: Python<'_>, scope: Scope) -> usize {
        #[cfg(not(Py_3_12))]
        if !super::frame_eval::covers(py, scope) {
            return match scope {
                Scope::AllThreads => super::set_profile::missed(py),
                Scope::Thread(_) => self.others.have_run(py),
                // Who isn't in the context isn't missed.
                Scope::Context(_) => 0,
            };
        }
        registry::strangers(py, scope)
    }
}
