//! Screens and tables in ASCII, for terminals that show nothing else.

use ratatui::buffer::Buffer;

/// Whether the locale has other characters than UTF-8's. Where nobody has set one, it is not asked for: containers seldom have one,
/// and the terminals around them show everything.
pub fn is_asked_for() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os);
    let mut set = locale.filter(|value| !value.is_empty());
    set.next().is_some_and(|locale| !is_utf8(&locale.to_string_lossy()))
}

fn is_utf8(locale: &str) -> bool {
    let locale = locale.to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// The same text, with as many characters.
pub fn text(text: &str) -> String {
    text.chars().map(character).collect()
}

/// The same screen.
pub fn screen(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let c = cell.symbol().chars().next().map_or(' ', character);
            cell.set_char(c);
        }
    }
}

fn character(c: char) -> char {
    match c {
        c if c.is_ascii() => c,
        '…' => '~',
        '≥' | '→' | '▸' => '>',
        '←' => '<',
        'µ' => 'u',
        '▼' | '▾' => 'v',
        '▲' => '^',
        '▁' => '.',
        '▂' | '▃' => '-',
        '▄' | '▅' => '=',
        '░' => '.',
        '▉'..='▏' | '█' | '▆' | '▇' | '▒' | '▓' => '#',
        '─' | '┄' => '-',
        '│' => '|',
        '┌'..='╿' => '+',
        '⠀' => ' ',
        '⠁'..='⣿' => '*',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_its_length() {
        assert_eq!(text("▏▼µs …/naïve.py"), "#vus ~/na?ve.py");
        assert_eq!(
            [is_utf8("de_DE.UTF-8"), is_utf8("C.utf8"), is_utf8("C"), is_utf8("de_DE@euro")],
            [true, true, false, false]
        );
    }
}
