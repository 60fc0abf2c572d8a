//! How a command ended.

/// What the process ends with.
pub mod exit {
    pub const SUCCESS: i32 = 0;
    /// Something could not be done, or a check failed.
    pub const FAILURE: i32 = 1;
    /// The command line is wrong; clap's own code, too.
    pub const USAGE: i32 = 2;
}

/// How a command that did its work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Fine,
    /// It found what it was asked to watch for: a profile that is not sound, a run that is slower.
    Failed,
}
