//! What is known of functions and links while the group that they are in is unrolled.

use super::links::Links;

/// Made once for all groups.
pub(super) struct Scratch {
    /// The number of a function in its group; `NOT_HERE` for those of other groups.
    members: Vec<u32>,
    /// Outermost time of each link that has no place yet; no number where that is not asked.
    pub left: Vec<f64>,
    /// How often each link is on the stack that is looked at.
    pub on_stack: Vec<u32>,
    /// What it is worth to be above a link, of those inside of the group; left from others.
    pub worth: Vec<f64>,
    /// How much scaling is left, for all groups together, counted in items.
    pub work_left: usize,
}

/// No more scaling than this, counted in items; some more for each group.
const MAX_WORK: usize = 100_000_000;

const NOT_HERE: u32 = u32::MAX;

impl Scratch {
    pub fn new(links: &Links) -> Self {
        Self {
            members: vec![NOT_HERE; links.functions.len()],
            left: vec![f64::NAN; links.all().len()],
            on_stack: vec![0; links.all().len()],
            worth: vec![0.0; links.all().len()],
            work_left: MAX_WORK,
        }
    }

    /// The number of a function in the group, if it is one of it.
    pub fn member(&self, function: u32) -> Option<u32> {
        Some(self.members[function as usize]).filter(|&member| member != NOT_HERE)
    }

    pub fn left(&self, place: u32) -> Option<f64> {
        Some(self.left[place as usize]).filter(|left| !left.is_nan())
    }

    /// Numbers the functions of a group.
    pub fn number(&mut self, functions: &[u32]) {
        for (&function, member) in functions.iter().zip(0u32..) {
            self.members[function as usize] = member;
        }
    }

    /// The number of a function that is in the group.
    pub fn number_of(&self, function: u32) -> u32 {
        self.members[function as usize]
    }

    /// Forgets a group.
    pub fn clear(&mut self, links: &Links, functions: &[u32]) {
        for &function in functions {
            self.members[function as usize] = NOT_HERE;
            self.left[links.places(function)].fill(f64::NAN);
        }
    }
}
