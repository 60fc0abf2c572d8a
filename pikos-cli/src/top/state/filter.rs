//! Which functions are listed.

use std::sync::Arc;

use regex::Regex;

use crate::top::model::{FunctionId, Label};

/// A regular expression, and what it said of each label: labels don't change, so each is asked once.
#[derive(Clone, Debug)]
pub struct Filter {
    regex: Regex,
    found: Vec<bool>,
}

impl Filter {
    pub fn new(regex: Regex) -> Self {
        Self { regex, found: Vec::new() }
    }

    /// As the user typed it.
    pub fn text(&self) -> &str {
        self.regex.as_str()
    }

    /// Asks about labels that are new.
    pub fn learn(&mut self, labels: &[Arc<Label>]) {
        let known = self.found.len().min(labels.len());
        self.found.extend(labels[known..].iter().map(|label| self.regex.is_match(&label.searched())));
    }

    /// Whether it finds a label that it has learnt.
    pub fn finds(&self, id: FunctionId) -> bool {
        self.found.get(id.index()).copied().unwrap_or(false)
    }
}
