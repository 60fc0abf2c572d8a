//! What a frame says of its function.

use crate::model::Text;

/// File, line and name.
pub type Frame = (Text, u32, Text);

/// `name (file:line)`, or a bare name.
pub fn of(frame: &[u8]) -> Frame {
    if frame.is_empty() {
        return (Text::default(), 0, "(unknown)".into());
    }
    let parts = || {
        let inside = frame.strip_suffix(b")")?;
        let open = inside.windows(2).rposition(|pair| pair == b" (")?;
        let (name, place) = (&inside[..open], &inside[open + 2..]);
        let colon = place.iter().rposition(|&byte| byte == b':')?;
        let line = std::str::from_utf8(&place[colon + 1..]).ok()?.parse().ok()?;
        Some((Text::from_os_bytes(&place[..colon]), line, Text::from_os_bytes(name)))
    };
    parts().unwrap_or_else(|| (Text::default(), 0, Text::from_os_bytes(frame)))
}
