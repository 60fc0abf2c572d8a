//! The columns of the table of functions, and sorting by each.

use std::cmp::Ordering;
use std::str::FromStr;

use pikos_views::{Content, Meaning, Picture, ProfileContent, Shown, ShownFunction};

use super::memory::MemoryColumn;

/// What a row can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Ncalls,
    CallsPerS,
    Tottime,
    /// Live: the part of the last interval. A file: the part of the whole.
    Share,
    /// `tottime` for each call.
    TotPerCall,
    Cumtime,
    /// `cumtime` for each call that was not recursive.
    CumPerCall,
    InFlight,
    GilWait,
    /// The part of `tottime` in which a processor was at work.
    Cpu,
    P50,
    P99,
    Max,
    Function,
    Location,
}

/// In the order of the screen, with the word that names each on the command line.
const WORDS: [(Column, &str); 15] = [
    (Column::Ncalls, "ncalls"),
    (Column::CallsPerS, "calls/s"),
    (Column::Tottime, "tottime"),
    (Column::Share, "share"),
    (Column::TotPerCall, "tot/call"),
    (Column::Cumtime, "cumtime"),
    (Column::CumPerCall, "cum/call"),
    (Column::InFlight, "in-flight"),
    (Column::GilWait, "gil-wait"),
    (Column::Cpu, "cpu"),
    (Column::P50, "p50"),
    (Column::P99, "p99"),
    (Column::Max, "max"),
    (Column::Function, "function"),
    (Column::Location, "file"),
];

/// A word that names no column.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is not a column: choose one of {list}, or for records {records}",
    list = Column::words().join(", "),
    records = MemoryColumn::words().collect::<Vec<_>>().join(", ")
)]
pub struct UnknownColumn(String);

/// What a word names in a table of functions, and in one of records: a column of one of them at least.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SortBy {
    pub of_functions: Option<Column>,
    pub of_records: Option<MemoryColumn>,
}

impl FromStr for SortBy {
    type Err = UnknownColumn;

    fn from_str(word: &str) -> Result<Self, UnknownColumn> {
        let of_functions = WORDS.iter().find(|(_, known)| *known == word).map(|(column, _)| *column);
        let found = Self { of_functions, of_records: word.parse().ok() };
        if found == Self::default() { Err(UnknownColumn(word.to_owned())) } else { Ok(found) }
    }
}

impl SortBy {
    /// Every word that names a column.
    pub fn words() -> Vec<&'static str> {
        let mut words = Column::words();
        for word in MemoryColumn::words() {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        words
    }

    /// The column that such a picture doesn't have, if it is wanted.
    pub fn missing(self, picture: &Picture) -> Option<&'static str> {
        let Self { of_functions, of_records } = self;
        let word = of_functions.map(Column::word).or(of_records.map(MemoryColumn::word))?;
        let is_there = match &picture.content {
            // What will be there, nobody knows.
            _ if picture.processes.is_empty() => true,
            Content::Recording(memory) => {
                of_records.is_some_and(|column| MemoryColumn::of(memory, false).contains(&column))
            }
            Content::Profile(profile) => {
                of_functions.is_some_and(|column| Column::all(&profile.meaning).contains(&column))
            }
        };
        (!is_there).then_some(word)
    }
}

impl Column {
    pub fn words() -> Vec<&'static str> {
        WORDS.iter().map(|(_, word)| *word).collect()
    }

    /// As the command line names it.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(column, _)| *column == self).map_or("", |(_, word)| word)
    }

    /// The columns that say something about such figures, in the order of the screen.
    pub fn all(meaning: &Meaning) -> Vec<Column> {
        let says = |column: &Column| match column {
            Column::CallsPerS => meaning.is_live,
            // Of samples nobody knows what is open.
            Column::InFlight => meaning.is_live && !meaning.is_sampled,
            Column::Ncalls => meaning.is_counted,
            Column::GilWait => meaning.has_gil_waits,
            Column::Cpu => meaning.has_cpu,
            Column::P50 | Column::P99 | Column::Max => meaning.has_durations,
            // Samples count no calls that a time could be divided by.
            Column::TotPerCall | Column::CumPerCall => meaning.is_counted && !meaning.is_sampled,
            _ => true,
        };
        WORDS.iter().map(|(column, _)| *column).filter(says).collect()
    }

    /// Its heading, also as the user is told what the table is sorted by.
    pub fn title(self, meaning: &Meaning) -> &'static str {
        match self {
            Column::Share if meaning.is_live => "now%",
            Column::Share => "tot%",
            Column::Ncalls if meaning.is_sampled => "samples",
            Column::CallsPerS if meaning.is_sampled => "samples/s",
            Column::InFlight => "flight",
            Column::GilWait => "gil wait",
            Column::Location => "file:line",
            _ => self.word(),
        }
    }
}

/// The order of the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub column: Column,
    /// From the end that the column doesn't begin with: figures begin with the greatest.
    pub is_reversed: bool,
}

impl Sort {
    pub fn by(column: Column) -> Self {
        Self { column, is_reversed: false }
    }

    /// Sorts rows. What is equal goes by own time, then by id, so that rows don't flicker.
    pub fn apply(self, rows: &mut Vec<ShownFunction>, profile: &ProfileContent) {
        let label = |row: &ShownFunction| profile.label(row.id);
        let directed = |order: Ordering| if self.is_reversed { order.reverse() } else { order };
        match self.column {
            Column::Function => rows.sort_unstable_by(|a, b| {
                let (x, y) = (label(a), label(b));
                let order = (&x.name, &x.file, x.line).cmp(&(&y.name, &y.file, y.line));
                directed(order).then_with(|| busier(a, b))
            }),
            Column::Location => rows.sort_unstable_by(|a, b| {
                let (x, y) = (label(a), label(b));
                let order = (&x.file, x.line, &x.name).cmp(&(&y.file, y.line, &y.name));
                directed(order).then_with(|| busier(a, b))
            }),
            figure => {
                // Rows are large: their figures are sorted in their place.
                let mut places: Vec<(f64, u32)> =
                    rows.iter().map(|row| value(figure, &row.figures)).zip(0..).collect();
                places.sort_unstable_by(|&(x, a), &(y, b)| {
                    directed(descending(x, y)).then_with(|| busier(&rows[a as usize], &rows[b as usize]))
                });
                *rows = places.into_iter().map(|(_, place)| rows[place as usize]).collect();
            }
        }
    }
}

/// By own time, then by id.
fn busier(a: &ShownFunction, b: &ShownFunction) -> Ordering {
    descending(a.figures.tottime, b.figures.tottime).then(a.id.cmp(&b.id))
}

/// The figure to sort by. Of a difference its size counts: what changed most comes first.
fn value(column: Column, figures: &Shown) -> f64 {
    let value = match column {
        Column::Ncalls => figures.ncalls as f64,
        Column::CallsPerS => figures.calls_per_s,
        Column::Tottime => figures.tottime,
        Column::Share => figures.share,
        Column::TotPerCall => per_call(figures.tottime, figures.ncalls),
        Column::Cumtime => figures.cumtime,
        Column::CumPerCall => per_call(figures.cumtime, figures.primitive_calls),
        Column::InFlight => figures.in_flight,
        Column::GilWait => figures.gil_wait,
        Column::Cpu => figures.cpu,
        Column::P50 => known(figures.p50),
        Column::P99 => known(figures.p99),
        Column::Max => figures.max,
        Column::Function | Column::Location => 0.0,
    };
    value.abs()
}

/// What has no sum over processes is less than all others.
fn known(percentile: f64) -> f64 {
    if percentile.is_nan() { 0.0 } else { percentile }
}

/// Time for each call; 0 where nothing was called.
pub fn per_call(time: f64, calls: i64) -> f64 {
    if calls == 0 { 0.0 } else { time / calls as f64 }
}

/// A total order keeps a stray NaN from upsetting the sort.
fn descending(a: f64, b: f64) -> Ordering {
    b.total_cmp(&a)
}
