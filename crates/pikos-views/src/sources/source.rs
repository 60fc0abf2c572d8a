//! Where pictures come from.

use std::time::Duration;

use pikos_client::Command;
use pstats_compat::Profile;

use crate::error::Error;
use crate::picture::{Edges, Picture, Scope};

/// What is to be on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// What to look at.
    pub scope: Scope,
    /// Which edges are wanted.
    pub edges: Edges,
    /// Whether full stacks are wanted.
    pub tree: bool,
    /// Whether the calls that are open now are wanted.
    pub open: bool,
    /// Whether the user's own functions are wanted alone, as well.
    pub mine: bool,
}

/// A file, some files, or processes at work.
pub trait Source {
    /// Takes in what has arrived since. True if there is a new picture.
    fn poll(&mut self) -> bool;

    /// Whether more has arrived than one `poll` took in.
    fn is_behind(&self) -> bool {
        false
    }

    /// How often `poll` wants to be called.
    fn pace(&self) -> Duration;

    /// The state of things. A scope that is no more is an empty profile.
    fn picture(&mut self, query: Query) -> Picture;

    /// A scope as a profile, to be saved.
    fn profile(&self, scope: Scope) -> Result<Profile, Error>;

    /// Tells the processes of a scope. The error says why one did not obey.
    fn command(&mut self, scope: Scope, command: &Command) -> Result<(), Error>;
}
