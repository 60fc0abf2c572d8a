//! What an interpreter tells of.

/// What this interpreter tells of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tells {
    /// Whether of all types; else of those that were named.
    pub all_types: bool,
    /// Whether of each object that goes.
    pub ends: bool,
}
