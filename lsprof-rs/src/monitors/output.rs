//! Where written records go: a file, or a stream of Python's. Collected, and handed on in large pieces.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::event::SECOND;
use super::writer::Writer;

/// Handed on when this much is there.
const FULL: usize = 128 * 1024;
/// The last record may go beyond.
const ROOM: usize = FULL + 4096;

/// Where to.
pub enum Target {
    /// A file of the system's.
    File(Writer),
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
pub struct Piece {
    text: Vec<u8>,
    stream: Py<PyAny>,
    is_to_flush: bool,
}

impl Output {
    /// An empty one.
    pub fn new(target: Target, is_unbuffered: bool) -> Self {
        Self { buffer: Vec::with_capacity(ROOM), target, is_unbuffered, is_busy: false }
    }

    /// To write a record into.
    #[inline(always)]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether it is time to hand it on.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        (self.is_unbuffered || self.buffer.len() >= FULL) && !self.is_busy
    }

    /// Hands on what there is to a file; `None` if it goes to a stream. With `all`, it is written when this returns.
    pub fn hand_to_file(&mut self, all: bool) -> Option<Result<(), String>> {
        let Target::File(writer) = &mut self.target else { return None };
        let write = if all || self.is_unbuffered { Writer::write } else { Writer::send };
        Some(write(writer, &mut self.buffer).map_err(|error| reason(&error)))
    }

    /// What there is to hand on to a stream, if anything. [`Output::done`] when that is done.
    pub fn take(&mut self, py: Python<'_>) -> Option<Piece> {
        let Target::Stream(stream) = &self.target else { return None };
        if self.is_busy || self.buffer.is_empty() {
            return None;
        }
        self.is_busy = true;
        let text = std::mem::replace(&mut self.buffer, Vec::with_capacity(ROOM));
        Some(Piece { text, stream: stream.clone_ref(py), is_to_flush: self.is_unbuffered })
    }

    /// The piece has been handed on.
    pub fn done(&mut self) {
        self.is_busy = false;
    }
}

impl Piece {
    /// Hands it on. The error says why it couldn't be written.
    pub fn write(&self, py: Python<'_>) -> Result<(), String> {
        let stream = self.stream.bind(py);
        let text = PyString::new(py, &String::from_utf8_lossy(&self.text));
        let mut written = stream.call_method1("write", (text,)).map(drop);
        if self.is_to_flush && written.is_ok() {
            written = stream.call_method0("flush").map(drop);
        }
        written.map_err(|error| error.to_string())
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

/// Writes nanoseconds as seconds, all digits of them.
pub fn push_seconds(buffer: &mut Vec<u8>, nanoseconds: u64) {
    push_number(buffer, nanoseconds / SECOND);
    buffer.push(b'.');
    let mut digits = *b"000000000";
    let mut rest = nanoseconds % SECOND;
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    buffer.extend_from_slice(&digits);
}

/// The decimal digits of a number that mostly is one more than the last time. The last ones are a number in a register: what
/// the processor has just stored byte by byte, it is slow to load as a whole.
pub struct Counter {
    value: u64,
    /// All digits but the last eight.
    high: [u8; 16],
    high_count: usize,
    /// The last digits, the first of them in the highest byte.
    low: u64,
    low_count: usize,
}

impl Counter {
    const LOW: usize = size_of::<u64>();

    /// At zero.
    pub fn new() -> Self {
        let mut new = Self { value: 0, high: [0; 16], high_count: 0, low: 0, low_count: 0 };
        new.set(0);
        new
    }

    /// Writes this number.
    #[inline(always)]
    pub fn push(&mut self, buffer: &mut Vec<u8>, value: u64) {
        if value != self.value {
            self.advance_to(value);
        }
        if self.high_count > 0 {
            push_short(buffer, &self.high, self.high_count);
        }
        push_short(buffer, &self.low.to_be_bytes(), self.low_count);
    }

    #[inline(always)]
    fn advance_to(&mut self, value: u64) {
        if value != self.value.wrapping_add(1) {
            return self.set(value);
        }
        let mut place = 8 * (Self::LOW - self.low_count);
        while place < u64::BITS as usize && (self.low >> place) as u8 == b'9' {
            self.low -= 9 << place;
            place += 8;
        }
        if place == u64::BITS as usize {
            return self.set(value);
        }
        self.low += 1 << place;
        self.value = value;
    }

    #[cold]
    #[inline(never)]
    fn set(&mut self, value: u64) {
        let mut formatted = itoa::Buffer::new();
        let digits = formatted.format(value).as_bytes();
        let (high, low) = digits.split_at(digits.len().saturating_sub(Self::LOW));
        self.high[..high.len()].copy_from_slice(high);
        self.high_count = high.len();
        self.low = low
            .iter()
            .zip(0..)
            .fold(0, |bytes, (digit, place)| bytes | u64::from(*digit) << (56 - 8 * place));
        self.low_count = low.len();
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
