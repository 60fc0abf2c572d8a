//! A Parquet file of records as they are heard: a column for each field, as `pikos-run` writes them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, Type as Physical};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use pikos_client::Records;

/// Rows of a row group.
const FULL: usize = 128 * 1024;
/// Or so many bytes of texts: a message may have long ones.
const MOST_TEXT: usize = 64 << 20;
/// Fields of a record: an endpoint could invent them.
const MOST_FIELDS: usize = 64;
/// When each record was made, in nanoseconds, where it doesn't say so itself.
const TIME: &str = "time_ns";

/// A file that is being written.
pub struct RecordsFile {
    pub path: PathBuf,
    fields: Vec<String>,
    columns: Vec<Column>,
    /// Whether the last column is the time that we have heard of it.
    adds_time: bool,
    schema: Arc<Type>,
    writer: SerializedFileWriter<File>,
    rows: usize,
    texts: usize,
    /// Records in all.
    pub count: u64,
}

/// The values of a field that the file hasn't got yet.
enum Column {
    Texts(Vec<ByteArray>),
    Small(Vec<i32>),
    Numbers(Vec<i64>),
    Seconds(Vec<f64>),
}

impl RecordsFile {
    /// Begins a file of records with these fields.
    pub fn create(path: &Path, fields: &[String]) -> Result<Self> {
        if fields.len() > MOST_FIELDS {
            return Err(ParquetError::General(format!(
                "records with {} fields are none of Pikos",
                fields.len()
            )));
        }
        let adds_time = !fields.iter().any(|field| field == TIME || field == "time");
        let names = fields.iter().map(String::as_str).chain(adds_time.then_some(TIME));
        let columns: Vec<Column> = names.clone().map(Column::of).collect();
        let types = names.zip(&columns).map(|(name, column)| column.kind(name).map(Arc::new));
        let schema =
            Type::group_type_builder("records").with_fields(types.collect::<Result<_>>()?).build()?;
        let schema = Arc::new(schema);
        let writer = writer(path, &schema)?;
        Ok(Self {
            path: path.to_owned(),
            fields: fields.to_vec(),
            columns,
            adds_time,
            schema,
            writer,
            rows: 0,
            texts: 0,
            count: 0,
        })
    }

    /// Forgets all that it has.
    pub fn begin_anew(&mut self) -> Result<()> {
        self.columns = self.columns.iter().map(Column::empty).collect();
        (self.rows, self.texts, self.count) = (0, 0, 0);
        // What the writer still has must not come into the new file.
        self.writer.flush()?;
        self.writer = writer(&self.path, &self.schema)?;
        Ok(())
    }

    /// Whether these records have its fields.
    pub fn takes(&self, records: &Records) -> bool {
        self.fields == records.fields
    }

    /// Adds the records of a message. They were made between two moments, in seconds.
    pub fn add(&mut self, records: &Records, (from, to): (f64, f64)) -> Result<()> {
        let length = records.columns.first().map_or(0, Vec::len);
        let texts: Vec<ByteArray> = records.texts.iter().map(|text| ByteArray::from(text.as_str())).collect();
        self.texts += records.texts.iter().map(String::len).sum::<usize>();
        for (column, values) in self.columns.iter_mut().zip(&records.columns) {
            match column {
                Column::Texts(own) => own.extend(values.iter().map(|place| texts[*place as usize].clone())),
                Column::Small(own) => own.extend(values.iter().map(|value| *value as i32)),
                Column::Numbers(own) => own.extend(values.iter().map(|value| value.cast_signed())),
                Column::Seconds(own) => own.extend(values.iter().map(|value| *value as f64 / 1e9)),
            }
        }
        if let (true, Some(Column::Numbers(times))) = (self.adds_time, self.columns.last_mut()) {
            let step = (to - from).max(0.0) / (length + 1) as f64;
            times.extend((1..=length).map(|row| ((from + step * row as f64).max(0.0) * 1e9) as i64));
        }
        self.rows += length;
        self.count += length as u64;
        if self.rows >= FULL || self.texts >= MOST_TEXT { self.write() } else { Ok(()) }
    }

    /// Writes what there is, and ends the file.
    pub fn finish(mut self) -> Result<()> {
        self.write()?;
        self.writer.close().map(drop)
    }

    fn write(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let mut group = self.writer.next_row_group()?;
        for column in &mut self.columns {
            let Some(mut to) = group.next_column()? else { break };
            match (column, to.untyped()) {
                (Column::Texts(own), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                    writer.write_batch(&std::mem::take(own), None, None)?;
                }
                (Column::Small(own), ColumnWriter::Int32ColumnWriter(writer)) => {
                    writer.write_batch(&std::mem::take(own), None, None)?;
                }
                (Column::Numbers(own), ColumnWriter::Int64ColumnWriter(writer)) => {
                    writer.write_batch(&std::mem::take(own), None, None)?;
                }
                (Column::Seconds(own), ColumnWriter::DoubleColumnWriter(writer)) => {
                    writer.write_batch(&std::mem::take(own), None, None)?;
                }
                _ => return Err(ParquetError::General("a column of another type".to_owned())),
            }
            to.close()?;
        }
        group.close()?;
        (self.rows, self.texts) = (0, 0);
        Ok(())
    }
}

/// Writes an empty file.
fn writer(path: &Path, schema: &Arc<Type>) -> Result<SerializedFileWriter<File>> {
    let properties =
        WriterProperties::builder().set_created_by(concat!("pikos ", env!("CARGO_PKG_VERSION")).to_owned());
    SerializedFileWriter::new(File::create(path)?, Arc::clone(schema), Arc::new(properties.build()))
}

impl Column {
    fn empty(&self) -> Self {
        match self {
            Self::Texts(_) => Self::Texts(Vec::new()),
            Self::Small(_) => Self::Small(Vec::new()),
            Self::Numbers(_) => Self::Numbers(Vec::new()),
            Self::Seconds(_) => Self::Seconds(Vec::new()),
        }
    }

    fn of(field: &str) -> Self {
        match field {
            _ if Records::TEXT_FIELDS.contains(&field) => Self::Texts(Vec::new()),
            "lineNo" | "depth" => Self::Small(Vec::new()),
            "time" => Self::Seconds(Vec::new()),
            _ => Self::Numbers(Vec::new()),
        }
    }

    fn kind(&self, name: &str) -> Result<Type> {
        let (physical, logical) = match self {
            Self::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Self::Small(_) => (Physical::INT32, None),
            Self::Numbers(_) => (Physical::INT64, None),
            Self::Seconds(_) => (Physical::DOUBLE, None),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::REQUIRED)
            .with_logical_type(logical)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{self, Memory};

    #[test]
    fn what_was_heard_can_be_drawn() {
        let folder = std::env::temp_dir().join(format!("pikos-records-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("records.parquet");
        let fields = ["index", "function", "lineNo", "RSS", "filename"].map(str::to_owned);
        let mut file = RecordsFile::create(&path, &fields).unwrap();
        for (from, rss) in [(0.0, 100), (1.0, 900)] {
            let message = Records {
                fields: fields.to_vec(),
                texts: ["f", "/x/y.py"].map(str::to_owned).to_vec(),
                columns: vec![vec![0, 1], vec![0, 0], vec![7, 8], vec![100, rss], vec![1, 1]],
                ..Records::default()
            };
            assert!(file.takes(&message));
            file.add(&message, (from, from + 1.0)).unwrap();
        }
        assert_eq!(file.count, 4);
        file.finish().unwrap();
        let series = plot::read(&path, Memory::Rss).unwrap();
        assert_eq!((series.count(), series.greatest(), series.has_time()), (4, 900, true));
        assert_eq!(series.steps().map(|(_, name)| name).last(), Some("f y.py:7"));
        assert!((series.last().time - 5.0 / 3.0).abs() < 1e-6, "{}", series.last().time);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_record_has_so_many_fields_at_most() {
        let fields = vec!["x".to_owned(); MOST_FIELDS + 1];
        assert!(RecordsFile::create(Path::new("/nowhere"), &fields).is_err());
    }
}
