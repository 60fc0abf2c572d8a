//! pstats' restrictions: a pattern, a number of rows or a fraction of them, one after another.

use regex::Regex;

use super::name::stdname;
use crate::model::{FunctionId, Profile};

/// One condition on the rows of a table.
#[derive(Clone, Debug)]
pub enum Restriction {
    /// Rows whose printed name matches somewhere.
    Pattern(Regex),
    /// Rows whose printed name matches nowhere.
    Without(Regex),
    /// The first rows.
    Rows(usize),
    /// The first part of the rows, between 0 and 1.
    Fraction(f64),
}

/// The rows that are left, and what pstats says of each reduction.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The rows, in order.
    pub rows: Vec<FunctionId>,
    /// One line for each restriction that took rows away.
    pub messages: Vec<String>,
}

impl Selection {
    /// All of these rows.
    pub fn all(rows: Vec<FunctionId>) -> Self {
        Self { rows, messages: Vec::new() }
    }

    /// What is left of the rows.
    pub fn restrict(mut self, profile: &Profile, restriction: &Restriction) -> Self {
        let before = self.rows.len();
        let told = match restriction {
            Restriction::Pattern(pattern) => {
                self.rows.retain(|&id| pattern.is_match(&stdname(profile.function(id))));
                quoted(pattern.as_str())
            }
            Restriction::Without(pattern) => {
                self.rows.retain(|&id| !pattern.is_match(&stdname(profile.function(id))));
                format!("not {}", quoted(pattern.as_str()))
            }
            Restriction::Rows(count) => {
                self.rows.truncate(*count);
                count.to_string()
            }
            Restriction::Fraction(fraction) => {
                self.rows.truncate((before as f64 * fraction + 0.5) as usize);
                // Python writes 0.0, where Rust would write 0.
                format!("{fraction:?}")
            }
        };
        if self.rows.len() != before {
            let after = self.rows.len();
            self.messages
                .push(format!("   List reduced from {before} to {after} due to restriction <{told}>"));
        }
        self
    }
}

/// As Python's `repr` writes a string of plain characters.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            _ if character == quote => quoted.extend(['\\', quote]),
            _ => quoted.push(character),
        }
    }
    quoted.push(quote);
    quoted
}
