//! Memory records as the toolkit writes them, read from CSV: the steps to draw, and the peaks to name. Takes as much memory
//! for millions of records as for thousands.

use std::io::Read;

use thiserror::Error;

/// Which memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Memory {
    /// Resident set size
    Rss,
    /// Virtual memory size
    Vms,
}

impl Memory {
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
        "no column {column:?} among {found}: memory records come from `pikos-run line_memory` or `pikos-run function_memory`"
    )]
    Column { column: &'static str, found: String },
    #[error("a Parquet file: `pikos plot` reads CSV, which `pikos-run --recording csv` writes")]
    Parquet,
    #[error("line {line}: {column} is {value:?}, which is not a number of bytes")]
    Number { line: u64, column: &'static str, value: String },
    #[error("it has no records")]
    Empty,
}

/// At most so many pieces are kept: more than there are pixels.
const PIECES: usize = 4096;
/// As many peaks are named.
const PEAKS: usize = 5;

/// The least and the greatest of neighbouring records, in their order.
#[derive(Clone, Debug)]
struct Piece {
    least: (usize, u64),
    greatest: (usize, u64),
    /// Of the greatest.
    label: String,
}

/// A place where memory was high.
#[derive(Clone, Debug, PartialEq)]
pub struct Peak {
    pub index: usize,
    pub bytes: u64,
    pub label: String,
}

/// The memory over the records.
#[derive(Debug)]
pub struct Series {
    pieces: Vec<Piece>,
    /// Records in a piece.
    width: usize,
    count: usize,
}

impl Series {
    /// Reads a file of records.
    pub fn read(input: impl Read, memory: Memory) -> Result<Self, RecordsError> {
        let mut reader = csv::Reader::from_reader(input);
        let header = reader.byte_headers()?.clone();
        if header.get(0).is_some_and(|start| start.starts_with(b"PAR1")) {
            return Err(RecordsError::Parquet);
        }
        let place = |name: &str| header.iter().position(|column| column == name.as_bytes());
        let need = |column: &'static str| {
            place(column).ok_or_else(|| RecordsError::Column {
                column,
                found: header.iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(", "),
            })
        };
        let (bytes, function, line) = (need(memory.column())?, need("function")?, need("lineNo")?);
        // A line's record tells the memory before it is executed: what it shows is the line's before.
        let shows_before = place("type").is_none();
        let mut series = Self { pieces: Vec::new(), width: 1, count: 0 };
        let mut record = csv::ByteRecord::new();
        let mut label = String::new();
        while reader.read_byte_record(&mut record)? {
            let text = |place: usize| String::from_utf8_lossy(record.get(place).unwrap_or_default());
            let used = text(bytes);
            let used: u64 = used.parse().map_err(|_| RecordsError::Number {
                line: record.position().map_or(0, csv::Position::line),
                column: memory.column(),
                value: used.into_owned(),
            })?;
            let own = || format!("{}:{}", text(function), text(line));
            if !shows_before || label.is_empty() {
                label = own();
            }
            series.push(used, &label);
            if shows_before {
                label = own();
            }
        }
        if series.count == 0 {
            return Err(RecordsError::Empty);
        }
        Ok(series)
    }

    fn push(&mut self, bytes: u64, label: &str) {
        let here = (self.count, bytes);
        match self.pieces.last_mut() {
            Some(piece) if !self.count.is_multiple_of(self.width) => {
                if bytes < piece.least.1 {
                    piece.least = here;
                }
                if bytes > piece.greatest.1 {
                    piece.greatest = here;
                    label.clone_into(&mut piece.label);
                }
            }
            _ => self.pieces.push(Piece { least: here, greatest: here, label: label.to_owned() }),
        }
        self.count += 1;
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
                if other.least.1 < piece.least.1 {
                    piece.least = other.least;
                }
                if other.greatest.1 > piece.greatest.1 {
                    piece.greatest = other.greatest;
                    piece.label.clone_from(&other.label);
                }
            }
            self.pieces.push(piece);
        }
    }

    /// How many records there were.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The least memory, in bytes.
    pub fn least(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.least.1).min().unwrap_or(0)
    }

    /// The most.
    pub fn greatest(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.greatest.1).max().unwrap_or(0)
    }

    /// The curve: (record, bytes).
    pub fn steps(&self) -> impl Iterator<Item = (usize, u64)> {
        self.pieces.iter().flat_map(|piece| {
            let mut ends = [piece.least, piece.greatest];
            ends.sort_by_key(|(index, _)| *index);
            let count = if piece.least.0 == piece.greatest.0 { 1 } else { 2 };
            ends.into_iter().take(count)
        })
    }

    /// The highest places, each well apart from the others, and above what lies between them.
    pub fn peaks(&self) -> Vec<Peak> {
        let (least, greatest) = (self.least(), self.greatest());
        let worth = (greatest - least) / 10;
        let apart = (self.count / 12).max(1);
        let mut order: Vec<&Piece> = self.pieces.iter().collect();
        // The first of equals: where it was reached.
        order.sort_by_key(|piece| (std::cmp::Reverse(piece.greatest.1), piece.greatest.0));
        let mut peaks: Vec<Peak> = Vec::new();
        for piece in order {
            let (index, bytes) = piece.greatest;
            if peaks.len() == PEAKS || bytes < least + worth || bytes == least {
                break;
            }
            let stands_out = peaks.iter().all(|peak| {
                peak.index.abs_diff(index) >= apart && self.valley(peak.index, index) + worth <= bytes
            });
            if stands_out {
                let start = self.start_of_plateau(index, bytes - (greatest - least) / 32);
                peaks.push(Peak {
                    index: start.greatest.0,
                    bytes: start.greatest.1,
                    label: start.label.clone(),
                });
            }
        }
        peaks.sort_by_key(|peak| peak.index);
        peaks
    }

    /// Where memory rose to this height, that it has kept until this record: what is named, rather than the last page.
    fn start_of_plateau(&self, index: usize, height: u64) -> &Piece {
        let mut place = index / self.width;
        while place > 0 && self.pieces[place - 1].greatest.1 >= height && self.pieces[place].least.1 >= height
        {
            place -= 1;
        }
        &self.pieces[place]
    }

    /// The least memory between two records.
    fn valley(&self, one: usize, other: usize) -> u64 {
        let (from, to) = (one.min(other) / self.width, one.max(other) / self.width);
        let between = &self.pieces[from..=to.min(self.pieces.len() - 1)];
        between.iter().map(|piece| piece.least.1).min().unwrap_or(0)
    }
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
        assert_eq!(series.peaks(), [Peak { index: 1, bytes: 900, label: "f:1".into() }]);
        assert_eq!(series.steps().collect::<Vec<_>>(), [(0, 100), (1, 900), (2, 100)]);
    }

    #[test]
    fn an_event_is_named_by_itself() {
        let series = series(
            "index,type,function,RSS,VMS,lineNo,filename\n0,call,f,100,9,1,x\n1,return,g,900,9,2,x\n2,call,f,100,9,3,x\n",
        );
        assert_eq!(series.peaks()[0].label, "g:2");
    }

    #[test]
    fn a_plateau_is_named_by_its_start() {
        let mut text = String::from("type,function,RSS,lineNo\n");
        for (line, rss) in [100, 100, 9000, 9001, 9001, 9002, 9002, 100].into_iter().enumerate() {
            text += &format!("call,f,{rss},{line}\n");
        }
        assert_eq!(series(&text).peaks(), [Peak { index: 2, bytes: 9000, label: "f:2".into() }]);
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
        assert!(series.peaks().contains(&Peak { index: 31_234, bytes: 5_000_000, label: "f:33".into() }));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let error = |text: &str| Series::read(text.as_bytes(), Memory::Rss).unwrap_err().to_string();
        assert!(error("index,function\n").contains("no column \"RSS\""));
        assert!(error("function,lineNo,RSS\n").contains("no records"));
        assert!(error("function,lineNo,RSS\nf,1,2\nf,1,many\n").contains("line 3: RSS is \"many\""));
        assert!(error("function,lineNo,RSS\nf,1\n").contains("line: 2"));
    }
}
