//! Which columns of a file are drawn.

use super::error::RecordsError;
use super::memory::Memory;

/// More of a header that is none needn't be shown.
const MOST_OF_A_HEADER: usize = 200;

/// Their places in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Columns {
    pub bytes: usize,
    pub function: usize,
    pub line: usize,
    /// Of records of functions.
    pub kind: Option<usize>,
    pub file: Option<usize>,
    /// The most since the record before.
    pub peak: Option<usize>,
    pub clock: Option<Clock>,
}

/// What tells the time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    Nanoseconds(usize),
    Seconds(usize),
}

impl Columns {
    /// Finds them among the names of all.
    pub fn among(names: &[String], memory: Memory) -> Result<Self, RecordsError> {
        let place = |name: &str| names.iter().position(|column| column == name);
        let need = |column: &'static str| {
            let found = || beginning(&names.join(", "));
            place(column).ok_or_else(|| RecordsError::Column { column, found: found() })
        };
        Ok(Self {
            bytes: need(memory.column())?,
            function: need("function")?,
            line: need("lineNo")?,
            kind: place("type"),
            file: place("filename"),
            // It is told of resident memory alone.
            peak: place("peak").filter(|_| memory == Memory::Rss),
            clock: place("time_ns").map(Clock::Nanoseconds).or(place("time").map(Clock::Seconds)),
        })
    }
}

/// What of a text is enough to recognise it.
pub fn beginning(text: &str) -> String {
    let mut start: String = text.chars().take(MOST_OF_A_HEADER).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}
