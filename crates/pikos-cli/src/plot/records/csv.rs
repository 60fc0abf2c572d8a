//! Records as comma-separated values.

use std::borrow::Cow;
use std::io::Read;
use std::str::FromStr;

use csv::{ByteRecord, Position, Reader};

use super::columns::{Clock, Columns, beginning};
use super::error::RecordsError;
use super::memory::Memory;
use super::series::{Row, Series};

use crate::plot::who::Event;

pub fn read(input: impl Read, memory: Memory) -> Result<Series, RecordsError> {
    let mut reader = Reader::from_reader(input);
    let header = reader.byte_headers()?.clone();
    let is_text =
        |field: &[u8]| std::str::from_utf8(field).is_ok_and(|text| !text.contains(char::is_control));
    if header.len() < 2 || !header.iter().all(is_text) {
        return Err(if header.is_empty() { RecordsError::Empty } else { RecordsError::NoRecords });
    }
    let names: Vec<String> = header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let columns = Columns::among(&names, memory)?;
    let mut series = Series::new(columns.kind.is_some(), columns.clock.is_some());
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let cells = Cells { record: &record, names: &names };
        series.add(&Row {
            bytes: cells.number(columns.bytes)?,
            peak: columns.peak.map_or(Ok(0), |place| cells.number(place))?,
            time: match columns.clock {
                None => 0.0,
                Some(Clock::Nanoseconds(place)) => cells.number::<u64>(place)? as f64 / 1e9,
                Some(Clock::Seconds(place)) => cells.number(place)?,
            },
            event: Event {
                kind: columns.kind.map(|place| cells.bytes(place)),
                function: &cells.text(columns.function),
                line: &cells.text(columns.line),
                file: columns.file.map(|place| cells.bytes(place)),
            },
        });
    }
    series.finished()
}

/// One record.
struct Cells<'r> {
    record: &'r ByteRecord,
    names: &'r [String],
}

impl<'r> Cells<'r> {
    fn bytes(&self, place: usize) -> &'r [u8] {
        self.record.get(place).unwrap_or_default()
    }

    fn text(&self, place: usize) -> Cow<'r, str> {
        String::from_utf8_lossy(self.bytes(place))
    }

    fn number<T: FromStr>(&self, place: usize) -> Result<T, RecordsError> {
        let value = self.text(place);
        value.parse().map_err(|_| RecordsError::Number {
            line: self.record.position().map_or(0, Position::line),
            column: self.names[place].clone(),
            value: beginning(&value),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &[u8]| read(text, Memory::Rss).unwrap_err().to_string();
        assert!(error(b"index,function\n").contains("no column \"RSS\""));
        assert!(error(b"function,lineNo,RSS\n").contains("no records"));
        assert!(error(b"").contains("no records"));
        assert!(error(b"function,lineNo,RSS\nf,1,2\nf,1,many\n").contains("line 3: RSS is \"many\""));
        assert!(error(b"function,lineNo,RSS,time_ns\nf,1,2,soon\n").contains("line 2: time_ns is \"soon\""));
        assert!(error(b"function,lineNo,RSS\nf,1\n").contains("line: 2"));
        for other in [
            &b"{\x01\xe9\x80,\xff\xfe"[..],
            b"\x1f\x8b\x08,\x00",
            b"import os\nprint()\n",
            b"a,\x1b[2J\n1,2\n",
        ] {
            assert!(error(other).contains("not a file of memory records"), "{}", error(other));
        }
        assert!(error(format!("{}\n1\n", "a,".repeat(5000)).as_bytes()).len() < 500);
    }
}
