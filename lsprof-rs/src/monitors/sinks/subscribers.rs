//! Records for subscribers, through ZeroMQ: columns of numbers, and the texts that they refer to.

use std::time::Instant;

use hashbrown::HashMap;
use pikos_publisher::{Batch, RecordStream};
use pyo3::prelude::*;

use crate::ffi::thread;
use crate::monitors::codes::Code;
use crate::monitors::event::{Event, EventKind, Field, Value};
use crate::monitors::gauge::{Gauge, Reading};
use crate::monitors::texts::{self, TextId};

/// Where records go, and which of the batch's texts are which.
pub struct Subscribers {
    stream: RecordStream,
    places: TextPlaces,
    threads: Threads,
    /// The threads whose open activations were told, and how many subscribers there had been.
    introduced: (Vec<usize>, u32),
}

/// What is read at an activation: the memory, where records tell it, and the clock of their times.
#[derive(Clone, Copy)]
pub struct Meters<'m> {
    pub gauge: Option<&'m Gauge>,
    pub began: Instant,
}

impl Meters<'_> {
    fn read(self, py: Python<'_>) -> (Reading, u64) {
        let reading = self.gauge.map(|gauge| gauge.read(py)).unwrap_or_default();
        (reading, u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn has_peaks(self) -> bool {
        self.gauge.is_some_and(Gauge::has_peaks)
    }

    fn told(self, reading: &Reading) {
        if let Some(gauge) = self.gauge {
            gauge.told(reading);
        }
    }
}

/// What was under way when a subscriber came: a function, and the line that it was at.
pub struct UnderWay {
    pub name: TextId,
    pub filename: TextId,
    pub line: u32,
}

/// The places of texts in a batch.
#[derive(Default)]
struct TextPlaces {
    places: HashMap<TextKey, u64>,
    /// The batch that they are of.
    number: u64,
}

#[derive(PartialEq, Eq, Hash)]
enum TextKey {
    Text(TextId),
    Kind(&'static str),
}

/// Numbers of threads: an address is nobody else's business.
#[derive(Default)]
struct Threads {
    numbers: HashMap<usize, u64>,
    last: (usize, u64),
}

impl Subscribers {
    /// To this stream.
    pub fn new(stream: RecordStream) -> Self {
        Self {
            stream,
            places: TextPlaces::default(),
            threads: Threads::default(),
            introduced: (Vec::new(), 0),
        }
    }

    /// Whether anybody listens.
    #[inline]
    pub fn is_heard(&self) -> bool {
        self.stream.is_heard()
    }

    /// Sends a record with the next message.
    #[inline]
    pub fn push(&mut self, py: Python<'_>, fields: &[Field], event: &Event<'_>) {
        self.add(py, fields.iter().map(|field| event.value(*field)));
    }

    /// Sends a record that Python made.
    pub fn push_values(&mut self, py: Python<'_>, values: &[Value]) {
        self.add(py, values.iter().copied());
    }

    /// From now on activations are told of, all of them.
    pub fn set_tells_activations(&self) {
        self.stream.set_tells_activations();
    }

    /// Whether a subscriber has come who doesn't know what is under way in the running thread. Says so once.
    #[inline]
    pub fn is_stranger(&mut self) -> bool {
        let arrivals = self.stream.arrivals();
        let (threads, seen) = &mut self.introduced;
        if *seen != arrivals {
            threads.clear();
            *seen = arrivals;
        }
        let running = thread::address();
        let is_new = !threads.contains(&running);
        if is_new {
            threads.push(running);
        }
        is_new
    }

    /// Sends what is under way in the running thread, the outermost first.
    #[cold]
    pub fn introduce(&mut self, py: Python<'_>, open: &[UnderWay], meters: Meters<'_>) {
        let Self { stream, places, threads, .. } = self;
        let (reading, time) = meters.read(py);
        stream.add(|batch| {
            for each in open {
                let function = places.place(py, batch, Value::Text(each.name));
                let filename = places.place(py, batch, Value::Text(each.filename));
                let line = u64::from(each.line);
                let row = [0, threads.running(), function, filename, reading.rss, line];
                push_activation(batch, row, time, meters.has_peaks().then_some(reading.rss));
            }
        });
        // What there was while nobody listened is nobody's.
        meters.told(&reading);
    }

    /// Sends that an activation begins or ends, with the memory just then, and the time.
    #[inline]
    pub fn push_activation(&mut self, py: Python<'_>, code: &Code, ends: bool, meters: Meters<'_>) {
        let Self { stream, places, threads, .. } = self;
        if !stream.is_heard() {
            return;
        }
        let (reading, time) = meters.read(py);
        stream.add(|batch| {
            let function = places.place(py, batch, Value::Text(code.name));
            let filename = places.place(py, batch, Value::Text(code.filename));
            let row = [u64::from(ends), threads.running(), function, filename, reading.rss, 0];
            push_activation(batch, row, time, meters.has_peaks().then_some(reading.peak));
        });
        meters.told(&reading);
    }

    fn add(&mut self, py: Python<'_>, values: impl Iterator<Item = Value>) {
        let Self { stream, places, threads, .. } = self;
        stream.add(|batch| {
            batch.threads.push(threads.running());
            for (column, value) in values.enumerate() {
                let value = places.place(py, batch, value);
                batch.columns[column].push(value);
            }
        });
    }
}

/// Adds one: whether it ends, its thread, function, file, memory, and line; the time; and the most memory before it.
#[inline]
fn push_activation(
    batch: &mut Batch,
    [ended, thread, function, filename, rss, line]: [u64; 6],
    time: u64,
    peak: Option<u64>,
) {
    let them = &mut batch.activations;
    them.at.push(batch.threads.len() as u64);
    them.ended.push(ended);
    them.thread.push(thread);
    them.function.push(function);
    them.filename.push(filename);
    them.time.push(time);
    them.rss.push(rss);
    them.line.push(line);
    them.peak.extend(peak);
}

impl TextPlaces {
    /// A number, or a text's place in the batch.
    #[inline]
    fn place(&mut self, py: Python<'_>, batch: &mut Batch, value: Value) -> u64 {
        if self.number != batch.number {
            self.places.clear();
            self.number = batch.number;
        }
        let texts = &mut batch.texts;
        let mut place_of = |key: TextKey, text: &dyn Fn() -> String| {
            *self.places.entry(key).or_insert_with(|| {
                texts.push(text());
                texts.len() as u64 - 1
            })
        };
        match value {
            Value::Number(number) | Value::Seconds(number) => number,
            Value::Text(text) => place_of(TextKey::Text(text), &|| texts::get(py, text).to_string()),
            Value::Kind(kind) => place_of(TextKey::Kind(EventKind::name(kind)), &|| kind.name().to_owned()),
        }
    }
}

impl Threads {
    /// The running thread's.
    #[inline]
    fn running(&mut self) -> u64 {
        let address = thread::address();
        if self.last.0 != address {
            let next = self.numbers.len() as u64 + 1;
            self.last = (address, *self.numbers.entry(address).or_insert(next));
        }
        self.last.1
    }
}
