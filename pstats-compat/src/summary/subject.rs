//! A profile, made ready for its summary.

use super::places::Places;
use crate::model::{Function, Profile};
use crate::owners::Owners;
use crate::stacks::Stacks;
use crate::waiting::wait;

/// What is summed up.
pub struct Subject<'p> {
    pub profile: &'p Profile,
    pub owners: Owners,
    pub stacks: Stacks<'p>,
    pub places: Places<'p>,
    /// What all functions took themselves.
    total: f64,
    work: f64,
}

impl<'p> Subject<'p> {
    /// Of a profile whose labels are unique.
    pub fn of(profile: &'p Profile) -> Self {
        let owners = Owners::of(profile);
        let total = profile.tottime();
        let works = |function: &&Function| wait(function).is_none();
        let work = profile.functions.iter().filter(works).map(|function| function.calls.tottime).sum();
        Self { profile, owners, stacks: Stacks::of(profile), places: Places::of(profile), total, work }
    }

    /// What all functions took themselves.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The same without what they waited.
    pub fn work(&self) -> f64 {
        self.work
    }

    /// A part of the whole.
    pub fn share(&self, time: f64) -> f64 {
        if self.total > 0.0 { time / self.total } else { 0.0 }
    }
}
