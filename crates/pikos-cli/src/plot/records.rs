//! Memory records as the toolkit writes them, read from CSV: the steps to draw. Takes as much memory for millions of records as
//! for thousands.

use std::io::Read;

use thiserror::Error;

use super::who::{Event, Names, Who};

/// Which memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Memory {
    /// Resident set size
    Rss,
    /// Virtual memory size
    Vms,
}

impl Memory {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rss => "resident memory (RSS)",
            Self::Vms => "virtual memory (VMS)",
        }
    }

    /// The name of its column.
    pub fn column(self) -> &'static str {
        match self {
            Self::Rss => "RSS",
            Self::Vms => "VMS",
        }
    }
}

/// What is wrong with a file.
#[derive(Debug, Error)]
pub enum RecordsError {
    #[error("{0}")]
    Csv(#[from] csv::Error),
    #[error(
        "not a CSV file of memory records; to make one: `pikos-run line_memory -o records.csv script.py`"
    )]
    NotCsv,
    #[error(
        "no column {column:?} among {found}: memory records come from `pikos-run line_memory` or `pikos-run function_memory`"
    )]
    Column { column: &'static str, found: String },
    #[error("a Parquet file: `pikos plot` reads CSV, which `pikos-run --recording csv` writes")]
    Parquet,
    #[error("line {line}: {column} is {value:?}, which is not a number")]
    Number { line: u64, column: &'static str, value: String },
    #[error("it has no records")]
    Empty,
}

/// At most so many pieces are kept: more than there are pixels.
const PIECES: usize = 4096;
/// More of a header that is none needn't be shown.
const MOST_OF_A_HEADER: usize = 200;

/// A record's place on the curve.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub index: usize,
    pub bytes: u64,
    /// Seconds since the first record; 0 where records have no time.
    pub time: f64,
}

/// The least and the greatest of neighbouring records, in their order.
#[derive(Clone, Debug)]
struct Piece {
    least: Point,
    greatest: Point,
    /// Who made the greatest.
    who: Who,
}

/// The memory over the records.
#[derive(Debug)]
pub struct Series {
    pieces: Vec<Piece>,
    names: Names,
    /// Records in a piece.
    width: usize,
    /// Points that were taken, and records.
    taken: usize,
    count: usize,
    has_time: bool,
    /// Of the last record.
    last: Point,
}

impl Series {
    /// Reads a file of records.
    pub fn read(input: impl Read, memory: Memory) -> Result<Self, RecordsError> {
        let mut reader = csv::Reader::from_reader(input);
        let header = reader.byte_headers()?.clone();
        if header.get(0).is_some_and(|start| start.starts_with(b"PAR1")) {
            return Err(RecordsError::Parquet);
        }
        let is_text =
            |field: &[u8]| std::str::from_utf8(field).is_ok_and(|text| !text.contains(char::is_control));
        if header.len() < 2 || !header.iter().all(is_text) {
            return Err(if header.is_empty() { RecordsError::Empty } else { RecordsError::NotCsv });
        }
        let place = |name: &str| header.iter().position(|column| column == name.as_bytes());
        let need = |column: &'static str| {
            place(column).ok_or_else(|| RecordsError::Column {
                column,
                found: beginning(&header.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(", ")),
            })
        };
        let (bytes, function, line) = (need(memory.column())?, need("function")?, need("lineNo")?);
        // A line's record tells the memory before it is executed: what it shows is the line's before.
        let kind = place("type");
        let (clock, file) = (place("time_ns"), place("filename"));
        // The most since the record before: it is told of resident memory alone.
        let high = place("peak").filter(|_| memory == Memory::Rss);
        let mut series = Self {
            pieces: Vec::new(),
            names: Names::default(),
            width: 1,
            taken: 0,
            count: 0,
            has_time: clock.is_some(),
            last: Point::default(),
        };
        let mut record = csv::ByteRecord::new();
        let mut before = None;
        let mut began = None;
        while reader.read_byte_record(&mut record)? {
            let text = |place: usize| String::from_utf8_lossy(record.get(place).unwrap_or_default());
            let number = |place: usize, column: &'static str| {
                let value = text(place);
                value.parse().map_err(|_| RecordsError::Number {
                    line: record.position().map_or(0, csv::Position::line),
                    column,
                    value: beginning(&value),
                })
            };
            let used: u64 = number(bytes, memory.column())?;
            let now: u64 = clock.map_or(Ok(0), |place| number(place, "time_ns"))?;
            // Threads may write in another order than they looked at the clock.
            let time = (now.saturating_sub(*began.get_or_insert(now)) as f64 / 1e9).max(series.last.time);
            let who = series.names.of(&Event {
                kind: kind.map(|place| record.get(place).unwrap_or_default()),
                function: &text(function),
                line: &text(line),
                file: file.and_then(|place| record.get(place)),
            });
            // A line's record tells the memory before it is executed: what it shows is the line's before.
            let shown = if kind.is_none() { before.replace(who).unwrap_or(who) } else { who };
            let most = high.map_or(Ok(0), |place| number(place, "peak"))?;
            if series.count > 0 {
                series.names.grew(shown, used.cast_signed().wrapping_sub(series.last.bytes.cast_signed()));
                if most > used.max(series.last.bytes) {
                    series.push(Point { index: series.count, bytes: most, time }, shown);
                }
            }
            series.push(Point { index: series.count, bytes: used, time }, shown);
            series.count += 1;
        }
        if series.count == 0 {
            return Err(RecordsError::Empty);
        }
        Ok(series)
    }

    fn push(&mut self, here: Point, who: Who) {
        match self.pieces.last_mut() {
            Some(piece) if !self.taken.is_multiple_of(self.width) => {
                if here.bytes < piece.least.bytes {
                    piece.least = here;
                }
                if here.bytes > piece.greatest.bytes {
                    piece.greatest = here;
                    piece.who = who;
                }
            }
            _ => self.pieces.push(Piece { least: here, greatest: here, who }),
        }
        self.taken += 1;
        self.last = here;
        if self.pieces.len() > PIECES {
            self.halve();
        }
    }

    /// Two pieces become one.
    fn halve(&mut self) {
        self.width *= 2;
        let pieces = std::mem::take(&mut self.pieces);
        for pair in pieces.chunks(2) {
            let mut piece = pair[0].clone();
            if let Some(other) = pair.get(1) {
                if other.least.bytes < piece.least.bytes {
                    piece.least = other.least;
                }
                if other.greatest.bytes > piece.greatest.bytes {
                    piece.greatest = other.greatest;
                    piece.who = other.who;
                }
            }
            self.pieces.push(piece);
        }
    }

    /// How many records there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether records tell when they were made.
    pub fn has_time(&self) -> bool {
        self.has_time
    }

    /// The last record.
    pub fn last(&self) -> Point {
        self.last
    }

    /// The least memory, in bytes.
    pub fn least(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.least.bytes).min().unwrap_or(0)
    }

    /// The most.
    pub fn greatest(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.greatest.bytes).max().unwrap_or(0)
    }

    /// Who made memory grow most, and by how many bytes in all.
    pub fn greatest_growth(&self) -> Vec<(&str, u64)> {
        self.names.greatest_growth(self.greatest() - self.least())
    }

    /// The curve, and the line of each point that is the greatest of its neighbours.
    pub fn steps(&self) -> impl Iterator<Item = (Point, &str)> {
        self.pieces.iter().flat_map(|piece| {
            let mut ends = [piece.least, piece.greatest];
            // A mark of the highest stands before the record that tells it.
            ends.sort_by_key(|point| (point.index, std::cmp::Reverse(point.bytes)));
            let count = if piece.least == piece.greatest { 1 } else { 2 };
            ends.into_iter().take(count).map(|point| (point, self.names.name(piece.who)))
        })
    }
}

/// What of a text is enough to recognise it.
fn beginning(text: &str) -> String {
    let mut start: String = text.chars().take(MOST_OF_A_HEADER).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(text: &str) -> Series {
        Series::read(text.as_bytes(), Memory::Rss).unwrap()
    }

    #[test]
    fn a_line_is_named_by_the_record_before() {
        let series = series(
            "index,function,lineNo,RSS,VMS,line,filename\n0,f,1,100,9,\"a, b\",x\n1,f,2,900,9,b,x\n2,f,3,100,9,c,x\n",
        );
        assert_eq!(series.steps().map(|(_, label)| label).collect::<Vec<_>>(), ["f x:1", "f x:1", "f x:2"]);
        let curve: Vec<_> = series.steps().map(|(point, _)| (point.index, point.bytes)).collect();
        assert_eq!(curve, [(0, 100), (1, 900), (2, 100)]);
        assert!(!series.has_time());
    }

    #[test]
    fn an_event_is_named_by_itself() {
        let series = series(
            "index,type,function,RSS,VMS,lineNo,filename\n0,call,f,100,9,1,x\n1,return,g,900,9,2,x\n2,call,f,100,9,3,x\n",
        );
        assert_eq!(series.steps().map(|(_, label)| label).collect::<Vec<_>>(), ["f x:1", "g x:2", "f x:3"]);
    }

    #[test]
    fn times_are_seconds_from_the_first_record_on() {
        let series = series(
            "index,function,lineNo,RSS,time_ns\n0,f,1,100,5000000000\n1,f,2,900,6500000000\n2,f,3,100,6400000000\n",
        );
        assert!(series.has_time());
        // Never backwards.
        assert_eq!(series.steps().map(|(point, _)| point.time).collect::<Vec<_>>(), [0.0, 1.5, 1.5]);
    }

    #[test]
    fn what_was_in_use_between_two_records_is_on_the_curve() {
        let series = series(
            "index,function,lineNo,RSS,filename,time_ns,peak\n0,f,1,100,x,0,900\n1,f,2,100,x,1,700\n2,f,3,110,x,2,110\n",
        );
        let curve: Vec<_> = series.steps().map(|(point, who)| (point.index, point.bytes, who)).collect();
        // What came before the first record is nobody's.
        assert_eq!(curve, [(0, 100, "f x:1"), (1, 700, "f x:1"), (1, 100, "f x:1"), (2, 110, "f x:2")]);
        assert_eq!(series.count(), 3);
        assert_eq!(series.greatest_growth(), [] as [(&str, u64); 0]);
    }

    #[test]
    fn many_records_keep_their_extremes() {
        let mut text = String::from("index,function,lineNo,RSS,VMS,line,filename\n");
        for index in 0..50_000 {
            let rss = if index == 31_234 {
                5_000_000
            } else if index == 7 {
                10
            } else {
                1_000_000 + index % 7
            };
            text += &format!("{index},f,{},{rss},0,x,y\n", index % 100);
        }
        let series = series(&text);
        assert!(series.pieces.len() <= PIECES);
        assert_eq!((series.least(), series.greatest(), series.count()), (10, 5_000_000, 50_000));
        let (highest, label) = series.steps().max_by_key(|(point, _)| point.bytes).unwrap();
        assert_eq!((highest.index, label), (31_234, "f y:33"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &[u8]| Series::read(text, Memory::Rss).unwrap_err().to_string();
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
            assert!(error(other).contains("not a CSV file"), "{}", error(other));
        }
        assert!(error(format!("{}\n1\n", "a,".repeat(5000)).as_bytes()).len() < 500);
    }
}
