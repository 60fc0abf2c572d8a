//! A profile, made ready for its summary.

use super::places::Places;
use crate::model::Profile;
use crate::owners::Owners;
use crate::stacks::Stacks;

/// What is summed up.
pub struct Subject<'p> {
    pub profile: &'p Profile,
    pub owners: Owners,
    pub stacks: Stacks<'p>,
    pub places: Places<'p>,
    /// What all functions took themselves.
    total: f64,
}

impl<'p> Subject<'p> {
    /// Of a profile whose labels are unique.
    pub fn of(profile: &'p Profile) -> Self {
        let owners = Owners::of(profile);
        let total = profile.tottime();
        Self { profile, owners, stacks: Stacks::of(profile), places: Places::of(profile), total }
    }

    /// What all functions took themselves.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// A part of the whole.
    pub fn share(&self, time: f64) -> f64 {
        if self.total > 0.0 { time / self.total } else { 0.0 }
    }
}
