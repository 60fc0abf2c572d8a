//! Records in memory: a column for each field, 20 to 40 bytes a record.

use crate::monitors::event::{Event, EventKind, Field, Value};
use crate::monitors::texts::TextId;

enum Column {
    Texts(Vec<TextId>),
    Kinds(Vec<EventKind>),
    Lines(Vec<u32>),
    Numbers(Vec<u64>),
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
            let column = match field {
                Field::Function | Field::Line | Field::Filename => Column::Texts(Vec::new()),
                Field::Type => Column::Kinds(Vec::new()),
                Field::LineNo => Column::Lines(Vec::new()),
                Field::Index | Field::Rss | Field::Vms => Column::Numbers(Vec::new()),
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
    pub fn push(&mut self, event: &Event) {
        for (field, column) in &mut self.columns {
            match (column, event.value(*field)) {
                (Column::Texts(texts), Value::Text(text)) => texts.push(text),
                (Column::Kinds(kinds), Value::Kind(kind)) => kinds.push(kind),
                (Column::Lines(lines), _) => lines.push(event.line_no),
                (Column::Numbers(numbers), Value::Number(number)) => numbers.push(number),
                _ => unreachable!("a column is made for its field"),
            }
        }
        self.length += 1;
    }

    /// The values of one record.
    pub fn row(&self, row: usize) -> impl Iterator<Item = Value> {
        self.columns.iter().map(move |(_, column)| match column {
            Column::Texts(texts) => Value::Text(texts[row]),
            Column::Kinds(kinds) => Value::Kind(kinds[row]),
            Column::Lines(lines) => Value::Number(u64::from(lines[row])),
            Column::Numbers(numbers) => Value::Number(numbers[row]),
        })
    }
}
