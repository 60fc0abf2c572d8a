//! Where written records go: a file, or a stream of Python's. Collected, and handed on in large pieces.

use std::fs::File;
use std::io::Write;

use pyo3::prelude::*;
use pyo3::types::PyString;

/// Handed on when this much is there.
const FULL: usize = 64 * 1024;

/// Where to.
pub enum Target {
    /// A file of the system's.
    File(File),
    /// Anything with a `write` method for text.
    Stream(Py<PyAny>),
}

/// What was written, and not handed on yet.
pub struct Output {
    buffer: Vec<u8>,
    target: Target,
    /// Each record is handed on at once, and the stream flushed.
    is_unbuffered: bool,
    /// Somebody is handing on what came before: what comes now waits.
    is_busy: bool,
}

/// A piece to hand on, taken out so that nothing is borrowed while Python runs.
pub struct Piece(Vec<u8>);

impl Output {
    /// An empty one.
    pub fn new(target: Target, is_unbuffered: bool) -> Self {
        Self { buffer: Vec::with_capacity(FULL + 4096), target, is_unbuffered, is_busy: false }
    }

    /// To write a record into.
    #[inline(always)]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether it is time to [`Output::take`].
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        (self.is_unbuffered || self.buffer.len() >= FULL) && !self.is_busy
    }

    /// What there is to hand on, if anything: to the target that comes with it.
    pub fn take(&mut self, py: Python<'_>) -> Option<(Piece, Receiver)> {
        if self.is_busy || self.buffer.is_empty() {
            return None;
        }
        let receiver = match &self.target {
            Target::File(file) => Receiver::File(file.try_clone().ok()),
            Target::Stream(stream) => Receiver::Stream(stream.clone_ref(py)),
        };
        self.is_busy = true;
        Some((Piece(std::mem::replace(&mut self.buffer, Vec::with_capacity(FULL + 4096))), receiver))
    }

    /// Writes what is full to a file at once; true if that was possible, so that nothing is left to [`Output::take`].
    #[inline]
    pub fn write_to_file(&mut self) -> Result<bool, String> {
        let Target::File(file) = &mut self.target else { return Ok(false) };
        let written = file.write_all(&self.buffer);
        self.buffer.clear();
        written.map(|()| true).map_err(|error| reason(&error))
    }

    /// The piece has been handed on.
    pub fn done(&mut self) {
        self.is_busy = false;
    }

    /// Whether a flush is to follow each write.
    pub fn is_unbuffered(&self) -> bool {
        self.is_unbuffered
    }
}

/// Who gets a [`Piece`].
pub enum Receiver {
    /// The file; `None` if the system has no handle left for it.
    File(Option<File>),
    /// The stream.
    Stream(Py<PyAny>),
}

impl Receiver {
    /// Hands the piece on. The error says why it couldn't be written.
    pub fn write(self, py: Python<'_>, piece: &Piece, flush: bool) -> Result<(), String> {
        match self {
            Self::File(Some(mut file)) => file.write_all(&piece.0).map_err(|error| reason(&error)),
            Self::File(None) => Err("there are too many open files".to_owned()),
            Self::Stream(stream) => {
                let stream = stream.bind(py);
                let text = PyString::new(py, &String::from_utf8_lossy(&piece.0));
                let mut written = stream.call_method1("write", (text,)).map(drop);
                if flush && written.is_ok() {
                    written = stream.call_method0("flush").map(drop);
                }
                written.map_err(|error| error.to_string())
            }
        }
    }
}

/// Why, without the number that Rust adds.
pub fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// Writes a number in decimal.
#[inline(always)]
pub fn push_number(buffer: &mut Vec<u8>, number: u64) {
    let mut digits = itoa::Buffer::new();
    buffer.extend_from_slice(digits.format(number).as_bytes());
}

/// The decimal digits of a number that mostly is one more than the last time.
pub struct Counter {
    value: u64,
    digits: [u8; Self::MOST],
    count: usize,
}

impl Counter {
    /// Digits of the greatest number.
    const MOST: usize = 20;

    /// At zero.
    pub fn new() -> Self {
        Self { value: 0, digits: [b'0'; Self::MOST], count: 1 }
    }

    /// Writes this number.
    #[inline(always)]
    pub fn push(&mut self, buffer: &mut Vec<u8>, value: u64) {
        if value != self.value {
            self.advance_to(value);
        }
        push_short(buffer, &self.digits, self.count);
    }

    #[inline(always)]
    fn advance_to(&mut self, value: u64) {
        if value == self.value.wrapping_add(1)
            && let Some(last) = self.digits[..self.count].iter().rposition(|digit| *digit != b'9')
        {
            self.digits[last] += 1;
            self.digits[last + 1..self.count].fill(b'0');
        } else {
            let mut formatted = itoa::Buffer::new();
            let text = formatted.format(value).as_bytes();
            self.count = text.len();
            self.digits[..self.count].copy_from_slice(text);
        }
        self.value = value;
    }
}

/// Writes the first `count` bytes of a text. Copies all of them: a fixed number takes a few instructions, not a call.
#[inline(always)]
pub fn push_short<const SIZE: usize>(buffer: &mut Vec<u8>, text: &[u8; SIZE], count: usize) {
    let end = buffer.len() + count;
    buffer.extend_from_slice(text);
    buffer.truncate(end);
}
