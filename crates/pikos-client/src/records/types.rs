//! Types of objects: what a sender has counted, and how fast that grew.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashMap;
use pikos_wire::Types;

use super::past_types::{PastTypes, TypeThen, TypesThen};
use super::rows::TextId;

/// So many messages back.
pub const HISTORY: usize = 60;
/// So many types are kept: a sender sends at most a few hundred at once, but may send others each time.
const MOST: usize = 1 << 14;

/// What is known of a type.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeRow {
    /// `__qualname__`
    pub name: TextId,
    /// `__module__`
    pub module: TextId,
    /// Objects made.
    pub created: u64,
    /// Objects gone; `None` if the sender isn't told.
    pub destroyed: Option<u64>,
    /// The most that there were at once; likewise.
    pub peak: Option<u64>,
    /// Bytes of one without what it points at.
    pub size: u64,
    /// Made in a second, and gone in a second, between the last two messages.
    pub rates: (f64, f64),
    /// Those made in a second in the last messages, the newest last.
    pub history: VecDeque<f32>,
}

impl TypeRow {
    /// How many more there are than in the beginning.
    pub fn alive(&self) -> Option<i64> {
        Some(self.created.wrapping_sub(self.destroyed?).cast_signed())
    }

    /// Bytes of those, without what they point at.
    pub fn bytes(&self) -> Option<u64> {
        let alive = u64::try_from(self.alive()?).unwrap_or(0);
        Some(alive.saturating_mul(self.size))
    }
}

/// A line that makes objects of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypePlaceRow {
    /// The place of its type's row.
    pub of: usize,
    /// The function.
    pub function: TextId,
    /// Its file.
    pub file: TextId,
    /// The line.
    pub line: u32,
    /// Objects that it made.
    pub created: u64,
    /// About how many of them are still there; `None` if the sender isn't told.
    pub alive: Option<u64>,
}

/// All types of a sender.
#[derive(Default)]
pub struct KnownTypes {
    rows: Vec<TypeRow>,
    by_name: HashMap<(TextId, TextId), usize>,
    places: Vec<TypePlaceRow>,
    unlisted: u64,
    /// When it was told last.
    time: Option<f64>,
    past: PastTypes,
}

impl KnownTypes {
    /// Takes in what a message that was checked says, at its time; `texts` are those of the message.
    pub fn take(&mut self, time: f64, message: &Types, texts: &[TextId]) {
        let seconds = self.time.map(|before| time - before).filter(|seconds| *seconds > 0.0);
        self.time = Some(time);
        let at = |column: &[u64], row: usize| column.get(row).copied();
        // Those that are no longer sent stand still.
        self.rows.iter_mut().for_each(|row| row.rates = (0.0, 0.0));
        let mut told = Vec::with_capacity(message.name.len());
        let mut is_told = vec![false; self.rows.len()];
        for (number, name) in message.name.iter().enumerate() {
            let (name, module) = (texts[*name as usize], texts[message.module[number] as usize]);
            let known = self.by_name.get(&(name, module)).copied();
            if known.is_none() && self.rows.len() >= MOST {
                told.push(None);
                continue;
            }
            let created = message.created[number];
            let destroyed = at(&message.destroyed, number);
            let place = known.unwrap_or_else(|| {
                self.by_name.insert((name, module), self.rows.len());
                self.rows.push(TypeRow {
                    name,
                    module,
                    created: 0,
                    destroyed: destroyed.map(|_| 0),
                    peak: None,
                    size: 0,
                    rates: (0.0, 0.0),
                    history: VecDeque::new(),
                });
                is_told.push(false);
                self.rows.len() - 1
            });
            told.push(Some(place));
            is_told[place] = true;
            let row = &mut self.rows[place];
            if let Some(seconds) = seconds {
                let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
                let gone = rate(destroyed.unwrap_or(0), row.destroyed.unwrap_or(0));
                row.rates = (rate(created, row.created), gone);
            }
            row.created = created;
            row.destroyed = destroyed;
            row.peak = at(&message.peak, number);
            row.size = message.size[number];
        }
        if seconds.is_some() {
            for row in &mut self.rows {
                if row.history.len() >= HISTORY {
                    row.history.pop_front();
                }
                row.history.push_back(row.rates.0 as f32);
            }
        }
        let places = &message.places;
        let place = |row: usize| {
            Some(TypePlaceRow {
                of: told[places.of[row] as usize]?,
                function: texts[places.function[row] as usize],
                file: texts[places.filename[row] as usize],
                line: u32::try_from(places.line[row]).unwrap_or(u32::MAX),
                created: places.created[row],
                alive: at(&places.alive, row),
            })
        };
        self.places = (0..places.of.len()).filter_map(place).collect();
        self.unlisted = message.unlisted;
        let now = (0u32..).zip(&self.rows).filter_map(|(of, row)| {
            let alive = u64::try_from(row.alive()?).ok()?;
            Some(TypeThen { of, alive, bytes: row.bytes()? })
        });
        self.past.push(time, now);
    }

    /// What there was over time, of those that the sender is told the end of.
    pub fn past(&self) -> &[Arc<TypesThen>] {
        self.past.moments()
    }

    /// Whether any were told of.
    pub fn is_told(&self) -> bool {
        self.time.is_some()
    }

    /// The types, in the order in which they were heard of.
    pub fn rows(&self) -> &[TypeRow] {
        &self.rows
    }

    /// The lines that make them.
    pub fn places(&self) -> &[TypePlaceRow] {
        &self.places
    }

    /// Types that the newest message left out.
    pub fn unlisted(&self) -> u64 {
        self.unlisted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(created: u64, destroyed: u64) -> Types {
        Types {
            name: vec![0],
            module: vec![1],
            created: vec![created],
            destroyed: vec![destroyed],
            peak: vec![9],
            size: vec![100],
            ..Types::default()
        }
    }

    #[test]
    fn rates_are_of_the_time_between_two_messages() {
        let texts = [TextId(0), TextId(1)];
        let mut types = KnownTypes::default();
        assert!(!types.is_told());
        types.take(10.0, &message(100, 40), &texts);
        assert_eq!((types.rows()[0].rates, types.rows()[0].history.len()), ((0.0, 0.0), 0));
        types.take(10.5, &message(150, 140), &texts);
        let row = &types.rows()[0];
        assert_eq!((row.rates, row.alive(), row.bytes()), ((100.0, 200.0), Some(10), Some(1000)));
        let past: Vec<(f64, u64)> = types.past().iter().map(|then| (then.time, then.bytes)).collect();
        assert_eq!(past, [(10.0, 6000), (10.5, 1000)]);
        // One that isn't sent stands still; a time that goes back makes no rate.
        types.take(11.0, &Types::default(), &texts);
        assert_eq!(types.rows()[0].history, [100.0, 0.0]);
        types.take(10.0, &message(150, 150), &texts);
        assert_eq!((types.rows()[0].alive(), types.rows()[0].history.len()), (Some(0), 2));
    }

    #[test]
    fn what_nobody_tells_is_unknown() {
        let mut types = KnownTypes::default();
        let told = Types { destroyed: Vec::new(), peak: Vec::new(), ..message(7, 0) };
        types.take(1.0, &told, &[TextId(0), TextId(1)]);
        let row = &types.rows()[0];
        assert_eq!((row.created, row.alive(), row.bytes(), row.peak), (7, None, None, None));
        assert!(types.past()[0].top.is_empty());
    }
}
