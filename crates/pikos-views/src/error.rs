//! What can't be shown, read or done, and why.

use std::io;
use std::path::PathBuf;

use pikos_client::ClientError;

/// Why a view has nothing to show, or did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be opened or read.
    #[error("{}: {source}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no sound profile, or can't be added to others.
    #[error("{}: {source}", path.display())]
    Profile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: pstats_compat::Error,
    },
    /// Neither its name nor its content tells the format of a file.
    #[error("{}: unknown format; pikos reads {readable}", path.display())]
    UnknownContent {
        /// Which.
        path: PathBuf,
        /// What can be read.
        readable: String,
    },
    /// A format that is only written.
    #[error("pikos writes {0} files, but can't read them")]
    NoReader(&'static str),
    /// Profiles of different kinds have no sum.
    #[error("these profiles can't be added up: choose one")]
    NoSum,
    /// Profiles of processes that can't be added up.
    #[error("{0}")]
    Sum(pstats_compat::Error),
    /// A scope that is no more.
    #[error("the process has ended")]
    NoProcess,
    /// A recorder was asked for a profile.
    #[error("a recorder has no profile")]
    NoProfile,
    /// Nobody is alive who could be told.
    #[error("there is no process to control")]
    NobodyToTell,
    /// A file was to be told.
    #[error("this is a file: there is no process to control")]
    AFile,
    /// A process that has no control socket.
    #[error("this process takes no commands")]
    NoCommands,
    /// A process does not answer, or nobody can be listened to.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// What a process answered.
    #[error("{0}")]
    Refused(String),
}
