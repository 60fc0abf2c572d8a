//! Text from a stranger's profile or process, made safe for a terminal.

use std::borrow::Cow;

/// What a terminal would obey instead of showing: control characters, and the marks that turn the
/// direction of writing round, with which a name can pass for another.
fn is_command(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// The text with U+FFFD for every character that a terminal would obey.
pub fn printable(text: &str) -> Cow<'_, str> {
    match text.contains(is_command) {
        true => text.replace(is_command, "\u{FFFD}").into(),
        false => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        assert_eq!(printable("a\x1b[2Jb\u{202E}c\u{9b}d\ne"), "a\u{FFFD}[2Jb\u{FFFD}c\u{FFFD}d\u{FFFD}e");
        assert!(matches!(printable("naïve 名前"), Cow::Borrowed(_)));
    }
}
