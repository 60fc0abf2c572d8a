//! What a summary is written on: how wide it is, and whether it has colours.

use crate::printable::printable;

pub use crate::amounts::{grouped, short};

/// Where a summary is written.
#[derive(Clone, Copy, Debug)]
pub struct Paper {
    /// No line has more characters than this.
    pub width: usize,
    /// Whether there are colours, and letters of several weights.
    pub colours: bool,
}

/// How a word is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// As the rest.
    Plain,
    /// What the eye is to find first.
    Bold,
    /// What it may skip.
    Dim,
    /// Much.
    Red,
    /// Not little.
    Yellow,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Ink::Plain => "",
            Ink::Bold => "\x1b[1m",
            Ink::Dim => "\x1b[2m",
            Ink::Red => "\x1b[31m",
            Ink::Yellow => "\x1b[33m",
        }
    }

    /// Of a part of the whole.
    pub fn of_share(share: f64) -> Self {
        match share {
            _ if share >= 0.1 => Ink::Red,
            _ if share >= 0.02 => Ink::Yellow,
            _ => Ink::Plain,
        }
    }
}

/// A line that grows, and ends at the paper's edge.
pub struct Line<'p> {
    paper: &'p Paper,
    text: String,
    used: usize,
}

impl<'p> Line<'p> {
    /// An empty one.
    pub fn new(paper: &'p Paper) -> Self {
        Self { paper, text: String::new(), used: 0 }
    }

    /// Adds words, as far as there is room.
    pub fn put(mut self, ink: Ink, words: &str) -> Self {
        let words = printable(words);
        let room = self.paper.width.saturating_sub(self.used);
        let count = words.chars().count();
        let mut shown: String = words.chars().take(room).collect();
        if count > room {
            // The last that there is room for says that there is more.
            shown.pop();
            shown.push('…');
        }
        self.used += count;
        if room == 0 || shown.is_empty() {
            return self;
        }
        match self.paper.colours && ink != Ink::Plain {
            true => self.text.extend([ink.code(), &shown, "\x1b[0m"]),
            false => self.text.push_str(&shown),
        }
        self
    }

    /// The line, without blanks behind it.
    pub fn done(self) -> String {
        self.text.trim_end().to_owned()
    }
}

/// A sentence on as many lines as it takes, with `mark` in front of the first.
pub fn wrapped(text: &str, mark: &str, paper: &Paper) -> Vec<String> {
    let text = printable(text);
    let indent = mark.chars().count();
    let (mut lines, mut line, mut used) = (Vec::new(), mark.to_owned(), indent);
    let mut is_empty = true;
    for word in text.split(' ') {
        let length = word.chars().count();
        if !is_empty && used + 1 + length > paper.width {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
            (used, is_empty) = (indent, true);
        }
        if !is_empty {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        (used, is_empty) = (used + length, false);
    }
    lines.push(line);
    lines
}

/// A part of the whole, in six characters.
pub fn percent(share: f64) -> String {
    format!("{:>5.1}%", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_broken_between_words() {
        let paper = Paper { width: 12, colours: false };
        assert_eq!(
            wrapped("one two three a-very-long-word x", "- ", &paper),
            ["- one two", "  three", "  a-very-long-word", "  x"]
        );
        assert_eq!(wrapped("one", "", &paper), ["one"]);
    }

    #[test]
    fn lines_end_at_the_edge_and_obey_nobody() {
        let paper = Paper { width: 10, colours: true };
        let line =
            Line::new(&paper).put(Ink::Bold, "12345").put(Ink::Plain, " 78\x1b[2J 0123").put(Ink::Dim, "x");
        assert_eq!(line.done(), "\x1b[1m12345\x1b[0m 78\u{FFFD}…");
        let paper = Paper { width: 10, colours: false };
        assert_eq!(Line::new(&paper).put(Ink::Red, "1234567890").put(Ink::Dim, "   ").done(), "1234567890");
        assert_eq!(Line::new(&paper).put(Ink::Red, "12").put(Ink::Dim, "   ").done(), "12");
    }
}
