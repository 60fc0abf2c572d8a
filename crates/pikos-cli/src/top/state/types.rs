//! The table of types of objects, and the lines that make those of one.

use std::cmp::Ordering;

use pikos_views::{ShownType, ShownTypes};

use super::cursor::Cursor;
use super::filter::Filter;

/// What a row can be sorted by, in the order of the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TypeColumn {
    Made,
    Gone,
    #[default]
    Alive,
    Created,
    Peak,
    Bytes,
    Type,
}

impl TypeColumn {
    pub const ALL: [Self; 7] =
        [Self::Made, Self::Gone, Self::Alive, Self::Created, Self::Peak, Self::Bytes, Self::Type];

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Self::Made => "made/s",
            Self::Gone => "gone/s",
            Self::Alive => "alive",
            Self::Created => "created",
            Self::Peak => "peak",
            Self::Bytes => "bytes",
            Self::Type => "type",
        }
    }

    /// Its neighbour; behind the last one comes the first.
    pub fn neighbour(self, is_forward: bool) -> Self {
        let count = Self::ALL.len();
        let place = Self::ALL.iter().position(|column| *column == self).unwrap_or(0);
        Self::ALL[(place + if is_forward { 1 } else { count - 1 }) % count]
    }
}

/// The types that are listed.
#[derive(Clone, Debug, Default)]
pub struct TypeTable {
    /// Their places among all, filtered and sorted.
    pub rows: Vec<usize>,
    pub cursor: Cursor,
    /// The chosen one: the cursor goes where it goes.
    pub selected: Option<usize>,
    pub sort: TypeColumn,
    pub is_reversed: bool,
    filters: [Option<Filter>; 2],
}

impl TypeTable {
    /// Forgets what filters said: they are others, or the types are.
    pub fn set_filters(&mut self, include: Option<&Filter>, exclude: Option<&Filter>) {
        self.filters = [include.map(Filter::anew), exclude.map(Filter::anew)];
    }

    /// Filters and sorts anew; the cursor stays on its type.
    pub fn arrange(&mut self, types: &ShownTypes, page: usize) {
        for filter in self.filters.iter_mut().flatten() {
            filter.learn_texts(types.rows.len(), |place| types.rows[place].name.clone());
        }
        let [include, exclude] = &self.filters;
        let listed = |place: &usize| {
            include.as_ref().is_none_or(|filter| filter.finds_place(*place))
                && !exclude.as_ref().is_some_and(|filter| filter.finds_place(*place))
        };
        self.rows = (0..types.rows.len()).filter(listed).collect();
        let column = self.sort;
        self.rows.sort_by(|a, b| order(column, &types.rows[*a], &types.rows[*b]).then(a.cmp(b)));
        if self.is_reversed {
            self.rows.reverse();
        }
        match self.selected.and_then(|of| self.rows.iter().position(|row| *row == of)) {
            Some(row) => self.cursor.follow(row, self.rows.len(), page),
            None => {
                self.cursor.row = None;
                self.cursor.keep(self.rows.len(), page);
            }
        }
    }
}

/// The greatest first; names by their letters. What is alike, or unknown, by what was made.
fn order(column: TypeColumn, a: &ShownType, b: &ShownType) -> Ordering {
    let first = match column {
        TypeColumn::Made => b.made_per_s.total_cmp(&a.made_per_s),
        TypeColumn::Gone => b.gone_per_s.total_cmp(&a.gone_per_s),
        TypeColumn::Alive => b.alive.cmp(&a.alive),
        TypeColumn::Created => Ordering::Equal,
        TypeColumn::Peak => b.peak.cmp(&a.peak),
        TypeColumn::Bytes => b.bytes.cmp(&a.bytes),
        TypeColumn::Type => a.name.cmp(&b.name),
    };
    first.then(b.created.cmp(&a.created))
}

/// The lines that make objects of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypePlaces {
    /// The type's place among all.
    pub of: usize,
    pub cursor: Cursor,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_the_cursor_stays_on_its_type() {
        let row = |name: &str, alive, created| ShownType {
            name: name.to_owned(),
            alive: Some(alive),
            created,
            ..ShownType::default()
        };
        let mut types = ShownTypes {
            rows: vec![row("list", 5, 10), row("dict", 9, 9), row("app.A", 5, 20)],
            ..ShownTypes::default()
        };
        let mut table = TypeTable::default();
        table.arrange(&types, 10);
        assert_eq!(table.rows, [1, 2, 0]);
        table.selected = Some(0);
        types.rows[0].alive = Some(100);
        table.arrange(&types, 10);
        assert_eq!((table.rows.as_slice(), table.cursor.current()), ([0, 1, 2].as_slice(), 0));
        table.sort = TypeColumn::Type;
        table.arrange(&types, 10);
        assert_eq!(table.rows, [2, 1, 0]);
        assert_eq!(TypeColumn::Type.neighbour(true), TypeColumn::Made);
        let regex = regex::Regex::new("^app").expect("an expression");
        table.set_filters(Some(&Filter::new(regex)), None);
        table.arrange(&types, 10);
        assert_eq!(table.rows, [2]);
    }
}
