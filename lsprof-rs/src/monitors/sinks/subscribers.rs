//! Records for subscribers, through ZeroMQ: columns of numbers, and the texts that they refer to.

use hashbrown::HashMap;
use pyo3::prelude::*;

use crate::monitors::event::{Event, EventKind, Field, Value};
use crate::monitors::texts::{self, TextId};
use crate::publisher::{Batch, RecordStream};

/// Where records go, and which of the batch's texts are which.
pub struct Subscribers {
    stream: RecordStream,
    places: HashMap<Key, u64>,
    /// The batch that `places` is about.
    number: u64,
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Text(TextId),
    Kind(&'static str),
}

impl Subscribers {
    /// To this stream.
    pub fn new(stream: RecordStream) -> Self {
        Self { stream, places: HashMap::new(), number: 0 }
    }

    /// Sends a record with the next message.
    #[inline]
    pub fn push(&mut self, py: Python<'_>, fields: &[Field], event: &Event) {
        let values = fields.iter().map(|field| event.value(*field));
        let Self { stream, places, number } = self;
        stream.add(|batch| add(py, batch, places, number, values));
    }

    /// Sends a record that Python made.
    pub fn push_values(&mut self, py: Python<'_>, values: &[Value]) {
        let Self { stream, places, number } = self;
        stream.add(|batch| add(py, batch, places, number, values.iter().copied()));
    }
}

fn add(
    py: Python<'_>,
    batch: &mut Batch,
    places: &mut HashMap<Key, u64>,
    number: &mut u64,
    values: impl Iterator<Item = Value>,
) {
    if *number != batch.number {
        places.clear();
        *number = batch.number;
    }
    let Batch { texts, columns, .. } = batch;
    let mut place_of = |key: Key, text: &dyn Fn() -> String| {
        *places.entry(key).or_insert_with(|| {
            texts.push(text());
            texts.len() as u64 - 1
        })
    };
    for (column, value) in columns.iter_mut().zip(values) {
        column.push(match value {
            Value::Number(number) => number,
            Value::Text(text) => place_of(Key::Text(text), &|| texts::get(py, text).to_string()),
            Value::Kind(kind) => place_of(Key::Kind(EventKind::name(kind)), &|| kind.name().to_owned()),
        });
    }
}
