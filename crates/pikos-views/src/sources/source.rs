//! Where pictures come from.

use std::time::Duration;

use pstats_compat::Profile;

use crate::picture::{Edges, Picture, Scope};

/// What is to be on screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    pub scope: Scope,
    pub edges: Edges,
    /// Whether full stacks are wanted.
    pub tree: bool,
}

/// What a target can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    Pause,
    Resume,
    Clear,
}

impl Command {
    /// As the user is told that it was done.
    pub fn done(self) -> &'static str {
        match self {
            Command::Pause => "collection is paused",
            Command::Resume => "collection goes on",
            Command::Clear => "cleared: counting from zero",
        }
    }
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

    /// The state of things. A scope that is no more yields an empty table.
    fn picture(&mut self, query: Query) -> Picture;

    /// A scope as a profile, to be saved.
    fn profile(&self, scope: Scope) -> Result<Profile, String>;

    /// Tells the processes of a scope. The error says why one did not obey.
    fn command(&mut self, scope: Scope, command: Command) -> Result<(), String>;
}
