//! Text from a stranger's profile or process, made safe for a terminal: of a pipe nobody knows where it ends.

use std::borrow::Cow;
use std::io::{self, Write};

/// What a terminal would obey instead of showing: control characters, the marks that turn the direction of writing round, with
/// which a name can pass for another, and separators of lines that are none for a program that reads lines.
pub fn is_command(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
        )
}

/// The text with U+FFFD for every character that a terminal would obey.
pub fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(is_command) {
        true => text.replace(is_command, "\u{FFFD}").into(),
        false => text.into(),
    }
}

/// The text with an escape, as Rust writes it, for every character that a terminal would obey.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_command) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_command(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped.into()
}

/// Takes JSON as serde_json writes it, and writes what a terminal would obey as an escape, which means the same.
pub struct EscapedJson<W>(pub W);

impl<W: Write> Write for EscapedJson<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // What stands between strings are single bytes, and newlines where it is pretty. Strings come in pieces that are whole.
        match std::str::from_utf8(bytes) {
            Ok(text) if text.contains(|c| c != '\n' && is_command(c)) => {
                for piece in text.split_inclusive(|c| c != '\n' && is_command(c)) {
                    match piece.chars().next_back() {
                        Some(c) if c != '\n' && is_command(c) => {
                            self.0.write_all(&piece.as_bytes()[..piece.len() - c.len_utf8()])?;
                            write!(self.0, "\\u{:04x}", u32::from(c))?;
                        }
                        _ => self.0.write_all(piece.as_bytes())?,
                    }
                }
            }
            _ => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        assert_eq!(printable("a\x1b[2Jb\u{202E}c\u{9b}d\ne"), "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d\u{FFFD}e");
        assert_eq!(printable("a\u{2028}b\u{2029}c\u{61C}"), "a\u{FFFD}b\u{FFFD}c\u{FFFD}");
        assert!(matches!(printable("naïve 名前"), Cow::Borrowed(_)));
        assert_eq!(escaped("a\x1b[2J\u{9b}\u{202E}é"), "a\\u{1b}[2J\\u{9b}\\u{202e}é");
        assert!(matches!(escaped("naïve 名前"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_means_the_same() {
        let text = "a\x1b\u{7f}\u{80}\u{9b}\u{202E}\u{2028}é\n\"\\ 名前";
        let value = serde_json::json!({ "text": [text, "plain"], text: 1 });
        let mut out = EscapedJson(Vec::new());
        serde_json::to_writer_pretty(&mut out, &value).unwrap();
        let written = String::from_utf8(out.0).unwrap();
        assert!(!written.contains(|c| c != '\n' && is_command(c)), "{written:?}");
        assert!(written.contains("\\u001b\\u007f\\u0080\\u009b\\u202e\\u2028é"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
    }
}
