//! A process at its last message, and how fast its figures grew before it.

use std::collections::HashMap;

use crate::feed::{Heard, ProfileSender};
use crate::names::Names;
use crate::picture::{FunctionId, Shown, ShownFunction};

/// What is kept of a process from one message to the next.
#[derive(Default)]
pub struct Track {
    /// That of the last message.
    pub sequence: Option<u64>,
    /// Seconds from the process's start to it.
    pub age: f64,
    /// Of a profile.
    pub profile: ProfileTrack,
}

/// The figures of a profile, and how fast they grew.
#[derive(Default)]
pub struct ProfileTrack {
    /// Each function of the process; without figures it has no row.
    pub functions: Vec<(FunctionId, Option<Shown>)>,
    /// What they add up to.
    pub sum: Shown,
    /// Time in each thread's functions, and the part of the last interval that this was.
    threads: HashMap<u64, (f64, f64)>,
}

impl Track {
    /// Takes in what a new message says, in all threads or in one, and how much that grew since the last.
    pub fn follow(&mut self, heard: Heard<'_>, thread: Option<u64>, names: &mut Names) {
        let sender = heard.sender();
        let (sequence, age) = (sender.sequence(), sender.age());
        if self.sequence == Some(sequence) {
            return;
        }
        if let Some(profile) = heard.profile() {
            // Nobody knows when what the first message tells came about.
            let elapsed = Some(age - self.age).filter(|elapsed| self.sequence.is_some() && *elapsed > 0.0);
            self.profile.follow(profile, thread, elapsed, names);
        }
        (self.sequence, self.age) = (Some(sequence), age);
    }
}

impl ProfileTrack {
    fn follow(
        &mut self,
        sender: &dyn ProfileSender,
        thread: Option<u64>,
        elapsed: Option<f64>,
        names: &mut Names,
    ) {
        let count = sender.functions();
        self.functions.reserve_exact(count - self.functions.len());
        for function in self.functions.len()..count {
            self.functions.push((names.id(&sender.label(function)), None));
        }
        let rate = |amount: f64| elapsed.map_or(0.0, |elapsed| amount.max(0.0) / elapsed);
        self.sum = Shown::default();
        for (place, (_, figures)) in self.functions.iter_mut().enumerate() {
            let was = figures.unwrap_or_default();
            *figures = sender.figures(place, thread).map(|now| {
                // What was cleared meanwhile counts from zero.
                let new = if now.ncalls < was.ncalls { now.ncalls } else { now.ncalls - was.ncalls };
                Shown { calls_per_s: rate(new as f64), share: rate(now.tottime - was.tottime), ..now }
            });
            if let Some(figures) = figures {
                self.sum.add(figures);
            }
        }
        for thread in sender.threads() {
            let (was, share) = self.threads.entry(thread.id).or_default();
            *share = rate(thread.tottime - *was);
            *was = thread.tottime;
        }
    }

    /// The functions that have figures.
    pub fn shown(&self) -> impl Iterator<Item = ShownFunction> {
        self.functions
            .iter()
            .filter_map(|(id, figures)| Some(ShownFunction { id: *id, figures: (*figures)? }))
    }

    /// The part of the last interval that a thread was in its functions.
    pub fn share(&self, thread: u64) -> f64 {
        self.threads.get(&thread).map_or(0.0, |(_, share)| *share)
    }
}
