//! Records in memory: a column for each field, 20 to 40 bytes a record.

use pyo3::Python;

use crate::monitors::event::{Event, EventKind, Field, Shape, Value};
use crate::monitors::texts::{self, TextId};

/// The values of a field.
pub enum Column {
    /// Texts.
    Texts(Vec<TextId>),
    /// What happened.
    Kinds(Vec<EventKind>),
    /// Line numbers, or others that are as small.
    Lines(Vec<u32>),
    /// Indices, or bytes.
    Numbers(Vec<u64>),
    /// Nanoseconds.
    Seconds(Vec<u64>),
}

impl Column {
    /// One more, which fits.
    #[inline(always)]
    fn push(&mut self, value: Value) {
        match (self, value) {
            (Self::Texts(texts), Value::Text(text)) => texts.push(text),
            (Self::Kinds(kinds), Value::Kind(kind)) => kinds.push(kind),
            (Self::Lines(lines), Value::Number(line)) => lines.push(line as u32),
            (Self::Numbers(numbers), Value::Number(number)) => numbers.push(number),
            (Self::Seconds(times), Value::Seconds(time)) => times.push(time),
            _ => unreachable!("a column is made for its field"),
        }
    }

    /// What fits here, of a value that Python made.
    fn fit(&self, py: Python<'_>, value: Value) -> Option<Value> {
        match (self, value) {
            (Self::Texts(_), Value::Text(_))
            | (Self::Numbers(_), Value::Number(_))
            | (Self::Seconds(_), Value::Seconds(_)) => Some(value),
            (Self::Kinds(_), Value::Text(text)) => EventKind::parse(&texts::get(py, text)).map(Value::Kind),
            (Self::Lines(_), Value::Number(line)) if u32::try_from(line).is_ok() => Some(value),
            _ => None,
        }
    }
}

/// Records of the same fields.
pub struct Columns {
    columns: Vec<(Field, Column)>,
    length: usize,
}

impl Columns {
    /// None yet, of these fields.
    pub fn new(fields: &[Field]) -> Self {
        let column = |field: &Field| {
            let column = match field.shape() {
                Shape::Text => Column::Texts(Vec::new()),
                Shape::Kind => Column::Kinds(Vec::new()),
                Shape::Small => Column::Lines(Vec::new()),
                Shape::Number => Column::Numbers(Vec::new()),
                Shape::Seconds => Column::Seconds(Vec::new()),
            };
            (*field, column)
        };
        Self { columns: fields.iter().map(column).collect(), length: 0 }
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.length
    }

    /// One more.
    #[inline(always)]
    pub fn push(&mut self, event: &Event<'_>) {
        for (field, column) in &mut self.columns {
            column.push(event.value(*field));
        }
        self.length += 1;
    }

    /// One more, of values that Python made. Says which one doesn't fit its field; then nothing is added.
    pub fn push_values(&mut self, py: Python<'_>, values: &[Value]) -> Result<(), String> {
        let fit = |((field, column), value): (&(Field, Column), &Value)| {
            column.fit(py, *value).ok_or_else(|| format!("the value of {} doesn't fit", field.name()))
        };
        let values = self.columns.iter().zip(values).map(fit).collect::<Result<Vec<_>, _>>()?;
        for ((_, column), value) in self.columns.iter_mut().zip(values) {
            column.push(value);
        }
        self.length += 1;
        Ok(())
    }

    /// Each field's values, in the order of the fields.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().map(|(_, column)| column)
    }

    /// Forgets the records, and keeps the room for as many.
    pub fn clear(&mut self) {
        for (_, column) in &mut self.columns {
            match column {
                Column::Texts(texts) => texts.clear(),
                Column::Kinds(kinds) => kinds.clear(),
                Column::Lines(lines) => lines.clear(),
                Column::Numbers(numbers) | Column::Seconds(numbers) => numbers.clear(),
            }
        }
        self.length = 0;
    }

    /// The values of one record.
    pub fn row(&self, row: usize) -> impl Iterator<Item = Value> {
        self.columns.iter().map(move |(_, column)| match column {
            Column::Texts(texts) => Value::Text(texts[row]),
            Column::Kinds(kinds) => Value::Kind(kinds[row]),
            Column::Lines(lines) => Value::Number(u64::from(lines[row])),
            Column::Numbers(numbers) => Value::Number(numbers[row]),
            Column::Seconds(times) => Value::Seconds(times[row]),
        })
    }
}
