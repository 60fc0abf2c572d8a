//! What a view begins with.

use regex::Regex;

use super::state::columns::SortBy;

/// How the table is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// On the whole screen; once as a table where nobody could press a key.
    Screen,
    /// Once.
    Table,
    /// Once.
    Json,
}

/// What a view begins with.
#[derive(Clone, Debug)]
pub struct Options {
    pub sort: SortBy,
    pub is_reversed: bool,
    /// Only the user's own functions.
    pub is_mine: bool,
    /// Only what this finds.
    pub include: Option<Regex>,
    /// Without what this finds.
    pub exclude: Option<Regex>,
    pub form: Form,
    /// So many rows at most, where they are printed.
    pub top: Option<usize>,
}
