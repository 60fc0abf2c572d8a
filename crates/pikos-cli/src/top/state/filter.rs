//! Which functions are listed.

use std::sync::Arc;

use pikos_views::{FunctionId, Label};
use regex::Regex;

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

    /// The same, as if it had been asked about nothing.
    pub fn anew(&self) -> Self {
        Self::new(self.regex.clone())
    }

    /// Asks about labels that are new.
    pub fn learn(&mut self, labels: &[Arc<Label>]) {
        self.learn_texts(labels.len(), |place| labels[place].searched());
    }

    /// Asks about whatever is new among so many texts.
    pub fn learn_texts(&mut self, count: usize, text: impl Fn(usize) -> String) {
        let known = self.found.len().min(count);
        self.found.extend((known..count).map(|place| self.regex.is_match(&text(place))));
    }

    /// Whether it finds a label that it has learnt.
    pub fn finds(&self, id: FunctionId) -> bool {
        self.finds_place(id.index())
    }

    /// Whether it finds the text at a place.
    pub fn finds_place(&self, place: usize) -> bool {
        self.found.get(place).copied().unwrap_or(false)
    }
}
