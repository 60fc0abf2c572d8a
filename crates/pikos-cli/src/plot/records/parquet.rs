//! Records in a Parquet file: `pikos-run`'s own, or what another tool has made of one.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader, SerializedFileReader};

use super::columns::{Clock, Columns};
use super::error::RecordsError;
use super::memory::Memory;
use super::series::{Row, Series};

use crate::plot::who::Event;

/// Rows that are read at once.
const ROWS: usize = 8192;

pub fn read<R: ChunkReader + 'static>(input: R, memory: Memory) -> Result<Series, RecordsError> {
    let reader = SerializedFileReader::new(input)?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<String> = schema.columns().iter().map(|column| column.path().string()).collect();
    let columns = Columns::among(&names, memory)?;
    let mut series = Series::new(columns.kind.is_some(), columns.clock.is_some());
    for number in 0..reader.num_row_groups() {
        let group = reader.get_row_group(number)?;
        let open = |place: usize| Column::open(&*group, place, &names);
        let mut bytes = open(columns.bytes)?;
        let (mut function, mut line) = (open(columns.function)?, open(columns.line)?);
        let mut kind = columns.kind.map(open).transpose()?;
        let mut file = columns.file.map(open).transpose()?;
        let mut peak = columns.peak.map(open).transpose()?;
        let mut clock = match columns.clock {
            None => None,
            Some(Clock::Nanoseconds(place) | Clock::Seconds(place)) => Some(open(place)?),
        };
        let second = if matches!(columns.clock, Some(Clock::Nanoseconds(_))) { 1e9 } else { 1.0 };
        loop {
            let count = bytes.next(ROWS)?;
            if count == 0 {
                break;
            }
            for column in [&mut function, &mut line]
                .into_iter()
                .chain([&mut kind, &mut file, &mut peak, &mut clock].into_iter().flatten())
            {
                column.next_as_many(count)?;
            }
            for at in 0..count {
                series.add(&Row {
                    bytes: bytes.number(at)?,
                    peak: peak.as_ref().map_or(Ok(0), |peak| peak.number(at))?,
                    time: clock.as_ref().map_or(Ok(0.0), |clock| clock.float(at))? / second,
                    event: Event {
                        kind: kind.as_ref().map(|kind| kind.text(at)).transpose()?,
                        function: &String::from_utf8_lossy(function.text(at)?),
                        line: &line.number(at)?.to_string(),
                        file: file.as_ref().map(|file| file.text(at)).transpose()?,
                    },
                });
            }
        }
    }
    series.finished()
}

/// A column of a row group, and some of its values.
struct Column {
    reader: ColumnReader,
    values: Values,
    name: String,
}

enum Values {
    Ints(Vec<i32>),
    Longs(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Vec<ByteArray>),
}

impl Column {
    fn open(group: &dyn RowGroupReader, place: usize, names: &[String]) -> Result<Self, RecordsError> {
        let reader = group.get_column_reader(place)?;
        let name = names[place].clone();
        let values = match reader {
            ColumnReader::Int32ColumnReader(_) => Values::Ints(Vec::new()),
            ColumnReader::Int64ColumnReader(_) => Values::Longs(Vec::new()),
            ColumnReader::DoubleColumnReader(_) => Values::Floats(Vec::new()),
            ColumnReader::ByteArrayColumnReader(_) => Values::Texts(Vec::new()),
            _ => return Err(RecordsError::Kind { column: name }),
        };
        Ok(Self { reader, values, name })
    }

    /// Reads the next values, so many at most; says how many there were.
    fn next(&mut self, most: usize) -> Result<usize, RecordsError> {
        let (rows, values) = match (&mut self.reader, &mut self.values) {
            (ColumnReader::Int32ColumnReader(reader), Values::Ints(values)) => batch(reader, most, values)?,
            (ColumnReader::Int64ColumnReader(reader), Values::Longs(values)) => batch(reader, most, values)?,
            (ColumnReader::DoubleColumnReader(reader), Values::Floats(values)) => {
                batch(reader, most, values)?
            }
            (ColumnReader::ByteArrayColumnReader(reader), Values::Texts(values)) => {
                batch(reader, most, values)?
            }
            _ => return Err(self.is_other()),
        };
        // A row without a value has none in the list, and all behind it would be another row's.
        if rows == values { Ok(rows) } else { Err(self.is_other()) }
    }

    /// As many as another column has had.
    fn next_as_many(&mut self, count: usize) -> Result<(), RecordsError> {
        if self.next(count)? == count { Ok(()) } else { Err(self.is_other()) }
    }

    fn number(&self, at: usize) -> Result<u64, RecordsError> {
        let number = match &self.values {
            Values::Ints(values) => values.get(at).map(|value| i64::from(*value)),
            Values::Longs(values) => values.get(at).copied(),
            _ => None,
        };
        number.and_then(|number| u64::try_from(number).ok()).ok_or_else(|| self.is_other())
    }

    fn float(&self, at: usize) -> Result<f64, RecordsError> {
        match &self.values {
            Values::Floats(values) => values.get(at).copied().ok_or_else(|| self.is_other()),
            _ => self.number(at).map(|number| number as f64),
        }
    }

    fn text(&self, at: usize) -> Result<&[u8], RecordsError> {
        match &self.values {
            Values::Texts(values) => values.get(at).map(ByteArray::data).ok_or_else(|| self.is_other()),
            _ => Err(self.is_other()),
        }
    }

    fn is_other(&self) -> RecordsError {
        RecordsError::Kind { column: self.name.clone() }
    }
}

/// Rows that were read, and those of them that have a value.
fn batch<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    most: usize,
    values: &mut Vec<T::T>,
) -> Result<(usize, usize), RecordsError> {
    values.clear();
    let mut levels = Vec::new();
    let (rows, count, _) = reader.read_records(most, Some(&mut levels), None, values)?;
    Ok((rows, count))
}
