//! What ends a command, each with the file it happened to.

use std::io;
use std::path::{Path, PathBuf};

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{0}: name the format with `--from`")]
    UnknownContent(pikos_views::Error),
    #[error("{0}")]
    Views(pikos_views::Error),
    #[error("{}", unknown_target(path))]
    UnknownTarget { path: PathBuf },
    #[error("SVG or PNG? The name `{}` doesn't say: add `--format svg` or `--format png`", path.display())]
    UnknownPicture { path: PathBuf },
    #[error("{}: {source}", path.display())]
    Records { path: PathBuf, source: crate::plot::RecordsError },
    #[error("can't write {}: {}", path.display(), of_the_system(source))]
    WriteRecords { path: PathBuf, source: parquet::errors::ParquetError },
    #[error(
        "process {0} counts objects and sends no records: `pikos record {0} -o objects.pikos` keeps what it tells"
    )]
    ObjectsOnly(u32),
    #[error("records of several processes stand in a file for each: leave out `--merge`")]
    MergesRecords,
    #[error("{0} is binary: write it to a file (`-o FILE`) or into a pipe")]
    BinaryToTerminal(&'static str),
    #[error("{} is there already, and is not a page that Pikos has made: choose another file with `-o FILE`", path.display())]
    NotOurs { path: PathBuf },
    #[error("`--diff` takes two profiles: the older one, then the newer one")]
    NotTwo,
    #[error("{}: {source}", path.display())]
    Lines { path: PathBuf, source: pstats_compat::Error },
    #[error("{}: none of its functions is in this profile: is it of the same program?", path.display())]
    OtherLines { path: PathBuf },
    #[error("no browser could be opened ({source}): open {} yourself", path.display())]
    NoBrowser { path: PathBuf, source: io::Error },
    #[error("can't write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: pstats_compat::Error },
    #[error("{}: there are no profiles in this folder", path.display())]
    NoProfiles { path: PathBuf },
    #[error("{}: this list names no files", path.display())]
    EmptyList { path: PathBuf },
    #[error("there is no thread `{thread}`; there are: {}", known.join(", "))]
    NoThread { thread: String, known: Vec<String> },
    #[error("{}: there are no labels in it; programs set them by `with pikos.label(NAME=VALUE):`", path.display())]
    NoLabels { path: PathBuf },
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
    #[error("{0}")]
    Sample(#[from] pikos_sampler::outside::Problem),
    #[error("what process {pid} does can't be shown: {problem}")]
    Unwatched { pid: u32, problem: String },
    #[error("{0}")]
    Sampling(#[from] pikos_sampler::record::OptionError),
    #[error("{0}")]
    Told(pikos_client::WireError),
    #[error("`--sample` takes process IDs of this host, not `{0}`")]
    NoProcess(String),
    #[error("no process sent anything, so nothing was saved; `pikos ps` lists live processes")]
    NobodyHeard,
    #[error("this `pikos` has no Python to run programs with: type `python -m pikos run`")]
    NeedsPython,
    #[error("{}: there is no such file; name a profile, a process ID (`pikos ps` lists them) or an endpoint", path.display())]
    NoInput { path: PathBuf },
    #[error("`--bind` is for processes that connect here: leave out `{0}`, or `--bind`")]
    BindsAndConnects(String),
    #[error("{0}")]
    NotLive(pikos_client::ClientError),
    #[error("{0}")]
    Serve(#[from] pikos_serve::ServeError),
    #[error("{0}")]
    Collect(#[from] pikos_collect::DiskError),
    #[error("can't use the terminal: {0}")]
    Terminal(io::Error),
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

/// What the system said, if it was that.
fn of_the_system(error: &parquet::errors::ParquetError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

/// What to do where a target's name doesn't tell its format.
fn unknown_target(path: &Path) -> String {
    let what = "`pikos formats` lists the formats and their endings";
    match path.as_os_str() == "-" {
        true => {
            format!("which format? Name a file (`-o app.html`) or a format (`--format collapsed`); {what}")
        }
        false => format!(
            "which format? The name `{}` doesn't say: give it a known ending, or add `--format FORMAT`; {what}",
            path.display()
        ),
    }
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
                | Error::MergesRecords
                | Error::NotTwo
                | Error::NoInput { .. }
                | Error::BindsAndConnects(_)
                | Error::NotLive(_)
                | Error::Serve(pikos_serve::ServeError::Taken(_) | pikos_serve::ServeError::NotHere(_))
                | Error::Collect(pikos_collect::DiskError::Taken(_))
                | Error::NeedsPython
                | Error::Sampling(_)
                | Error::NoProcess(_)
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

/// What the system says of an error, without its number: ` (os error 2)`.
pub fn without_numbers(text: &str) -> String {
    const BEFORE: &str = " (os error ";
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while let Some((before, after)) = rest.split_once(BEFORE) {
        plain.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        match after[digits..].strip_prefix(')').filter(|_| digits > 0) {
            Some(after) => rest = after,
            None => {
                plain.push_str(BEFORE);
                rest = after;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_systems_errors_are_left_out() {
        for (text, expected) in [
            ("a: No such file or directory (os error 2)", "a: No such file or directory"),
            ("a (os error 13): b (os error 2)!", "a: b!"),
            ("a (os error x) (os error ", "a (os error x) (os error "),
        ] {
            assert_eq!(without_numbers(text), expected);
        }
    }
}
