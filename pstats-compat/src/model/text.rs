//! Names as Python has them, which need not be UTF-8.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A string from Python: UTF-8 that may hold lone surrogates (PEP 383 file names), as
/// CPython's `surrogatepass` writes them. Bytes go in and out unchanged; only display is lossy.
/// A clone shares the bytes: a file name stands in thousands of functions.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Arc<[u8]>);

impl Text {
    /// The bytes as CPython's `utf-8` codec with `surrogatepass` would write them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From bytes that an operating system or another tool wrote, in no promised encoding: what is
    /// not UTF-8 becomes lone surrogates, as `os.fsdecode` does (PEP 383), so that nothing is lost.
    /// Surrogates that are there already stay.
    pub fn from_os_bytes(bytes: &[u8]) -> Self {
        if Self::is_well_formed(bytes) {
            return bytes.to_vec().into();
        }
        let mut text = Vec::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.extend_from_slice(chunk.valid().as_bytes());
            for &byte in chunk.invalid() {
                // U+DC00 + byte, in the three bytes of `surrogatepass`.
                text.extend_from_slice(&[0xED, 0xB0 | (byte >> 6), 0x80 | (byte & 0x3F)]);
            }
        }
        text.into()
    }

    /// Whether CPython could decode these bytes: UTF-8 in which lone surrogates are allowed.
    pub fn is_well_formed(bytes: &[u8]) -> bool {
        let mut rest = bytes;
        loop {
            match std::str::from_utf8(rest) {
                Ok(_) => return true,
                Err(error) => match &rest[error.valid_up_to()..] {
                    [0xED, 0xA0..=0xBF, 0x80..=0xBF, after @ ..] => rest = after,
                    _ => return false,
                },
            }
        }
    }

    /// For people to read: lone surrogates become U+FFFD.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        if let Ok(text) = std::str::from_utf8(&self.0) {
            return text.into();
        }
        let mut text = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            text.push_str(chunk.valid());
            // The three bytes of a surrogate come as three chunks; it is one character.
            if !matches!(chunk.invalid(), [] | [0x80..0xC0]) {
                text.push('\u{FFFD}');
            }
        }
        text.into()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

/// Lets a map that is keyed by text be asked with plain bytes. Equality, order and hash are those
/// of the bytes, as `Borrow` demands.
impl std::borrow::Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str_lossy(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str_lossy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_bytes_become_surrogates_and_are_well_formed() {
        let text = Text::from_os_bytes(b"caf\xe9.py");
        assert_eq!(text.as_bytes(), b"caf\xed\xb3\xa9.py");
        assert!(Text::is_well_formed(text.as_bytes()));
        assert_eq!(text.to_str_lossy(), "caf\u{FFFD}.py");
        assert!(!Text::is_well_formed(b"caf\xe9.py"));
        assert!(!Text::is_well_formed(b"\xed\xa0"));
    }
}
