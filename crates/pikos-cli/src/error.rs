//! What ends a command, each with the file it happened to.

use std::io;
use std::path::PathBuf;

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{0}: name the format with `--from`")]
    UnknownContent(pikos_views::Error),
    #[error("{0}")]
    Views(pikos_views::Error),
    #[error("which format? The name `{}` doesn't say: add `--format FORMAT`", path.display())]
    UnknownTarget { path: PathBuf },
    #[error("SVG or PNG? The name `{}` doesn't say: add `--format svg` or `--format png`", path.display())]
    UnknownPicture { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Records { path: PathBuf, source: crate::plot::RecordsError },
    #[error("{0} is binary: write it to a file (`-o FILE`) or into a pipe")]
    BinaryToTerminal(&'static str),
    #[error("can't write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: pstats_compat::Error },
    #[error("{}: there are no profiles in this folder", path.display())]
    NoProfiles { path: PathBuf },
    #[error("{}: this list names no files", path.display())]
    EmptyList { path: PathBuf },
    #[error("there is no thread `{thread}`; there are: {}", known.join(", "))]
    NoThread { thread: String, known: Vec<String> },
    #[error(
        "{}: it doesn't tell threads apart; .pikos files of `--tree` do, and what other profilers wrote with threads",
        path.display()
    )]
    NoThreads { path: PathBuf },
    #[error("{0}; `--lossy` leaves out what only some of them have")]
    NeedsLossy(pikos_views::Error),
    #[error("{0}")]
    Combine(pstats_compat::Error),
    #[error("can't sort by `{column}`: these profiles don't have it")]
    NoSuchColumn { column: &'static str },
    #[error("{0}")]
    Listen(pikos_client::ClientError),
    #[error("{0}")]
    BadTarget(pikos_client::ClientError),
    #[error("{0}")]
    Attach(String),
    #[error("no process sent anything, so nothing was saved; `pikos ps` lists live processes")]
    NobodyHeard,
    #[error("can't use the terminal: {0}")]
    Terminal(io::Error),
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// Whether the command line asked for something that can't be.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Error::Views(pikos_views::Error::NoReader(_))
                | Error::UnknownTarget { .. }
                | Error::UnknownPicture { .. }
                | Error::BinaryToTerminal(_)
                | Error::NoSuchColumn { .. }
                | Error::NoThread { .. }
                | Error::BadTarget(_)
        )
    }

    /// Whether whoever read our output stopped reading.
    pub fn is_broken_pipe(&self) -> bool {
        let kind = match self {
            Error::Output(error) => error.kind(),
            Error::Write { source: pstats_compat::Error::Io(error), path } if path.as_os_str() == "-" => {
                error.kind()
            }
            _ => return false,
        };
        kind == io::ErrorKind::BrokenPipe
    }
}

impl From<pikos_views::Error> for Error {
    fn from(error: pikos_views::Error) -> Self {
        match error {
            pikos_views::Error::UnknownContent { .. } => Error::UnknownContent(error),
            _ => Error::Views(error),
        }
    }
}
