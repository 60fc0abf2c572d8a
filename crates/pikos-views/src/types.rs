//! What a view shows of types of objects. Plain values.

use std::sync::Arc;

use pikos_client::{RecordModel, TypeThen, TypesThen};
use pstats_compat::Objects;
use pstats_compat::printable::printable;

/// What is shown of a type. What is `None`, nobody tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShownType {
    /// With its module, where that isn't Python's own; safe to print.
    pub name: String,
    /// Objects made.
    pub created: u64,
    /// Objects gone.
    pub destroyed: Option<u64>,
    /// How many more there are than in the beginning.
    pub alive: Option<i64>,
    /// The most of these at once.
    pub peak: Option<u64>,
    /// Bytes of those that are alive, without what they point at.
    pub bytes: Option<u64>,
    /// Made in a second, lately.
    pub made_per_s: f64,
    /// Gone in a second, lately.
    pub gone_per_s: f64,
    /// Those made in a second before, the newest last.
    pub history: Vec<f32>,
}

/// A line that makes objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownTypePlace {
    /// Of which type: its place in [`ShownTypes::rows`].
    pub of: usize,
    /// The file, safe to print.
    pub file: String,
    /// The function, safe to print.
    pub function: String,
    /// The line.
    pub line: u32,
    /// Objects that it made.
    pub created: u64,
    /// About how many of them are still there.
    pub alive: Option<u64>,
}

/// All types of a program.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShownTypes {
    /// Each keeps its place.
    pub rows: Vec<ShownType>,
    /// The lines that make them, if these are counted.
    pub places: Vec<ShownTypePlace>,
    /// Types that nothing is told of.
    pub unlisted: u64,
    /// What there was over time, the oldest first.
    pub past: Vec<Arc<TypesThen>>,
}

impl ShownTypes {
    /// Of a stream, if it tells of types.
    pub fn of(model: &RecordModel) -> Option<Arc<Self>> {
        let types = model.types();
        if !types.is_told() {
            return None;
        }
        let text = |text| printable(model.text(text)).into_owned();
        let rows = types.rows().iter().map(|row| {
            let name = match model.text(row.module) {
                "builtins" | "" => text(row.name),
                module => format!("{}.{}", printable(module), text(row.name)),
            };
            ShownType {
                name,
                created: row.created,
                destroyed: row.destroyed,
                alive: row.alive(),
                peak: row.peak,
                bytes: row.bytes(),
                made_per_s: row.rates.0,
                gone_per_s: row.rates.1,
                history: row.history.iter().copied().collect(),
            }
        });
        let places = types.places().iter().map(|row| ShownTypePlace {
            of: row.of,
            file: text(row.file),
            function: text(row.function),
            line: row.line,
            created: row.created,
            alive: row.alive,
        });
        Some(Arc::new(Self {
            rows: rows.collect(),
            places: places.collect(),
            unlisted: types.unlisted(),
            past: types.past().to_vec(),
        }))
    }

    /// Of a file: they stand still.
    pub fn of_file(objects: &Objects) -> Arc<Self> {
        let rows = objects.types.iter().map(|row| ShownType {
            name: printable(&row.full_name()).into_owned(),
            created: row.created,
            destroyed: row.destroyed,
            alive: row.alive(),
            peak: row.peak,
            bytes: row.bytes,
            ..ShownType::default()
        });
        let places = objects.places.iter().map(|row| ShownTypePlace {
            of: row.of as usize,
            file: printable(&row.file.to_str_lossy()).into_owned(),
            function: printable(&row.function.to_str_lossy()).into_owned(),
            line: row.line,
            created: row.created,
            alive: row.alive,
        });
        let past = objects.past.iter().map(|then| {
            let top = then.top.iter().map(|&(of, alive, bytes)| TypeThen { of, alive, bytes });
            Arc::new(TypesThen { time: then.at, top: top.collect(), alive: then.alive, bytes: then.bytes })
        });
        Arc::new(Self {
            rows: rows.collect(),
            places: places.collect(),
            unlisted: objects.unlisted,
            past: past.collect(),
        })
    }

    /// The lines that make objects of a type, those that made most first.
    pub fn places_of(&self, of: usize) -> Vec<&ShownTypePlace> {
        let mut places: Vec<_> = self.places.iter().filter(|place| place.of == of).collect();
        places.sort_by_key(|place| std::cmp::Reverse((place.alive.unwrap_or(0), place.created)));
        places
    }
}
