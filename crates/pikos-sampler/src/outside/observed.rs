//! A process that is sampled, and published as if it recorded itself.

use std::sync::Arc;
use std::time::Duration;

use pikos_publisher::{Plan, Publisher, Save, Source, StartError, Stopwatch, whole};
use pikos_wire::{End, Message};

use super::about;
use crate::read::{Target, Unreadable};
use crate::record::{Ending, NamesOfProcess, Options, Sampling, Status};

/// From one message to the next, for those who watch.
const INTERVAL: Duration = Duration::from_millis(500);

/// Why a process can't be sampled.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Its stacks can't be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The system refuses a thread.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// A process that is sampled from outside.
pub struct Observed {
    pid: u32,
    python: String,
    sampling: Sampling,
    source: Arc<Source>,
    publisher: Result<Publisher, StartError>,
}

impl Observed {
    /// Samples this process from now on, and lets others watch. `save` writes what they ask to be dumped, `pikos` is the release
    /// that does it all.
    ///
    /// # Errors
    /// What stands in the way of sampling; see [`Observed::unwatched`] for watching.
    pub fn start(pid: u32, options: &Options, save: Save, pikos: &str) -> Result<Self, Problem> {
        let target = Target::of(pid)?;
        let python = target.python();
        let source = Source::new();
        let facts = about::facts(pid, &python, pikos, options);
        source.change(|state| {
            state.facts = facts;
            state.time = Stopwatch::of_process(pid);
        });
        let names = Box::new(NamesOfProcess::new(pid));
        let sampling = Sampling::start(Box::new(target), Arc::clone(&source), options, names)?;
        let plan = Plan {
            is_public: true,
            extra: None,
            interval: INTERVAL,
            checkpoint: None,
            save,
            // The sampler's thread looks for tasks by itself.
            call: Arc::new(|| true),
        };
        let publisher = Publisher::start(Arc::clone(&source), plan);
        if let Ok(publisher) = &publisher {
            sampling.serve(publisher.mailbox());
        }
        Ok(Self { pid, python, sampling, source, publisher })
    }

    /// Which process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Which CPython it runs: "3.13.0".
    pub fn python(&self) -> &str {
        &self.python
    }

    /// Why nobody can watch, if so.
    pub fn unwatched(&self) -> Option<&StartError> {
        self.publisher.as_ref().err()
    }

    /// How it goes.
    pub fn status(&self) -> Status {
        self.sampling.status()
    }

    /// Waits for the end of sampling, but not longer than this.
    pub fn wait(&self, at_most: Duration) -> Option<Ending> {
        self.sampling.wait(at_most)
    }

    /// Ends it, and tells all that there was.
    pub fn finish(mut self) -> (Ending, Message) {
        self.sampling.stop();
        let ending = self.sampling.ending().unwrap_or(Ending::Stopped);
        let how = if ending == Ending::Over { "normal" } else { "disabled" };
        let end = End { how: how.to_owned(), detail: String::new() };
        if let Ok(publisher) = &mut self.publisher {
            publisher.end(end.clone());
        }
        (ending, whole(&self.source, Some(end)))
    }
}
