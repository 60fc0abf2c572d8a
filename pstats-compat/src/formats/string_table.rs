//! Strings that a file holds once and then names by number.

use std::collections::HashMap;

/// Each string once, in the order of first use.
#[derive(Default)]
pub struct StringTable {
    places: HashMap<String, usize>,
    texts: Vec<String>,
}

impl StringTable {
    /// The place of a string, new or known.
    pub fn place(&mut self, text: &str) -> usize {
        if let Some(&place) = self.places.get(text) {
            return place;
        }
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), self.texts.len() - 1);
        self.texts.len() - 1
    }

    /// All of them; an index into it is a place.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }
}
