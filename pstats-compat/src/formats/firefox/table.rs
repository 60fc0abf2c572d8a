//! Tables: columns by name, or, as Firefox itself makes them ("gecko"), rows and a schema that says what stands where in each.
//!
//! Cells are looked at when they are needed, and a wrong one is refused then, with its place.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::error::{Error, Result};

/// The columns that are read. What else a table has is not kept.
const COLUMNS: [&str; 13] = [
    "stack",
    "weight",
    "prefix",
    "prefixOffset",
    "frame",
    "func",
    "location",
    "name",
    "fileName",
    "source",
    "lineNumber",
    "resource",
    "filename",
];

/// A value in a table.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Cell {
    /// A null, or what a row leaves out at its end.
    #[default]
    Empty,
    Number(f64),
    /// What is no number.
    Other,
}

/// A table, whichever form it had in the file.
#[derive(Debug, Default)]
pub struct Table {
    columns: HashMap<&'static str, Vec<Cell>>,
    pub weight_type: Option<String>,
}

/// A column of a table, and where that stands.
#[derive(Clone, Copy)]
pub struct Column<'d> {
    cells: &'d [Cell],
    /// What has the table: a thread, or what threads share.
    owner: &'d str,
    table: &'static str,
    name: &'static str,
}

impl Table {
    /// A column by its name; `None` if the table hasn't got it. `owner` and `table` are its place for whoever reads an error.
    pub fn column<'d>(
        &'d self,
        owner: &'d str,
        table: &'static str,
        name: &'static str,
    ) -> Option<Column<'d>> {
        let cells = self.columns.get(name)?;
        Some(Column { cells, owner, table, name })
    }
}

impl Column<'_> {
    pub fn rows(&self) -> usize {
        self.cells.len()
    }

    /// Whether nothing stands in any row.
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| *cell == Cell::Empty)
    }

    /// The number in a row; `None` if nothing stands there.
    pub fn number(&self, row: usize) -> Result<Option<f64>> {
        match self.cells.get(row).copied().unwrap_or_default() {
            Cell::Empty => Ok(None),
            Cell::Number(number) => Ok(Some(number)),
            Cell::Other => Err(self.bad(row, "it is no number")),
        }
    }

    /// The row of another table, with so many `whats`, that a row of this one names.
    pub fn index(&self, row: usize, count: usize, what: &str) -> Result<Option<usize>> {
        let Some(number) = self.number(row)? else { return Ok(None) };
        // Whole numbers below 2^53 are exact; no table is as long.
        let index = number as usize;
        match index < count && index as f64 == number {
            true => Ok(Some(index)),
            false => Err(self.bad(row, &format!("there is no {what} {number}"))),
        }
    }

    /// The same where something has to stand.
    pub fn some_index(&self, row: usize, count: usize, what: &str) -> Result<usize> {
        self.index(row, count, what)?.ok_or_else(|| self.bad(row, &format!("it names no {what}")))
    }

    /// What is wrong with a row of it.
    pub fn bad(&self, row: usize, problem: &str) -> Error {
        let Self { owner, table, name, .. } = self;
        bad(format!("{owner}.{table}.{name}[{row}]"), problem)
    }
}

/// What is wrong with a field.
pub fn bad(field: String, problem: &str) -> Error {
    Error::BadField { field, problem: problem.to_owned() }
}

/// Where the columns are in a row; those of gecko's tables that are read.
#[derive(serde::Deserialize)]
struct Schema {
    stack: Option<usize>,
    prefix: Option<usize>,
    frame: Option<usize>,
    location: Option<usize>,
}

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TableVisitor)
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = Table;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a table")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
        let mut table = Table::default();
        let mut schema: Option<Schema> = None;
        let mut rows: Option<Vec<Vec<Cell>>> = None;
        let twice = |key: &str| A::Error::custom(format_args!("`{key}` stands there twice"));
        while let Some(key) = map.next_key::<String>()? {
            let is_second = match (key.as_str(), COLUMNS.iter().find(|name| **name == key)) {
                // A column that is null is none.
                (_, Some(name)) => match map.next_value::<Option<Vec<Cell>>>()? {
                    Some(cells) => table.columns.insert(name, cells).is_some(),
                    None => false,
                },
                ("weightType", _) => std::mem::replace(&mut table.weight_type, map.next_value()?).is_some(),
                ("schema", _) => schema.replace(map.next_value()?).is_some(),
                ("data", _) => rows.replace(map.next_value()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if is_second {
                return Err(twice(&key));
            }
        }
        if let (Some(schema), Some(rows)) = (schema, rows) {
            let Schema { stack, prefix, frame, location } = schema;
            let places = [("stack", stack), ("prefix", prefix), ("frame", frame), ("location", location)];
            for (name, place) in places {
                let Some(place) = place else { continue };
                let cells = rows.iter().map(|row| row.get(place).copied().unwrap_or_default()).collect();
                if table.columns.insert(name, cells).is_some() {
                    return Err(twice(name));
                }
            }
        }
        Ok(table)
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell::Empty)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Cell, E> {
        Ok(Cell::Number(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Cell, E> {
        Ok(Cell::Number(number as f64))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Cell, E> {
        Ok(Cell::Number(number as f64))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Cell, E> {
        Ok(Cell::Other)
    }

    fn visit_str<E>(self, _: &str) -> Result<Cell, E> {
        Ok(Cell::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Cell, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Cell::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(json: &str) -> Vec<Cell> {
        let table: Table = serde_json::from_str(json).expect(json);
        table.columns["prefix"].clone()
    }

    #[test]
    fn both_forms_are_one() {
        let expected = [Cell::Empty, Cell::Number(0.0), Cell::Other, Cell::Empty];
        assert_eq!(prefix(r#"{"length": 4, "prefix": [null, 0, "x", null], "category": [1]}"#), expected);
        // Rows may be short, the schema may come last, and what nobody asks for may be anything.
        let rows = r#"{"data": [[[7], null], [true, 0], ["x", {"a": 1}, 3], []], "schema": {"frame": 0, "prefix": 1}}"#;
        assert_eq!(prefix(rows), expected);
    }

    #[test]
    fn nothing_stands_there_twice() {
        for (json, key) in [
            (r#"{"stack": [1], "stack": [2]}"#, "stack"),
            (r#"{"schema": {}, "data": [], "data": []}"#, "data"),
            (r#"{"stack": [1], "schema": {"stack": 0}, "data": [[2]]}"#, "stack"),
            (r#"{"schema": {"frame": 0, "frame": 1}, "data": []}"#, "frame"),
        ] {
            let error = serde_json::from_str::<Table>(json).expect_err(json).to_string();
            assert!(error.contains(&format!("`{key}`")), "{error}");
        }
    }

    #[test]
    fn a_wrong_cell_is_named_when_it_is_needed() {
        let table: Table = serde_json::from_str(r#"{"frame": [1, 2, -1, 0.5, "x", null, 1e300]}"#).unwrap();
        let column = table.column("threads[3]", "stackTable", "frame").unwrap();
        assert_eq!(column.index(0, 2, "frame").unwrap(), Some(1));
        assert_eq!(column.index(5, 2, "frame").unwrap(), None);
        for (row, problem) in [
            (1, "there is no frame 2"),
            (2, "there is no frame -1"),
            (3, "0.5"),
            (4, "no number"),
            (6, "there is no frame 1"),
        ] {
            let error = column.index(row, 2, "frame").unwrap_err().to_string();
            assert!(error.starts_with(&format!("threads[3].stackTable.frame[{row}]: ")), "{error}");
            assert!(error.contains(problem), "{error}");
        }
        let error = column.some_index(5, 2, "frame").unwrap_err().to_string();
        assert!(error.ends_with("it names no frame"), "{error}");
    }
}
