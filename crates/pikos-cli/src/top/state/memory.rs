//! The table of lines, or functions, of a recorder.

use std::cmp::{Ordering, Reverse};
use std::str::FromStr;
use std::sync::Arc;

use pikos_views::{LineId, Recording, ShownLine};

use super::cursor::Cursor;
use super::filter::Filter;

/// What a row can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryColumn {
    Time,
    Own,
    Growth,
    Spike,
    Peak,
    Hits,
    Location,
    Function,
    Source,
}

/// In the order of the screen, with the word that names each.
const WORDS: [(MemoryColumn, &str); 9] = [
    (MemoryColumn::Time, "time"),
    (MemoryColumn::Own, "own"),
    (MemoryColumn::Growth, "growth"),
    (MemoryColumn::Spike, "spike"),
    (MemoryColumn::Peak, "peak"),
    (MemoryColumn::Hits, "hits"),
    (MemoryColumn::Location, "file"),
    (MemoryColumn::Function, "function"),
    (MemoryColumn::Source, "source"),
];

impl FromStr for MemoryColumn {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        WORDS.iter().find(|(_, known)| *known == word).map(|(column, _)| *column).ok_or(())
    }
}

impl MemoryColumn {
    pub fn words() -> impl Iterator<Item = &'static str> {
        WORDS.iter().map(|(_, word)| *word)
    }

    /// As the command line names it.
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(column, _)| *column == self).map_or("", |(_, word)| word)
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        if self == Self::Location { "file:line" } else { self.word() }
    }

    /// The columns that say something about such records, in the order of the screen.
    pub fn of(memory: &Recording, by_function: bool) -> Vec<Self> {
        let says = |column: &Self| match column {
            Self::Time => memory.has_times,
            Self::Own => memory.has_memory || memory.has_times,
            Self::Growth | Self::Peak => memory.has_memory,
            Self::Spike => memory.has_spikes,
            Self::Source => !by_function && !memory.is_of_functions,
            _ => true,
        };
        WORDS.iter().map(|(column, _)| *column).filter(says).collect()
    }
}

/// Of the greatest figure: rows that differ by less are as high, and the one that reached higher comes first. Arrays of one
/// size are not told apart by the few pages that somebody else took meanwhile.
const ALIKE: i64 = 50;

/// Figures to compare with.
#[derive(Clone, Debug)]
pub struct MemoryMark {
    lines: Arc<Vec<ShownLine>>,
    /// When, in words.
    pub title: String,
}

/// Of a spike: less is noise.
const LEAST_SPIKE: u64 = 1 << 20;

/// The lines or functions of a recorder that are listed.
#[derive(Clone, Debug, Default)]
pub struct MemoryTable {
    /// Filtered and sorted.
    pub rows: Vec<ShownLine>,
    /// How many there are without filters.
    pub count: usize,
    pub by_function: bool,
    pub cursor: Cursor,
    pub selected: Option<LineId>,
    /// `None` for the column that says most.
    pub sort: Option<MemoryColumn>,
    pub is_reversed: bool,
    /// The figures of the lines that were marked, and when.
    pub mark: Option<MemoryMark>,
    /// Whether what has changed since then is shown.
    pub shows_diff: bool,
    /// What filters said of lines, and of functions.
    filters: [[Option<Filter>; 2]; 2],
}

impl MemoryTable {
    /// Remembers the figures of now.
    pub fn set_mark(&mut self, memory: &Recording) {
        self.mark =
            Some(MemoryMark { lines: Arc::clone(&memory.rows), title: format!("{:.1} s", memory.age) });
    }

    /// There is nothing to compare with any more.
    pub fn forget_mark(&mut self) {
        self.mark = None;
        self.shows_diff = false;
    }

    /// What is shown: the figures of all the time, or since the mark.
    fn shown(&self, memory: &Recording) -> Option<Recording> {
        let mark = self.mark.as_ref().filter(|_| self.shows_diff)?;
        Some(memory.since(&mark.lines))
    }

    /// The column that it is sorted by.
    pub fn column(&self, memory: &Recording) -> MemoryColumn {
        let columns = self.columns(memory);
        let default = match () {
            () if memory.has_times => MemoryColumn::Time,
            () if memory.has_memory => MemoryColumn::Own,
            () => MemoryColumn::Hits,
        };
        self.sort.filter(|column| columns.contains(column)).unwrap_or(default)
    }

    /// All that it may be sorted by.
    pub fn columns(&self, memory: &Recording) -> Vec<MemoryColumn> {
        MemoryColumn::of(memory, self.by_function)
    }

    /// Forgets what filters said: they are others, or the lines are.
    pub fn set_filters(&mut self, include: Option<&Filter>, exclude: Option<&Filter>) {
        let anew = || [include.map(Filter::anew), exclude.map(Filter::anew)];
        self.filters = [anew(), anew()];
    }

    /// Filters and sorts anew; the cursor stays on its line.
    pub fn arrange(&mut self, memory: &Recording, page: usize) {
        let labels = if self.by_function { &memory.functions } else { &memory.lines };
        let filters = &mut self.filters[usize::from(self.by_function)];
        for filter in filters.iter_mut().flatten() {
            filter.learn_texts(labels.len(), |place| labels[place].searched());
        }
        let since = self.shown(memory);
        let memory = since.as_ref().unwrap_or(memory);
        let [include, exclude] = &self.filters[usize::from(self.by_function)];
        let listed = |row: &ShownLine| {
            let has_changed = since.is_none() || row.hits > 0 || row.growth != 0 || row.own != 0;
            has_changed
                && include.as_ref().is_none_or(|filter| filter.finds_place(row.id.index()))
                && !exclude.as_ref().is_some_and(|filter| filter.finds_place(row.id.index()))
        };
        let rows = if self.by_function { memory.function_rows() } else { memory.rows.to_vec() };
        self.count = rows.len();
        self.rows = rows.into_iter().filter(listed).collect();
        let column = self.column(memory);
        sort(&mut self.rows, column, memory, self.by_function);
        if self.is_reversed {
            self.rows.reverse();
        }
        match self.selected.and_then(|id| self.rows.iter().position(|row| row.id == id)) {
            Some(row) => self.cursor.follow(row, self.rows.len(), page),
            None => {
                // It is filtered away, and may come back.
                self.cursor.row = None;
                self.cursor.keep(self.rows.len(), page);
            }
        }
    }
}

fn sort(rows: &mut [ShownLine], column: MemoryColumn, memory: &Recording, by_function: bool) {
    let label = |row: &ShownLine| memory.label(row.id, by_function);
    match column {
        MemoryColumn::Time => rows.sort_unstable_by_key(|row| (Reverse(row.growth), row.id)),
        MemoryColumn::Own if memory.has_times => rows.sort_unstable_by_key(|row| (Reverse(row.own), row.id)),
        MemoryColumn::Own => by_size(rows, |row| row.own),
        MemoryColumn::Growth => by_size(rows, |row| row.growth),
        // It is in all that called the line: that line comes first.
        MemoryColumn::Spike => rows.sort_unstable_by_key(|row| {
            let own = if row.own_spike < LEAST_SPIKE { 0 } else { row.own_spike };
            (Reverse(own), Reverse(row.spike), row.id)
        }),
        MemoryColumn::Peak => rows.sort_unstable_by_key(|row| (Reverse(row.peak), Reverse(row.own), row.id)),
        MemoryColumn::Hits => rows.sort_unstable_by_key(|row| (Reverse(row.hits), row.id)),
        MemoryColumn::Location | MemoryColumn::Function | MemoryColumn::Source => {
            rows.sort_unstable_by(|a, b| {
                let (x, y) = (label(a), label(b));
                let place = (&x.file, x.line).cmp(&(&y.file, y.line));
                let order = match column {
                    MemoryColumn::Function => x.function.cmp(&y.function),
                    MemoryColumn::Source => x.source.cmp(&y.source),
                    _ => Ordering::Equal,
                };
                order.then(place).then(a.id.cmp(&b.id))
            });
        }
    }
}

/// The greatest first; of those that are alike the one with the higher peak, and of those the one that was there first.
fn by_size(rows: &mut [ShownLine], size: impl Fn(&ShownLine) -> i64) {
    rows.sort_unstable_by_key(|row| (Reverse(size(row)), row.id));
    let Some(tolerance) = rows.first().map(|row| size(row).max(0) / ALIKE) else { return };
    each_alike(rows, size, tolerance, |alike| {
        alike.sort_unstable_by_key(|row| (Reverse(row.peak), row.id));
        let peak = |row: &ShownLine| i64::try_from(row.peak).unwrap_or(i64::MAX);
        each_alike(alike, peak, tolerance, |level| level.sort_unstable_by_key(|row| row.id));
    });
}

/// Passes on the groups of sorted rows whose figures don't differ by more than this.
fn each_alike(
    rows: &mut [ShownLine],
    figure: impl Fn(&ShownLine) -> i64,
    tolerance: i64,
    mut take: impl FnMut(&mut [ShownLine]),
) {
    let mut start = 0;
    while start < rows.len() {
        let greatest = figure(&rows[start]);
        // What did not grow memory is no rival.
        if greatest <= tolerance {
            break;
        }
        let alike = rows[start..].iter().take_while(|row| greatest.saturating_sub(figure(row)) <= tolerance);
        let end = start + alike.count();
        take(&mut rows[start..end]);
        start = end;
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod view_tests;

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u32, own: i64, peak: u64) -> ShownLine {
        ShownLine { id: LineId(id), hits: 1, growth: own, own, peak, spike: 0, own_spike: 0 }
    }

    fn order(rows: &[ShownLine]) -> Vec<u32> {
        let mut rows = rows.to_vec();
        by_size(&mut rows, |row| row.own);
        rows.iter().map(|row| row.id.0).collect()
    }

    #[test]
    fn of_lines_that_took_as_much_the_one_that_reached_highest_is_first() {
        let rows = [
            row(0, 30_600, 31_000),
            row(1, 30_500, 91_000),
            row(2, 30_550, 61_000),
            row(3, -30_000, 91_000),
            row(4, 29_000, 99_000),
            row(5, 3, 99_999),
            row(6, 0, 99_999),
        ];
        assert_eq!(order(&rows), [1, 2, 0, 4, 5, 6, 3]);
        // A little more on the same plateau is not higher.
        let rows = [row(0, 30_500, 61_000), row(1, 30_500, 91_000), row(2, 30_600, 91_100)];
        assert_eq!(order(&rows), [1, 2, 0]);
    }

    #[test]
    fn where_nothing_grew_there_is_an_order_too() {
        assert_eq!(order(&[row(0, -5, 1), row(1, 0, 2), row(2, 0, 9)]), [1, 2, 0]);
        assert_eq!(order(&[]), [] as [u32; 0]);
    }

    #[test]
    fn words_are_those_of_the_screen() {
        for word in MemoryColumn::words() {
            assert_eq!(word.parse::<MemoryColumn>().map(MemoryColumn::word), Ok(word));
        }
        assert!("ncalls".parse::<MemoryColumn>().is_err());
    }
}
