//! What Austin writes: its head, its frames, its three figures.

use std::collections::HashMap;

use super::frame::Frame;
use crate::model::{Text, Unit};

/// A file of Austin, and the first line that was seen of each function.
#[derive(Default)]
pub struct Austin<'b> {
    unit: Option<Unit>,
    first_lines: HashMap<(&'b [u8], &'b [u8]), u32>,
}

impl<'b> Austin<'b> {
    /// Takes notice of a comment: `# austin: 3.6.0`, `# mode: memory`.
    pub fn comment(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let Some((key, value)) = text.split_once(':') else {
            return;
        };
        match (key.trim(), value.trim()) {
            ("austin", _) => self.unit = Some(Unit::Seconds),
            ("mode", "memory") if self.unit.is_some() => self.unit = Some(Unit::Other("bytes".to_owned())),
            _ => {}
        }
    }

    /// Whether a head said that it is one, or the first frames of a stack do: a process and a thread.
    pub fn is_one(&self, stack: &[u8]) -> bool {
        let mut frames = stack.split(|&byte| byte == b';');
        self.unit.is_some() || is_number_of(b'P', frames.next()) && is_number_of(b'T', frames.next())
    }

    /// What the figures are, and how many of that one is: microseconds, if the head says nothing else.
    pub fn unit(&self) -> (Unit, f64) {
        match &self.unit {
            Some(Unit::Other(unit)) => (Unit::Other(unit.clone()), 1.0),
            _ => (Unit::Seconds, 1e-6),
        }
    }

    /// A stack's frames, on the first way through the file.
    pub fn see(&mut self, stack: &'b [u8]) {
        for (file, name, line) in stack.split(|&byte| byte == b';').filter_map(parts) {
            let first = self.first_lines.entry((file, name)).or_insert(line);
            *first = line.min(*first);
        }
    }

    /// A frame, on the second way.
    pub fn frame(&self, frame: &'b [u8]) -> Option<Frame> {
        let (file, name, line) = parts(frame)?;
        let line = self.first_lines.get(&(file, name)).copied().unwrap_or(line);
        Some((Text::from_os_bytes(file), line, Text::from_os_bytes(name)))
    }
}

/// `file:function:line`.
fn parts(frame: &[u8]) -> Option<(&[u8], &[u8], u32)> {
    let colon = frame.iter().rposition(|&byte| byte == b':')?;
    let line = std::str::from_utf8(&frame[colon + 1..]).ok()?.parse().ok()?;
    let rest = &frame[..colon];
    let colon = rest.iter().rposition(|&byte| byte == b':').filter(|&colon| colon > 0)?;
    Some((&rest[..colon], &rest[colon + 1..], line))
}

/// `P123`, `T123`, `T0:123`.
fn is_number_of(kind: u8, frame: Option<&[u8]>) -> bool {
    frame.and_then(|frame| frame.strip_prefix(&[kind])).is_some_and(|number| {
        number.first().is_some_and(u8::is_ascii_digit)
            && number.iter().all(|&byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'x'))
    })
}
