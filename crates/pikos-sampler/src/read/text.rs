//! Strings of a process.

use super::layout::Layout;
use super::memory::{half, word};

/// Characters of a name: what is longer isn't read to its end.
const TEXT: usize = 4096;
/// The offset of a string's hash.
pub const HASH: usize = 24;

/// What a string's head says of it.
#[derive(Clone, Copy)]
pub struct Text {
    pub offset: usize,
    /// In characters.
    pub length: usize,
    /// Bytes for each character.
    width: usize,
    pub hash: usize,
}

impl Text {
    /// Bits of the state of a string that is ASCII, with its characters right behind its head.
    pub const ASCII: i32 = (1 << 5) | (1 << 6);

    pub fn new(layout: &Layout, head: &[u8]) -> Option<Self> {
        let state = half(head, layout.unicode.state)?;
        let (width, is_compact, is_ascii) = ((state >> 2) & 7, state & (1 << 5) != 0, state & (1 << 6) != 0);
        if !is_compact || !matches!(width, 1 | 2 | 4) || (is_ascii && width != 1) {
            return None;
        }
        let length = word(head, layout.unicode.length)?;
        // Longer names are cut: their end says least.
        let length = length.min(TEXT);
        let offset = if is_ascii { layout.unicode.ascii } else { layout.unicode.compact };
        Some(Self { offset, length, width: width as usize, hash: word(head, HASH)? })
    }

    pub fn bytes(self) -> usize {
        self.length * self.width
    }

    pub fn decode(self, bytes: &[u8]) -> String {
        let character = |number: u32| char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER);
        match self.width {
            1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            2 => bytes
                .chunks_exact(2)
                .map(|two| character(u32::from(u16::from_le_bytes([two[0], two[1]]))))
                .collect(),
            _ => bytes
                .chunks_exact(4)
                .filter_map(|four| Some(character(u32::from_le_bytes(four.try_into().ok()?))))
                .collect(),
        }
    }
}
