//! Python's strings on the wire.

use std::fmt;

use pstats_compat::Text;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A string from Python: a MessagePack string, or binary where it is not UTF-8 (PEP 383 file names,
/// encoded with `surrogatepass`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WireText(pub Text);

impl WireText {
    /// What the system has for a text: a word of a command line, a path.
    pub fn from_os_bytes(bytes: &[u8]) -> Self {
        Self(Text::from_os_bytes(bytes))
    }

    /// In bytes.
    pub fn len(&self) -> usize {
        self.0.as_bytes().len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<&str> for WireText {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<Text> for WireText {
    fn from(text: Text) -> Self {
        Self(text)
    }
}

impl Serialize for WireText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(self.0.as_bytes()) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => serializer.serialize_bytes(self.0.as_bytes()),
        }
    }
}

impl<'de> Deserialize<'de> for WireText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = WireText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, or the bytes of one")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<WireText, E> {
                Ok(text.into())
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<WireText, E> {
                // Whatever it is, it is written to a profile as it stands: it has to be a Python string.
                Ok(WireText(match Text::is_well_formed(bytes) {
                    true => bytes.to_vec().into(),
                    false => Text::from_os_bytes(bytes),
                }))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
