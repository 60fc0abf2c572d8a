//! One line of a recorder, in its source.

use pikos_views::LineId;

use super::cursor::Cursor;

/// What is on screen of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LineDetail {
    pub line: LineId,
    /// Whether it is a function.
    pub by_function: bool,
    pub source: Cursor,
    /// Whether the source was scrolled to the line yet.
    pub is_placed: bool,
}

impl LineDetail {
    pub fn new(line: LineId, by_function: bool) -> Self {
        Self { line, by_function, source: Cursor::default(), is_placed: false }
    }
}
