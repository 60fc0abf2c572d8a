//! A Parquet file: a column for each field, its texts and numbers in dictionaries, in row groups.
//!
//! The footer is renewed with each row group. So the file can be read at any time, after `kill -9` or on a full disk, too;
//! what is missing then is the row group that was being filled.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::sync::Arc;

use parquet::basic::{Encoding, LogicalType, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedColumnWriter, SerializedRowGroupWriter, TrackedWrite};
use parquet::schema::types::{ColumnPath, SchemaDescPtr, SchemaDescriptor, Type};
use pyo3::Python;

use super::columns::{Column, Columns};
use crate::monitors::event::{Event, EventKind, Field, Shape, Value, seconds};
use crate::monitors::output::reason;
use crate::monitors::texts::{self, TextId};

/// Rows of a row group: some 5 MB until it is written.
const FULL: usize = 128 * 1024;

/// A row group of fewer rows is written anew, with those that follow: many short recordings make no long footer.
const SMALL: usize = 4096;

/// What the system writes at once.
const PAGE: usize = 4096;

const MAGIC: &[u8; 4] = b"PAR1";

/// A file, and the rows that it hasn't got yet.
pub struct Parquet {
    file: File,
    schema: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    groups: Vec<RowGroupMetaData>,
    /// Where the next row group is to begin.
    end: u64,
    /// What the file holds from there on: the footer, perhaps below a small row group.
    tail: Vec<u8>,
    rows: Columns,
    /// How many of the rows are in the tail.
    written: usize,
}

impl Parquet {
    /// Begins an empty file.
    pub fn new(file: File, fields: &[Field]) -> std::result::Result<Self, String> {
        let build = || -> Result<_> {
            let columns = fields.iter().map(|field| Ok(Arc::new(column_type(*field)?)));
            let columns = columns.collect::<Result<Vec<_>>>()?;
            Type::group_type_builder("records").with_fields(columns).build()
        };
        let schema = build().map_err(|error| error.to_string())?;
        let mut properties = WriterProperties::builder()
            .set_created_by(concat!("pikos ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_offset_index_disabled(true);
        for field in fields {
            let path = ColumnPath::from(field.name());
            properties = match field.shape() {
                // Mostly one more than the last.
                _ if *field == Field::Index => properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED),
                // The least and the greatest of all texts: nobody asks.
                Shape::Kind | Shape::Text => {
                    properties.set_column_statistics_enabled(path, EnabledStatistics::None)
                }
                // No two are the same.
                Shape::Seconds => properties.set_column_dictionary_enabled(path, false),
                Shape::Small | Shape::Number => properties,
            };
        }
        let mut new = Self {
            file,
            schema: Arc::new(SchemaDescriptor::new(Arc::new(schema))),
            properties: Arc::new(properties.build()),
            groups: Vec::new(),
            end: 0,
            tail: Vec::new(),
            rows: Columns::new(fields),
            written: 0,
        };
        let footer = new.footer(None).map_err(|error| error.to_string())?;
        new.put(&[MAGIC.as_slice(), &footer].concat())?;
        new.end = MAGIC.len() as u64;
        new.tail = footer;
        Ok(new)
    }

    /// One more row. True if it is time to [`Parquet::write`].
    #[inline(always)]
    pub fn push(&mut self, event: &Event<'_>) -> bool {
        self.rows.push(event);
        self.rows.len() >= FULL
    }

    /// One more, that Python made. Says which value doesn't fit its field.
    pub fn push_values(&mut self, py: Python<'_>, values: &[Value]) -> std::result::Result<bool, String> {
        self.rows.push_values(py, values)?;
        Ok(self.rows.len() >= FULL)
    }

    /// Writes the rows that the file hasn't got. If it fails, the file is as it was before, and why is told.
    pub fn write(&mut self, py: Python<'_>) -> std::result::Result<(), String> {
        if self.rows.len() == self.written {
            return Ok(());
        }
        let (mut bytes, group) = self.encode(py).map_err(|error| error.to_string())?;
        let size = bytes.len();
        let footer = self.footer(Some(&group)).map_err(|error| error.to_string())?;
        let without = self.footer(None).map_err(|error| error.to_string())?;
        bytes.resize(self.place_of_footer(size, footer.len()), 0);
        let written = self.put_around(&bytes, &without, &footer);
        bytes.extend_from_slice(&footer);
        if let Err(problem) = written {
            // There was room for this.
            let before = std::mem::take(&mut self.tail);
            drop(self.put(&before));
            self.tail = before;
            return Err(problem);
        }
        if self.rows.len() < SMALL {
            self.tail = bytes;
            self.written = self.rows.len();
        } else {
            self.groups.push(group);
            self.end += size as u64;
            self.tail = bytes.split_off(size);
            self.rows.clear();
            self.written = 0;
        }
        Ok(())
    }

    /// How far behind `end` the footer is to stand: behind the row group and all that the file holds now, and in one page if it
    /// fits one, so that it is there as a whole or not at all.
    fn place_of_footer(&self, group: usize, footer: usize) -> usize {
        let place = group.max(self.tail.len());
        let in_page = (self.end as usize + place) % PAGE;
        if in_page + footer > PAGE && footer <= PAGE { place + PAGE - in_page } else { place }
    }

    /// Writes a row group and its footer, so that the file ends in a footer at any time: first comes that of the row groups before.
    fn put_around(&mut self, group: &[u8], without: &[u8], footer: &[u8]) -> std::result::Result<(), String> {
        let place = self.end + group.len() as u64;
        let mut put = || {
            for (place, bytes) in [(place, without), (self.end, group), (place, footer)] {
                self.file.seek(SeekFrom::Start(place))?;
                self.file.write_all(bytes)?;
            }
            self.file.set_len(place + footer.len() as u64)
        };
        put().map_err(|error| reason(&error))
    }

    /// Writes what the file is to hold from `end` on.
    fn put(&mut self, bytes: &[u8]) -> std::result::Result<(), String> {
        let mut put = || {
            self.file.seek(SeekFrom::Start(self.end))?;
            self.file.write_all(bytes)?;
            self.file.set_len(self.end + bytes.len() as u64)
        };
        put().map_err(|error| reason(&error))
    }

    /// A row group as it is to stand at `end`.
    fn encode(&self, py: Python<'_>) -> Result<(Vec<u8>, RowGroupMetaData)> {
        let mut target = TrackedWrite::new(Vec::new());
        let ordinal = i32::try_from(self.groups.len()).unwrap_or(i32::MAX);
        let mut writer = SerializedRowGroupWriter::new(
            Arc::clone(&self.schema),
            Arc::clone(&self.properties),
            &mut target,
            ordinal,
            None,
        );
        for column in self.rows.columns() {
            let to = writer.next_column()?.ok_or_else(|| unexpected("fewer columns than fields"))?;
            write_column(py, column, to)?;
        }
        let group = writer.close()?;
        Ok((target.into_inner()?, moved(&group, self.end)?))
    }

    fn footer(&self, last: Option<&RowGroupMetaData>) -> Result<Vec<u8>> {
        let groups: Vec<_> = self.groups.iter().chain(last).cloned().collect();
        let rows = groups.iter().map(RowGroupMetaData::num_rows).sum();
        let created_by = Some(self.properties.created_by().to_owned());
        let facts = FileMetaData::new(1, rows, created_by, None, Arc::clone(&self.schema), None);
        let mut footer = Vec::new();
        ParquetMetaDataWriter::new(&mut footer, &ParquetMetaData::new(facts, groups)).finish()?;
        Ok(footer)
    }
}

/// How a field's values are kept.
fn column_type(field: Field) -> Result<Type> {
    let (physical, logical) = match field.shape() {
        Shape::Number => (Physical::INT64, None),
        Shape::Small => (Physical::INT32, None),
        Shape::Seconds => (Physical::DOUBLE, None),
        Shape::Kind | Shape::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
    };
    Type::primitive_type_builder(field.name(), physical)
        .with_repetition(parquet::basic::Repetition::REQUIRED)
        .with_logical_type(logical)
        .build()
}

fn write_column(py: Python<'_>, column: &Column, mut to: SerializedColumnWriter<'_>) -> Result<()> {
    match (column, to.untyped()) {
        (Column::Texts(texts), ColumnWriter::ByteArrayColumnWriter(writer)) => {
            let mut known: hashbrown::HashMap<TextId, ByteArray> = hashbrown::HashMap::new();
            let mut value = |text: &TextId| {
                let new = || ByteArray::from(texts::get(py, *text).as_bytes().to_vec());
                known.entry(*text).or_insert_with(new).clone()
            };
            let values: Vec<_> = texts.iter().map(&mut value).collect();
            writer.write_batch(&values, None, None)?;
        }
        (Column::Kinds(kinds), ColumnWriter::ByteArrayColumnWriter(writer)) => {
            let names = EventKind::ALL.map(|kind| ByteArray::from(kind.name()));
            let values: Vec<_> = kinds.iter().map(|kind| names[*kind as usize].clone()).collect();
            writer.write_batch(&values, None, None)?;
        }
        (Column::Lines(lines), ColumnWriter::Int32ColumnWriter(writer)) => {
            let values: Vec<_> = lines.iter().map(|line| line.cast_signed()).collect();
            writer.write_batch(&values, None, None)?;
        }
        (Column::Numbers(numbers), ColumnWriter::Int64ColumnWriter(writer)) => {
            let values: Vec<_> = numbers.iter().map(|number| number.cast_signed()).collect();
            writer.write_batch(&values, None, None)?;
        }
        (Column::Seconds(times), ColumnWriter::DoubleColumnWriter(writer)) => {
            let values: Vec<_> = times.iter().map(|time| seconds(*time)).collect();
            writer.write_batch(&values, None, None)?;
        }
        _ => return Err(unexpected("a column of another type")),
    }
    to.close()
}

/// A row group that was encoded for the beginning of a file, as it is at another place.
fn moved(group: &RowGroupMetaData, to: u64) -> Result<RowGroupMetaData> {
    let to = to.cast_signed();
    let column = |column: &ColumnChunkMetaData| {
        let dictionary = column.dictionary_page_offset().map(|offset| offset + to);
        let moved = column.clone().into_builder().set_data_page_offset(column.data_page_offset() + to);
        moved.set_dictionary_page_offset(dictionary).build()
    };
    let columns = group.columns().iter().map(column).collect::<Result<Vec<_>>>()?;
    group.clone().into_builder().set_column_metadata(columns).set_file_offset(to).build()
}

fn unexpected(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}
