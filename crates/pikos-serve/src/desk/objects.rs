//! What a recorder of objects tells: types, the lines that make them, and how many there were over time. In columns.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use pikos_views::{ShownTypes, TypesThen};
use pstats_compat::formats::page::{rounded, shown_place};
use serde::Serialize;

use super::sent::rate;

/// So many types are told of,
const MOST: usize = 1_000;
/// and of each so many lines.
const MOST_PLACES: usize = 24;
/// So many with the most bytes are told of over time, and as many with the most objects.
const MOST_CHARTED: usize = 10;

#[derive(Default, Serialize)]
pub struct Types<'l> {
    id: Vec<usize>,
    name: Vec<&'l str>,
    created: Vec<u64>,
    destroyed: Vec<Option<u64>>,
    alive: Vec<Option<i64>>,
    peak: Vec<Option<u64>>,
    bytes: Vec<Option<u64>>,
    made_per_s: Vec<f64>,
    gone_per_s: Vec<f64>,
    places: Places<'l>,
    past: Past,
    /// Types of which nothing is told.
    unlisted: u64,
}

#[derive(Default, Serialize)]
struct Places<'l> {
    of: Vec<usize>,
    place: Vec<String>,
    function: Vec<&'l str>,
    created: Vec<u64>,
    alive: Vec<Option<u64>>,
}

/// By moments: seconds since 1970, all objects and their bytes.
#[derive(Default, Serialize)]
struct Past {
    time: Vec<f64>,
    alive: Vec<u64>,
    bytes: Vec<u64>,
    types: Vec<Series>,
}

/// A type over the same moments; 0 where it wasn't one of those with the most.
#[derive(Serialize)]
struct Series {
    id: u32,
    alive: Vec<u64>,
    bytes: Vec<u64>,
}

impl<'l> Types<'l> {
    /// Of all that is known: those with the most bytes, or else the most that were made.
    pub fn of(known: &'l ShownTypes) -> Self {
        let mut order: Vec<usize> = (0..known.rows.len()).collect();
        order.sort_by_key(|&id| {
            let row = &known.rows[id];
            std::cmp::Reverse((row.bytes.unwrap_or(0), row.created))
        });
        let left_out = order.len().saturating_sub(MOST) as u64;
        order.truncate(MOST);
        let past = Past::of(&known.past);
        // What the chart shows has a name.
        let mut is_told = vec![false; known.rows.len()];
        order.iter().for_each(|&id| is_told[id] = true);
        for id in past.types.iter().map(|series| series.id as usize) {
            if is_told.get(id) == Some(&false) {
                is_told[id] = true;
                order.push(id);
            }
        }
        let unlisted = known.unlisted.saturating_add(left_out);
        let mut types = Self { unlisted, past, ..Self::default() };
        for id in order {
            let row = &known.rows[id];
            types.id.push(id);
            types.name.push(&row.name);
            types.created.push(row.created);
            types.destroyed.push(row.destroyed);
            types.alive.push(row.alive);
            types.peak.push(row.peak);
            types.bytes.push(row.bytes);
            types.made_per_s.push(rate(row.made_per_s));
            types.gone_per_s.push(rate(row.gone_per_s));
        }
        types.take_places(known, &is_told);
        types
    }

    fn take_places(&mut self, known: &'l ShownTypes, is_told: &[bool]) {
        let mut all: Vec<_> =
            known.places.iter().filter(|place| is_told.get(place.of) == Some(&true)).collect();
        all.sort_by_key(|place| (place.of, std::cmp::Reverse((place.alive.unwrap_or(0), place.created))));
        for places in all.chunk_by(|one, other| one.of == other.of) {
            for place in places.iter().take(MOST_PLACES) {
                self.places.of.push(place.of);
                self.places.place.push(shown_place(&format!("{}:{}", place.file, place.line)));
                self.places.function.push(&place.function);
                self.places.created.push(place.created);
                self.places.alive.push(place.alive);
            }
        }
    }
}

impl Past {
    fn of(moments: &[Arc<TypesThen>]) -> Self {
        let mut sums: HashMap<u32, (u64, u64)> = HashMap::new();
        for row in moments.iter().flat_map(|then| then.top.iter()) {
            let (alive, bytes) = sums.entry(row.of).or_default();
            (*alive, *bytes) = (alive.saturating_add(row.alive), bytes.saturating_add(row.bytes));
        }
        let most = |figure: fn(&(u64, u64)) -> u64| {
            let mut order: Vec<(u64, u32)> = sums.iter().map(|(of, sum)| (figure(sum), *of)).collect();
            order.sort_unstable_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
            order.into_iter().take(MOST_CHARTED).map(|(_, of)| of)
        };
        let ids: BTreeSet<u32> = most(|sum| sum.0).chain(most(|sum| sum.1)).collect();
        let column = |figure: fn(&TypesThen) -> u64| moments.iter().map(|then| figure(then)).collect();
        let series = |id| {
            let row = |then: &Arc<TypesThen>| {
                let place = then.top.binary_search_by_key(&id, |row| row.of).ok();
                place.map_or((0, 0), |place| (then.top[place].alive, then.top[place].bytes))
            };
            let (alive, bytes) = moments.iter().map(row).unzip();
            Series { id, alive, bytes }
        };
        Self {
            time: moments.iter().map(|then| rounded(then.time)).collect(),
            alive: column(|then| then.alive),
            bytes: column(|then| then.bytes),
            types: ids.into_iter().map(series).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use pikos_views::{ShownType, ShownTypePlace, TypeThen};

    use super::*;

    #[test]
    fn the_greatest_types_come_first_and_all_that_is_charted_has_a_name() {
        let row = |at: u64| ShownType {
            name: format!("t{at}"),
            created: at,
            alive: Some(at.cast_signed()),
            bytes: Some(10 * at),
            ..ShownType::default()
        };
        let place = |of: usize, line| ShownTypePlace {
            of,
            file: "a.py".to_owned(),
            function: "f".to_owned(),
            line,
            created: u64::from(line),
            alive: None,
        };
        let then = TypesThen {
            time: 1.0,
            top: [TypeThen { of: 3, alive: 9, bytes: 90 }].into(),
            alive: 9,
            bytes: 90,
        };
        let known = ShownTypes {
            rows: (0..1500).map(row).collect(),
            places: (1..40).map(|line| place(1499, line)).chain([place(0, 1)]).collect(),
            unlisted: 7,
            past: vec![Arc::new(then)],
        };
        let types = Types::of(&known);
        assert_eq!((types.id.len(), types.id[0], types.id[MOST]), (MOST + 1, 1499, 3));
        assert_eq!((types.unlisted, types.places.of.len()), (507, MOST_PLACES));
        assert_eq!((types.places.place[0].as_str(), types.places.created[0]), ("a.py:39", 39));
        let [series] = &types.past.types[..] else { panic!("one type was told of") };
        assert_eq!((series.id, &series.bytes[..], &types.past.bytes[..]), (3, &[90][..], &[90][..]));
    }
}
