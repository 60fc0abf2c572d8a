//! What this system hasn't got, told to the user. PLATFORM.md repeats these sentences; a test compares them.

use std::io;

/// Something that this system hasn't got, or that Pikos can't use there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// No private folder for sockets, or no way to wake the thread that serves them.
    #[error(
        "live profiles need Unix sockets, which this system does not have; write the profile to a file with -o"
    )]
    LiveProfiles,
    /// No handle of our own for what Python has opened.
    #[error(
        "recorders cannot write to files by themselves on this system; give them an io.StringIO and save its text"
    )]
    OpenFiles,
    /// No way to copy memory of another process that we know of.
    #[error(
        "stacks of a running process can be read on Linux only; count calls with `python -m pikos.cprofile` instead"
    )]
    ForeignMemory,
}

impl From<Unsupported> for io::Error {
    fn from(what: Unsupported) -> Self {
        io::Error::new(io::ErrorKind::Unsupported, what)
    }
}
