//! Texts in XML.

/// As it stands between tags.
pub fn escape(text: &str) -> String {
    let is_text = |sign: &char| !sign.is_control() && !matches!(sign, '\u{fffe}' | '\u{ffff}');
    text.chars()
        .filter(is_text)
        .collect::<String>()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
