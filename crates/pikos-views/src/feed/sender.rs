//! What a source needs to know of a process at work, whoever brings it.

use pikos_client::Command;
use pstats_compat::{Cut, Function, Profile};

use crate::error::Error;
use crate::picture::{Health, Phase, Shown, ShownStack, Tasks, Thread};
use crate::recording::{RecorderFacts, Recording};

/// One process, as far as its messages have come.
pub trait Sender {
    /// The script and its arguments, as the process has them.
    fn title(&self) -> String;
    /// Its number.
    fn pid(&self) -> u32;
    /// Its host, if that is not this one.
    fn host(&self) -> Option<String>;
    /// How far it has come.
    fn phase(&self) -> Phase;
    /// How much it can be relied on.
    fn health(&self) -> Health;
    /// Changes with every message that was taken in.
    fn sequence(&self) -> u64;
    /// Seconds from its start to its last message, by its own clock.
    fn age(&self) -> f64;
}

/// What a process said of its run, for whoever keeps more than a screen shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// The process that started it.
    pub parent: Option<u32>,
    /// Counts up when the profile is cleared.
    pub epoch: u64,
    /// Seconds since 1970 when its last message was made.
    pub time: f64,
    /// Seconds since 1970 when its stream began.
    pub started: f64,
    /// Seconds that were recorded.
    pub elapsed: f64,
    /// CPU time in them.
    pub cpu: f64,
    /// The folder that it ran in.
    pub folder: String,
    /// Where it takes commands.
    pub control: Option<String>,
}

/// A process that sends a profile. Functions are numbered from 0 in each process, and a number never means another
/// function.
pub trait ProfileSender: Sender {
    /// How many functions it has named.
    fn functions(&self) -> usize;
    /// The label of a function, without figures.
    fn label(&self, function: usize) -> Function;
    /// The figures of a function since its start, in all threads or in one, without rates; `None` if it has no row there.
    fn figures(&self, function: usize, thread: Option<u64>) -> Option<Shown>;
    /// Edges (caller, callee), of all functions or of those that begin or end at one.
    fn edges(&self, of: Option<usize>, thread: Option<u64>, each: &mut dyn FnMut(usize, usize, Shown));
    /// Its threads, with the names that it gave them, and without rates.
    fn threads(&self) -> Vec<Thread>;
    /// What it said of its run.
    fn run(&self) -> Run {
        Run::default()
    }
    /// [`Run::epoch`].
    fn epoch(&self) -> u64 {
        0
    }
    /// Whether it keeps full stacks.
    fn has_tree(&self) -> bool {
        false
    }
    /// Changes with every message that tells of them; 0 before the first.
    fn stacks_sequence(&self) -> u64 {
        0
    }
    /// Passes on the full stacks of all threads or of one, those below before those above: the place of the stack
    /// without its top, the function on top (`None` where its name did not come), and what happened. Returns what was cut
    /// off them; `None` before any have come.
    fn stacks(
        &self,
        _thread: Option<u64>,
        _each: &mut dyn FnMut(Option<u32>, Option<usize>, ShownStack),
    ) -> Option<Cut> {
        None
    }
    /// Whether it follows tasks.
    fn has_tasks(&self) -> bool {
        self.tasks().is_some()
    }
    /// Its tasks, if it follows them; functions by their numbers here.
    fn tasks(&self) -> Option<Tasks<usize>> {
        None
    }
    /// Whether it counts samples, not calls.
    fn is_sampled(&self) -> bool {
        false
    }
    /// All that it told, as a profile; of one thread, if wanted.
    fn profile(&self, thread: Option<u64>) -> Profile;
}

/// A process that sends records.
pub trait RecordSender: Sender {
    /// What a list of processes says of it.
    fn facts(&self) -> RecorderFacts;
}

/// A process that was heard of.
#[derive(Clone, Copy)]
pub enum Heard<'f> {
    /// One that sends a profile.
    Profile(&'f dyn ProfileSender),
    /// One that sends records.
    Records(&'f dyn RecordSender),
}

impl<'f> Heard<'f> {
    /// What both have.
    pub fn sender(self) -> &'f dyn Sender {
        match self {
            Heard::Profile(profile) => profile,
            Heard::Records(records) => records,
        }
    }

    /// It, if it sends a profile.
    pub fn profile(self) -> Option<&'f dyn ProfileSender> {
        match self {
            Heard::Profile(profile) => Some(profile),
            Heard::Records(_) => None,
        }
    }
}

/// Where messages come from.
pub trait Feed {
    /// Takes in what has come. True if anything has.
    fn poll(&mut self) -> bool;
    /// Whether there was too much for one time.
    fn is_behind(&self) -> bool {
        false
    }
    /// Whether it is certain that nobody is left who could send, whether he was heard or not.
    fn is_over(&self) -> bool {
        false
    }
    /// All processes that were ever heard of, in that order.
    fn heard(&self) -> Vec<Heard<'_>>;
    /// One of them, by its place.
    fn heard_at(&self, place: usize) -> Option<Heard<'_>> {
        self.heard().get(place).copied()
    }
    /// What one of them has told, if it sends records.
    fn recording(&mut self, _place: usize) -> Option<Recording> {
        None
    }
    /// Tells one of them; waits for its answer.
    fn command(&mut self, place: usize, command: &Command) -> Result<(), Error>;
}

impl<F: Feed + ?Sized> Feed for Box<F> {
    fn poll(&mut self) -> bool {
        (**self).poll()
    }
    fn is_behind(&self) -> bool {
        (**self).is_behind()
    }
    fn is_over(&self) -> bool {
        (**self).is_over()
    }
    fn heard(&self) -> Vec<Heard<'_>> {
        (**self).heard()
    }
    fn heard_at(&self, place: usize) -> Option<Heard<'_>> {
        (**self).heard_at(place)
    }
    fn recording(&mut self, place: usize) -> Option<Recording> {
        (**self).recording(place)
    }
    fn command(&mut self, place: usize, command: &Command) -> Result<(), Error> {
        (**self).command(place, command)
    }
}
