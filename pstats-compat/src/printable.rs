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
    escaped_where(text, is_command)
}

/// The same of a line of code, which tabs may indent.
pub fn escaped_code(line: &str) -> Cow<'_, str> {
    escaped_where(line, |c| c != '\t' && is_command(c))
}

fn escaped_where(text: &str, is_escaped: fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(is_escaped) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match is_escaped(c) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped.into()
}

/// Takes text and writes what a terminal would obey as an escape of JSON and JavaScript, in which it means the same. Tabs and
/// ends of lines stay. The text comes in pieces that are whole.
pub struct Escaped<W>(pub W);

impl<W: Write> Write for Escaped<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        for chunk in bytes.utf8_chunks() {
            let text = chunk.valid();
            let mut plain = 0;
            for (at, c) in text.char_indices().filter(|(_, c)| is_command(*c)) {
                let after = &text[at + c.len_utf8()..];
                if matches!(c, '\n' | '\t') || (c == '\r' && after.starts_with('\n')) {
                    continue;
                }
                self.0.write_all(&text.as_bytes()[plain..at])?;
                write!(self.0, "\\u{:04x}", u32::from(c))?;
                plain = at + c.len_utf8();
            }
            let (whole, next) = rest.split_at(text.len() + chunk.invalid().len());
            self.0.write_all(&whole[plain..])?;
            rest = next;
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
        let mut out = Escaped(Vec::new());
        serde_json::to_writer_pretty(&mut out, &value).unwrap();
        let written = String::from_utf8(out.0).unwrap();
        assert!(!written.contains(|c| c != '\n' && is_command(c)), "{written:?}");
        assert!(written.contains("\\u001b\\u007f\\u0080\\u009b\\u202e\\u2028é"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
    }

    #[test]
    fn lines_stay_and_text_that_is_none() {
        let mut out = Escaped(Vec::new());
        out.write_all(b"a\tb\r\nc\rd\n\x9be\xff\x1b").unwrap();
        assert_eq!(out.0, b"a\tb\r\nc\\u000dd\n\x9be\xff\\u001b");
    }
}
