//! What an object is, in a few words.

use super::super::layout;
use super::super::memory::{Memory, half};
use super::{Objects, Type, Unread};

/// Characters of a string, bytes of a `bytes`, that are shown.
const SHOWN: usize = 60;
/// Digits of 30 bits that a number may have to be shown.
const DIGITS: usize = 4;
/// Where a number's digits begin.
const DIGIT: usize = 24;
/// Where a set has its size, and a float its value.
const SET_USED: usize = 24;
const FLOAT: usize = 16;
/// What a cell holds.
const CELL: usize = 16;

impl<M: Memory> Objects<'_, M> {
    /// A literal, where it has a short one; its type and size, or its type and address.
    pub fn short(&mut self, at: usize) -> Result<String, Unread> {
        let of = self.type_of(at)?;
        let sized = |count: usize| format!("<{} of {count}>", of.name);
        Ok(match of.name.as_str() {
            _ if !of.is(&of.name) => return self.named(at, &of),
            "NoneType" => "None".to_owned(),
            "bool" if self.integer(at)? == "0" => "False".to_owned(),
            "bool" => "True".to_owned(),
            "int" => self.integer(at)?,
            "float" => {
                let bits = self.word(at + FLOAT)? as u64;
                float(f64::from_bits(bits))
            }
            "str" => {
                let (text, length) = self.string(at, SHOWN)?;
                quoted(&text, length)
            }
            "bytes" => {
                let length = self.word(at + layout::SIZE)?;
                let shown = length.min(SHOWN);
                let start = at + self.layout.bytes;
                let bytes = if shown == 0 { &[] } else { self.copy(start, shown)? };
                let more = if length > shown { format!("… ({length} bytes)") } else { String::new() };
                format!("b'{}'{more}", bytes.escape_ascii())
            }
            "list" | "tuple" | "dict" => sized(self.word(at + layout::SIZE)?),
            "set" | "frozenset" => sized(self.word(at + SET_USED)?),
            _ => return self.named(at, &of),
        })
    }

    /// What a variable of a closure holds, if it is one.
    pub fn in_cell(&mut self, at: usize) -> Result<usize, Unread> {
        if self.type_of(at)?.is("cell") { self.word(at + CELL) } else { Ok(at) }
    }

    fn named(&mut self, at: usize, of: &Type) -> Result<String, Unread> {
        Ok(format!("<{} at {at:#x}>", self.full_name(of)?))
    }

    fn integer(&mut self, at: usize) -> Result<String, Unread> {
        let tag = self.word(at + layout::SIZE)?;
        let (is_negative, count) = if self.layout.minor == 11 {
            let size = tag as isize;
            (size < 0, size.unsigned_abs())
        } else {
            (tag & 3 == 2, if tag & 3 == 1 { 0 } else { tag >> 3 })
        };
        // Digits have 30 bits, a number's size is what a program can have in memory.
        if count > 1 << 40 {
            return Err(Unread::Nonsense);
        }
        if count == 0 {
            return Ok("0".to_owned());
        }
        if count > DIGITS {
            return Ok(format!("<int of {} bits or less>", 30 * count));
        }
        let bytes = self.copy(at + DIGIT, 4 * count)?;
        let digits = (0..count).rev().filter_map(|which| half(bytes, 4 * which));
        let value = digits.fold(0_i128, |value, digit| (value << 30) | i128::from(digit & 0x3FFF_FFFF));
        Ok(if is_negative { -value } else { value }.to_string())
    }

    /// A name as the program gave it, or the number that stands for one: `Task-` has been left out there.
    pub fn name(&mut self, at: usize) -> Result<String, Unread> {
        let of = self.type_of(at)?;
        if of.is("int") {
            return Ok(format!("Task-{}", self.integer(at)?));
        }
        let (text, length) = self.string(at, SHOWN)?;
        Ok(if length > SHOWN { format!("{text}…") } else { text })
    }
}

fn quoted(text: &str, length: usize) -> String {
    let mut out = String::from("'");
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if (other as u32) < 256 && other.is_control() => {
                out.push_str(&format!("\\x{:02x}", other as u32));
            }
            other => out.push(other),
        }
    }
    out.push('\'');
    if length > text.chars().count() {
        out.push_str(&format!("… ({length} characters)"));
    }
    out
}

/// As Python writes it.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let text = format!("{value:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return text };
    let digits = digits.strip_suffix(".0").unwrap_or(digits);
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_does() {
        let numbers = [1.0, -0.5, 1e16, 1e-7, 1.5e300, f64::INFINITY, f64::NAN, 0.1 + 0.2];
        let texts = ["1.0", "-0.5", "1e+16", "1e-07", "1.5e+300", "inf", "nan", "0.30000000000000004"];
        assert_eq!(numbers.map(float), texts);
    }

    #[test]
    fn strings_have_no_control_characters() {
        assert_eq!(quoted("a'\\\n\u{1b}\u{9b}ä", 7), r"'a\'\\\n\x1b\x9bä'");
        assert_eq!(quoted("ab", 100), "'ab'… (100 characters)");
    }
}
