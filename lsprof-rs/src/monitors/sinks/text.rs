//! Lines of text by a template of `str.format`: the part of its language that records use, `{:<12}`, `{:>6}`, `{:^7}`, `{}`.

use pyo3::Python;

use crate::monitors::event::{Event, Field, Value};
use crate::monitors::output::{push_number, push_seconds};
use crate::monitors::texts;

#[derive(Clone, Copy)]
enum Align {
    /// By type, where the template doesn't say: numbers right, texts left.
    Natural,
    Left,
    Right,
    Centre,
}

struct Part {
    /// What stands in front of the field.
    before: String,
    field: Field,
    align: Align,
    width: usize,
}

/// A template, for records of certain fields.
pub struct Template {
    parts: Vec<Part>,
    /// What stands behind the last field.
    after: String,
}

impl Template {
    /// `None` for what is left to Python.
    pub fn parse(template: &str, fields: &[Field]) -> Option<Self> {
        let mut parts = Vec::new();
        let mut before = String::new();
        let mut fields = fields.iter();
        let mut rest = template.chars().peekable();
        while let Some(sign) = rest.next() {
            match sign {
                '{' if rest.next_if_eq(&'{').is_some() => before.push('{'),
                '}' if rest.next_if_eq(&'}').is_some() => before.push('}'),
                '{' => {
                    let mut spec = String::new();
                    loop {
                        match rest.next()? {
                            '}' => break,
                            sign => spec.push(sign),
                        }
                    }
                    let (align, width) = parse_spec(&spec)?;
                    let field = *fields.next()?;
                    parts.push(Part { before: std::mem::take(&mut before), field, align, width });
                }
                '}' => return None,
                sign => before.push(sign),
            }
        }
        Some(Self { parts, after: before })
    }

    /// Writes a record, and the end of the line.
    #[inline]
    pub fn write(&self, py: Python<'_>, buffer: &mut Vec<u8>, event: &Event<'_>) {
        for part in &self.parts {
            buffer.extend_from_slice(part.before.as_bytes());
            let start = buffer.len();
            let value = event.value(part.field);
            let length = match value {
                Value::Number(number) => {
                    push_number(buffer, number);
                    buffer.len() - start
                }
                Value::Seconds(time) => {
                    push_seconds(buffer, time);
                    buffer.len() - start
                }
                Value::Kind(kind) => {
                    buffer.extend_from_slice(kind.name().as_bytes());
                    buffer.len() - start
                }
                Value::Text(text) => {
                    let text = texts::get_shown(py, text);
                    buffer.extend_from_slice(text.as_bytes());
                    text.chars().count()
                }
            };
            let missing = part.width.saturating_sub(length);
            if missing > 0 {
                let left = match (part.align, value) {
                    (Align::Left, _) | (Align::Natural, Value::Text(_) | Value::Kind(_)) => 0,
                    (Align::Right | Align::Natural, _) => missing,
                    (Align::Centre, _) => missing / 2,
                };
                let end = buffer.len();
                buffer.resize(end + missing, b' ');
                if left > 0 {
                    buffer.copy_within(start..end, start + left);
                    buffer[start..start + left].fill(b' ');
                }
            }
        }
        buffer.extend_from_slice(self.after.as_bytes());
        buffer.push(b'\n');
    }
}

/// What stands between the braces: nothing, or `:`, an alignment, a width.
fn parse_spec(spec: &str) -> Option<(Align, usize)> {
    if spec.is_empty() {
        return Some((Align::Natural, 0));
    }
    let spec = spec.strip_prefix(':')?;
    let (align, width) = match spec.chars().next() {
        Some('<') => (Align::Left, &spec[1..]),
        Some('>') => (Align::Right, &spec[1..]),
        Some('^') => (Align::Centre, &spec[1..]),
        _ => (Align::Natural, spec),
    };
    if width.is_empty() {
        return Some((align, 0));
    }
    // A width that begins with 0 means another alignment.
    let is_plain = !width.starts_with('0') && width.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { Some((align, width.parse().ok()?)) } else { None }
}
