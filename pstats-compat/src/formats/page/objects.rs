//! Objects by type, and the lines that made them: in columns, and bounded, whatever a profile has.

use serde::Serialize;

use super::functions::{shown, shown_place};
use crate::model::Objects;

/// So many types are told of, those with the most bytes,
const MOST: usize = 1_000;
/// and of each so many lines.
const MOST_PLACES: usize = 24;

/// `ObjectColumns` in page/src/objects.ts.
#[derive(Default, Serialize)]
pub struct ObjectColumns {
    r#type: Vec<String>,
    created: Vec<u64>,
    destroyed: Vec<Option<u64>>,
    alive: Vec<Option<i64>>,
    peak: Vec<Option<u64>>,
    bytes: Vec<Option<u64>>,
    left: u64,
    places: PlaceColumns,
}

#[derive(Default, Serialize)]
struct PlaceColumns {
    of: Vec<usize>,
    place: Vec<String>,
    function: Vec<String>,
    created: Vec<u64>,
    alive: Vec<Option<u64>>,
}

impl ObjectColumns {
    pub fn of(objects: &Objects) -> Self {
        let mut columns = Self::default();
        let order = objects.order();
        let mut numbers = vec![None; objects.types.len()];
        for (number, &place) in order.iter().take(MOST).enumerate() {
            let row = &objects.types[place];
            numbers[place] = Some(number);
            columns.r#type.push(shown(&row.full_name()));
            columns.created.push(row.created);
            columns.destroyed.push(row.destroyed);
            columns.alive.push(row.alive());
            columns.peak.push(row.peak);
            columns.bytes.push(row.bytes);
        }
        columns.left = objects.unlisted.saturating_add(order.len().saturating_sub(MOST) as u64);
        let mut places: Vec<_> = objects
            .places
            .iter()
            .filter_map(|row| Some((numbers.get(row.of as usize).copied().flatten()?, row)))
            .collect();
        places.sort_by_key(|(of, row)| (*of, std::cmp::Reverse((row.alive.unwrap_or(0), row.created))));
        for group in places.chunk_by(|one, other| one.0 == other.0) {
            for (of, row) in group.iter().take(MOST_PLACES) {
                columns.places.of.push(*of);
                columns.places.place.push(shown_place(&format!("{}:{}", row.file, row.line)));
                columns.places.function.push(shown(&row.function.to_str_lossy()));
                columns.places.created.push(row.created);
                columns.places.alive.push(row.alive);
            }
        }
        columns
    }
}
