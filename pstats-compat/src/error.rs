//! Everything that can go wrong with a profile, each with its place.

use std::io;

/// Why a profile could not be read, written or combined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file ended inside a value.
    #[error("the file is truncated: it ends inside {inside}, at byte {offset}")]
    Truncated {
        /// Where the value began.
        offset: usize,
        /// What was being read.
        inside: &'static str,
    },
    /// A marshal type that has no place in a profile.
    #[error(
        "byte {offset}: expected {expected}, found {found}; \
         a pstats file holds only dicts, tuples, strings and numbers"
    )]
    Refused {
        /// Where the value begins.
        offset: usize,
        /// What stands there.
        found: String,
        /// What a profile has there.
        expected: &'static str,
    },
    /// A well-formed value that makes no sense there.
    #[error("byte {offset}: {problem}")]
    BadValue {
        /// Where the value begins.
        offset: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A line of a text format that can't be understood.
    #[error("line {line}: {problem}")]
    BadLine {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// JSON that is not what the format promises.
    #[error("line {line}, column {column}: {problem}")]
    BadJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A field of well-formed JSON that makes no sense.
    #[error("{field}: {problem}")]
    BadField {
        /// The path to it.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file that ends too early, though nothing in it is malformed.
    #[error("the file is cut short or damaged: {problem}")]
    Incomplete {
        /// How that shows.
        problem: String,
    },
    /// What was asked for by name, and is not in the file.
    #[error("there is no {kind} `{wanted}` in the file; it has {has}")]
    NotInFile {
        /// What kind of thing.
        kind: &'static str,
        /// The name that was asked for.
        wanted: String,
        /// What there is.
        has: String,
    },
    /// A file of a kind that can't be read: what it is.
    #[error("this is {0}")]
    Unread(String),
    /// Neither its name nor its content tells what a file is.
    #[error("unknown format; pikos reads {readable}")]
    UnknownFormat {
        /// The names of those that are read.
        readable: String,
    },
    /// A format that is only written.
    #[error("pikos writes {0} files, but can't read them")]
    NoReader(&'static str),
    /// A format that is only read.
    #[error("pikos reads {0} files, but can't write them")]
    NoWriter(&'static str),
    /// More than is taken from anybody.
    #[error("there are more than {limit} bytes, and no more are read of one file")]
    TooLarge {
        /// How many are.
        limit: usize,
    },
    /// A profile that this format can't hold.
    #[error("{format} can't hold this profile: {problem}")]
    NotRepresentable {
        /// The format's name.
        format: &'static str,
        /// Why not.
        problem: String,
    },
    /// Profiles whose figures don't mean the same.
    #[error("these profiles can't be combined: {problem}")]
    Different {
        /// What differs.
        problem: String,
    },
    /// Profiles of which one says more than another: what it says more would have to be left out.
    #[error("these profiles can't be combined: {problem}")]
    LessDetail {
        /// What differs.
        problem: String,
    },
    /// Something stands there that no file can take the place of: what it is.
    #[error("this is {0}; name a regular file")]
    NotAFile(&'static str),
    /// The reader or writer underneath failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Shorthand for this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// What is wrong with JSON. The place stands in front, so it is taken off the end, where serde puts it.
    pub(crate) fn of_json(error: &serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        let told = error.to_string();
        let place = format!(" at line {line} column {column}");
        let problem = told.strip_suffix(&place).unwrap_or(&told).to_owned();
        Self::BadJson { line, column, problem }
    }
}
