//! What is counted, for subscribers: absolute figures, made when somebody listens by the thread that sends them.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use pikos_publisher::{Endpoint, RecordStream, Sender, StartError, TypeSource};
use pikos_wire::{TypePlaces, Types};
use pyo3::prelude::*;

use super::tables::Tables;
use crate::ffi::at_fork;
use crate::results::process;

/// So many types and places are sent, those of which most were made.
const MOST_TYPES: usize = 512;
const MOST_PLACES: usize = 1024;

/// Sends it every `interval` seconds. `ends`: whether destroyed ones are counted.
pub fn start(
    py: Python<'_>,
    tables: Arc<Tables>,
    ends: bool,
    extra: Option<Endpoint>,
    interval: f64,
) -> Result<RecordStream, StartError> {
    // Without it, a child has no thread, and tells nothing.
    _ = at_fork::watch(py);
    let facts = process::facts(py);
    let source = Box::new(move |texts: &mut Vec<String>| read(&tables, ends, texts));
    let types = Some(TypeSource { interval: Duration::from_secs_f64(interval.clamp(0.02, 60.0)), source });
    RecordStream::start(Sender { argv: facts.argv, host: facts.host, fields: Vec::new(), extra, types })
}

fn read(tables: &Tables, ends: bool, texts: &mut Vec<String>) -> Types {
    let mut texts = Texts { list: texts, places: HashMap::new() };
    let mut types: Vec<_> = tables.types().into_iter().enumerate().collect();
    let mut message = Types { unlisted: types.len().saturating_sub(MOST_TYPES) as u64, ..Types::default() };
    types.sort_by_key(|(_, row)| Reverse(row.created.get().max(row.destroyed.get())));
    types.truncate(MOST_TYPES);
    let mut numbers = HashMap::new();
    for (number, row) in &types {
        numbers.insert(*number as u32, (numbers.len() as u64, row.one_of.get()));
        message.name.push(texts.place(&row.name));
        message.module.push(texts.place(&row.module));
        let (created, destroyed) = (row.created.get(), row.destroyed.get());
        // Before 3.13, of a type of C nobody knows more than what has gone.
        let created = if cfg!(not(Py_3_13)) && created == 0 { destroyed } else { created };
        message.created.push(created);
        if ends {
            message.destroyed.push(destroyed);
            message.peak.push(u64::try_from(row.peak()).unwrap_or(0));
        }
        message.size.push(row.size);
    }
    let mut rows = tables.places();
    rows.sort_by_key(|row| Reverse(row.created.get()));
    let mut places = TypePlaces::default();
    for row in rows {
        let Some((of, one_of)) = numbers.get(&row.of) else { continue };
        if places.of.len() >= MOST_PLACES {
            break;
        }
        places.of.push(*of);
        places.function.push(texts.place(&row.function));
        places.filename.push(texts.place(&row.file));
        places.line.push(row.line.into());
        places.created.push(row.created.get());
        if ends {
            // An estimate: a part of them is followed.
            places.alive.push(row.followed.get().saturating_mul(*one_of).min(row.created.get()));
        }
    }
    message.places = places;
    message
}

/// The texts of a message, each once.
struct Texts<'a> {
    list: &'a mut Vec<String>,
    places: HashMap<String, u64>,
}

impl Texts<'_> {
    fn place(&mut self, text: &str) -> u64 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = self.list.len() as u64;
        self.list.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }
}
