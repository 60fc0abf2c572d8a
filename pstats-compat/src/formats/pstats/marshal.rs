//! The part of CPython's marshal encoding that a profile needs.
//!
//! A value is one type byte and its content; numbers are little-endian.
//!
//! | byte | value | content |
//! |---|---|---|
//! | `{` | dict | key, value, key, value, …, then `0` in the place of a key |
//! | `(` `)` | tuple | number of items in 4 bytes, or in 1 |
//! | `i` | int | 4 bytes |
//! | `l` | int | count of digits in 4 bytes, negative for a negative number; 15 bits in 2 bytes each |
//! | `g` `f` | float | 8 bytes, or decimal text after a length in 1 byte |
//! | `z` `Z` | ASCII string, interned | length in 1 byte |
//! | `a` `A` | ASCII string, interned | length in 4 bytes |
//! | `u` `t` | UTF-8 with lone surrogates, interned | length in 4 bytes |
//! | `T` `F` | bool | |
//! | `r` | a value seen before | its number in 4 bytes |
//!
//! A type byte with the high bit set means: give this value the next number, for `r`. A tuple or a
//! dict gets its number before its content does.

use crate::error::{Error, Result};

/// Set in a type byte when later values may refer to this one.
pub const FLAG_REF: u8 = 0x80;

/// A place in the bytes. Every step forward is checked against their end.
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// Takes these bytes if they are all that is left.
    pub fn ends_with(&mut self, bytes: &[u8]) -> bool {
        let is_so = &self.bytes[self.at..] == bytes;
        if is_so {
            self.at = self.bytes.len();
        }
        is_so
    }

    pub fn is_at_end(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next `count` bytes. A length that the file claims is tested here before anything is
    /// allocated for it.
    pub fn take(&mut self, count: usize, inside: &'static str) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            return Err(Error::Truncated { offset: self.at, inside });
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    /// The next bytes, which are not taken. `None` if there are fewer.
    pub fn ahead<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.bytes[self.at..].first_chunk()
    }

    /// Goes over bytes that were looked at with [`Self::ahead`].
    pub fn skip(&mut self, count: usize) {
        self.at += count;
        debug_assert!(self.at <= self.bytes.len());
    }

    pub fn byte(&mut self, inside: &'static str) -> Result<u8> {
        Ok(self.take(1, inside)?[0])
    }

    pub fn array<const N: usize>(&mut self, inside: &'static str) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, inside)?);
        Ok(array)
    }

    pub fn int32(&mut self, inside: &'static str) -> Result<i32> {
        Ok(i32::from_le_bytes(self.array(inside)?))
    }

    /// A length in 4 bytes; a negative one is an error.
    pub fn length(&mut self, inside: &'static str) -> Result<usize> {
        let offset = self.at;
        let length = self.int32(inside)?;
        usize::try_from(length).map_err(|_| Error::BadValue {
            offset,
            problem: format!("{inside} of negative length ({length})"),
        })
    }

    /// The content of `l`.
    pub fn long(&mut self) -> Result<i64> {
        const INSIDE: &str = "a long int";
        let offset = self.at;
        let digits = self.int32(INSIDE)?;
        let too_large = || Error::BadValue {
            offset,
            problem: "an int of more than 64 bits: too large for a count or a line number".to_owned(),
        };
        // Five digits of 15 bits hold every i64; more are refused before they are read.
        let count = usize::try_from(digits.unsigned_abs()).ok().filter(|&count| count <= 5);
        let mut magnitude: i128 = 0;
        for digit in 0..count.ok_or_else(too_large)? {
            let bits = u16::from_le_bytes(self.array(INSIDE)?);
            magnitude |= i128::from(bits & 0x7FFF) << (15 * digit);
        }
        let value = if digits < 0 { -magnitude } else { magnitude };
        i64::try_from(value).map_err(|_| too_large())
    }
}

/// The bytes of a reference.
pub const REFERENCE_LENGTH: usize = 5;

/// The number of the value that a reference names, if this is one.
pub fn reference(bytes: &[u8; REFERENCE_LENGTH]) -> Option<u32> {
    let &[code, a, b, c, d] = bytes;
    (code == b'r').then_some(u32::from_le_bytes([a, b, c, d]))
}

/// An int, or a reference that may lead to one.
pub enum Number {
    Int(i32),
    Reference(u32),
}

impl Number {
    fn parse(bytes: &[u8; 5]) -> Option<Self> {
        let &[code, a, b, c, d] = bytes;
        match code {
            b'i' => Some(Self::Int(i32::from_le_bytes([a, b, c, d]))),
            b'r' => Some(Self::Reference(u32::from_le_bytes([a, b, c, d]))),
            _ => None,
        }
    }
}

/// The beginning of a small tuple: two counts and two times, in the spelling that nearly all have.
pub struct Figures {
    pub counts: (Number, Number),
    pub times: (f64, f64),
}

/// The bytes of [`Figures`]: a tuple's head, two ints or references, two floats.
pub const FIGURES_LENGTH: usize = 2 + 2 * 5 + 2 * 9;

impl Figures {
    /// Those of a tuple with so many items. `None` for every other value and spelling.
    pub fn parse(bytes: &[u8; FIGURES_LENGTH], size: u8) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (second, rest) = rest.split_first_chunk()?;
        let (third, rest) = rest.split_first_chunk()?;
        let fourth = rest.first_chunk()?;
        if *head != [b')', size] {
            return None;
        }
        let counts = (Number::parse(first)?, Number::parse(second)?);
        Some(Self { counts, times: (float(third)?, float(fourth)?) })
    }
}

fn float(bytes: &[u8; 9]) -> Option<f64> {
    let (code, value) = bytes.split_first()?;
    (*code == b'g').then_some(f64::from_le_bytes(value.try_into().ok()?))
}

/// What a type byte stands for, for an error message.
pub fn describe(type_byte: u8) -> String {
    let name = match type_byte & !FLAG_REF {
        b'{' => "a dict",
        b'(' | b')' => "a tuple",
        b'i' | b'l' | b'I' => "an int",
        b'g' | b'f' => "a float",
        b'z' | b'Z' | b'a' | b'A' | b'u' | b't' => "a string",
        b'T' | b'F' => "a bool",
        b'N' => "None",
        b'r' => "a reference",
        b'c' => "a code object",
        b's' => "bytes (a profile of Python 2?)",
        b'[' => "a list",
        b'<' | b'>' => "a set",
        b'x' | b'y' => "a complex number",
        b'S' => "StopIteration",
        b'.' => "an Ellipsis",
        b':' => "a slice",
        b'0' => "the end of a dict",
        _ => return format!("the byte 0x{type_byte:02x}, which is not a marshal type"),
    };
    name.to_owned()
}

/// Writes an int in its shortest form.
pub fn push_int(out: &mut Vec<u8>, value: i64) {
    if let Ok(short) = i32::try_from(value) {
        let [a, b, c, d] = short.to_le_bytes();
        out.extend_from_slice(&[b'i', a, b, c, d]);
        return;
    }
    let mut digits = Vec::with_capacity(5);
    let mut rest = value.unsigned_abs();
    while rest > 0 {
        digits.extend_from_slice(&((rest & 0x7FFF) as u16).to_le_bytes());
        rest >>= 15;
    }
    let count = (digits.len() / 2) as i32;
    out.push(b'l');
    out.extend_from_slice(&(if value < 0 { -count } else { count }).to_le_bytes());
    out.extend_from_slice(&digits);
}

/// Writes a float, bit by bit what it was.
pub fn push_float(out: &mut Vec<u8>, value: f64) {
    out.push(b'g');
    out.extend_from_slice(&value.to_le_bytes());
}

/// Writes a tuple with so many items, and its first four: two counts and two times.
pub fn push_figures(out: &mut Vec<u8>, size: u8, counts: (i64, i64), times: (f64, f64)) {
    let (Ok(first), Ok(second)) = (i32::try_from(counts.0), i32::try_from(counts.1)) else {
        out.extend_from_slice(&[b')', size]);
        push_int(out, counts.0);
        push_int(out, counts.1);
        push_float(out, times.0);
        push_float(out, times.1);
        return;
    };
    // In one piece: nearly all of a large file is written here.
    let mut bytes = [0; FIGURES_LENGTH];
    bytes[..2].copy_from_slice(&[b')', size]);
    bytes[2] = b'i';
    bytes[3..7].copy_from_slice(&first.to_le_bytes());
    bytes[7] = b'i';
    bytes[8..12].copy_from_slice(&second.to_le_bytes());
    bytes[12] = b'g';
    bytes[13..21].copy_from_slice(&times.0.to_le_bytes());
    bytes[21] = b'g';
    bytes[22..].copy_from_slice(&times.1.to_le_bytes());
    out.extend_from_slice(&bytes);
}

/// Writes a string that later values may refer to.
pub fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(length) if text.is_ascii() => out.extend_from_slice(&[b'z' | FLAG_REF, length]),
        _ => {
            out.push(if text.is_ascii() { b'a' } else { b'u' } | FLAG_REF);
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        }
    }
    out.extend_from_slice(text);
}

/// Writes a reference to the value with this number.
pub fn push_reference(out: &mut Vec<u8>, number: u32) {
    let [a, b, c, d] = number.to_le_bytes();
    out.extend_from_slice(&[b'r', a, b, c, d]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_survive() {
        for value in [0, -1, i64::from(i32::MAX), i64::from(i32::MAX) + 1, i64::MAX, i64::MIN + 1] {
            let mut bytes = Vec::new();
            push_int(&mut bytes, value);
            let mut cursor = Cursor::new(&bytes);
            let read = match cursor.byte("").expect("a type byte") {
                b'i' => i64::from(cursor.int32("").expect("four bytes")),
                _ => cursor.long().expect("digits"),
            };
            assert_eq!(read, value);
            assert!(cursor.is_at_end());
        }
    }
}
