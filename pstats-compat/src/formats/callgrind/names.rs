//! Names, and the numbers that stand for them.
//!
//! `(7) name` gives a name the number 7, and `(7)` alone is that name from then on. Files, functions and objects each have
//! numbers of their own.

use super::numbers::unsigned;
use crate::model::{IdMap, Text};

/// The names of one kind.
#[derive(Default)]
pub struct Names {
    numbered: IdMap<u64, Text>,
}

/// A name as a line has it.
#[derive(Clone)]
pub struct Mention {
    pub text: Text,
    /// Its number, if it has one.
    pub number: Option<u64>,
    /// Whether the number stood for another name until now.
    pub is_renumbered: bool,
}

/// A number that stands for no name yet.
pub struct Unnamed(pub u64);

impl Names {
    /// What a value names.
    pub fn mention(&mut self, value: &[u8]) -> Result<Mention, Unnamed> {
        let Some((number, name)) = numbered(value) else {
            return Ok(Mention { text: Text::from_os_bytes(value), number: None, is_renumbered: false });
        };
        if name.is_empty() {
            let text = self.numbered.get(&number).cloned().ok_or(Unnamed(number))?;
            return Ok(Mention { text, number: Some(number), is_renumbered: false });
        }
        let text = Text::from_os_bytes(name);
        let before = self.numbered.insert(number, text.clone());
        let is_renumbered = before.is_some_and(|before| before != text);
        Ok(Mention { text, number: Some(number), is_renumbered })
    }
}

/// `(7) name` and `(7)` taken apart. A name may begin with a parenthesis as well: `(below main)`.
fn numbered(value: &[u8]) -> Option<(u64, &[u8])> {
    let inside = value.strip_prefix(b"(")?;
    let end = inside.iter().position(|&byte| byte == b')')?;
    Some((unsigned(&inside[..end])?, inside[end + 1..].trim_ascii()))
}
