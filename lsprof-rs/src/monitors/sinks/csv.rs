//! Comma-separated values as Python's `csv.writer` writes them. A text is quoted once, however often it is written.

use pyo3::Python;

use crate::monitors::event::{Event, Field, Value};
use crate::monitors::output::{Counter, push_number, push_seconds, push_short};
use crate::monitors::texts::{self, TextId};

/// `csv.QUOTE_MINIMAL` and its siblings, those that need no look at Python's types.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    Minimal,
    All,
    /// `csv.QUOTE_NONNUMERIC`: all texts.
    Texts,
}

/// How values are written.
pub struct Csv {
    delimiter: char,
    quote: char,
    terminator: String,
    quoting: Quoting,
    /// The texts as they are written, by number; empty where not asked for yet.
    quoted: Vec<Box<[u8]>>,
    /// What followed the index in records that were written lately, each at a place that its values say.
    tails: Vec<Option<Tail>>,
    index: Counter,
    /// Whether there is a field that is new in each record.
    has_extra: bool,
}

/// A record as it is written but for its index, and what it was made from.
struct Tail {
    event: Event<'static>,
    text: [u8; LONGEST],
    count: usize,
}

/// Longer ones are written anew each time.
const LONGEST: usize = 128;

const TAILS: usize = 512;

impl Csv {
    /// By (delimiter, quotechar, lineterminator, quoting); `None` for what is left to Python.
    pub fn new((delimiter, quote, terminator, quoting): (char, Option<char>, String, u8)) -> Option<Self> {
        let quoting = match quoting {
            0 => Quoting::Minimal,
            1 => Quoting::All,
            2 => Quoting::Texts,
            _ => return None,
        };
        Some(Self {
            delimiter,
            quote: quote?,
            terminator,
            quoting,
            quoted: Vec::new(),
            tails: Vec::new(),
            index: Counter::new(),
            has_extra: false,
        })
    }

    /// For records of these fields.
    pub fn of(mut self, fields: &[Field]) -> Self {
        self.has_extra = fields.iter().any(|field| field.is_extra());
        self
    }

    /// Writes a record. Where only the index is new in it, the rest is a copy.
    #[inline(always)]
    pub fn write(&mut self, py: Python<'_>, buffer: &mut Vec<u8>, fields: &[Field], event: &Event<'_>) {
        let is_new = event.rss != 0 || self.has_extra;
        if is_new || self.quoting == Quoting::All || fields.first() != Some(&Field::Index) {
            return self.write_fields(py, buffer, fields, event);
        }
        self.index.push(buffer, event.index);
        let hash =
            event.function.index().wrapping_mul(31) ^ (event.line_no as usize) ^ ((event.kind as usize) << 7);
        if let Some(Some(tail)) = self.tails.get(hash % TAILS)
            && tail.event.differs_in_index_only(event)
        {
            push_short(buffer, &tail.text, tail.count);
            return;
        }
        self.write_tail(py, buffer, fields, event, hash % TAILS);
    }

    #[inline(never)]
    fn write_tail(
        &mut self,
        py: Python<'_>,
        buffer: &mut Vec<u8>,
        fields: &[Field],
        event: &Event<'_>,
        place: usize,
    ) {
        let start = buffer.len();
        push_char(buffer, self.delimiter);
        self.write_fields(py, buffer, &fields[1..], event);
        let written = &buffer[start..];
        if written.len() <= LONGEST {
            let mut text = [0; LONGEST];
            text[..written.len()].copy_from_slice(written);
            self.tails.resize_with(TAILS, || None);
            self.tails[place] = Some(Tail { event: event.plain(), text, count: written.len() });
        }
    }

    #[inline(always)]
    fn write_fields(&mut self, py: Python<'_>, buffer: &mut Vec<u8>, fields: &[Field], event: &Event<'_>) {
        let mut is_first = true;
        for field in fields {
            if !is_first {
                push_char(buffer, self.delimiter);
            }
            is_first = false;
            match event.value(*field) {
                value @ (Value::Number(_) | Value::Seconds(_)) if self.quoting == Quoting::All => {
                    push_char(buffer, self.quote);
                    push_figure(buffer, value);
                    push_char(buffer, self.quote);
                }
                value @ (Value::Number(_) | Value::Seconds(_)) => push_figure(buffer, value),
                Value::Kind(kind) if self.quoting == Quoting::Minimal => {
                    buffer.extend_from_slice(kind.name().as_bytes());
                }
                Value::Kind(kind) => buffer.extend_from_slice(&self.quote(kind.name())),
                Value::Text(text) => self.write_text(py, buffer, text),
            }
        }
        buffer.extend_from_slice(self.terminator.as_bytes());
    }

    #[inline(always)]
    fn write_text(&mut self, py: Python<'_>, buffer: &mut Vec<u8>, text: TextId) {
        match self.quoted.get(text.index()) {
            Some(quoted) if !quoted.is_empty() => buffer.extend_from_slice(quoted),
            _ => self.write_new_text(py, buffer, text),
        }
    }

    #[cold]
    #[inline(never)]
    fn write_new_text(&mut self, py: Python<'_>, buffer: &mut Vec<u8>, text: TextId) {
        let place = text.index();
        if place >= self.quoted.len() {
            self.quoted.resize_with(place + 1, Box::default);
        }
        self.quoted[place] = self.quote(&texts::get(py, text)).into();
        buffer.extend_from_slice(&self.quoted[place]);
    }

    fn quote(&self, text: &str) -> Vec<u8> {
        let is_special = |sign: char| {
            sign == self.delimiter
                || sign == self.quote
                || matches!(sign, '\n' | '\r')
                || self.terminator.contains(sign)
        };
        if self.quoting == Quoting::Minimal && !text.contains(is_special) {
            return text.as_bytes().to_vec();
        }
        let twice = format!("{0}{0}", self.quote);
        format!("{0}{1}{0}", self.quote, text.replace(self.quote, &twice)).into_bytes()
    }
}

#[inline(always)]
fn push_figure(buffer: &mut Vec<u8>, value: Value) {
    match value {
        Value::Seconds(time) => push_seconds(buffer, time),
        Value::Number(number) => push_number(buffer, number),
        Value::Text(_) | Value::Kind(_) => {}
    }
}

#[inline(always)]
fn push_char(buffer: &mut Vec<u8>, sign: char) {
    if sign.is_ascii() {
        buffer.push(sign as u8);
    } else {
        buffer.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
    }
}
