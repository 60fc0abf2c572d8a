//! Memory over records, in as much memory for millions of them as for thousands.

use super::error::RecordsError;
use crate::plot::who::{Event, Names, Who};

/// At most so many pieces are kept: more than there are pixels.
const PIECES: usize = 4096;

/// A record's place on the curve.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    pub index: usize,
    pub bytes: u64,
    /// Seconds, on the clock of the file; 0 where records have no time.
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

/// One record.
pub struct Row<'r> {
    pub bytes: u64,
    /// The most since the record before; 0 if it isn't told.
    pub peak: u64,
    /// In seconds.
    pub time: f64,
    pub event: Event<'r>,
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
    is_of_functions: bool,
    has_time: bool,
    /// Of lines: who was at work when the last record was made.
    at_work: Option<Who>,
    /// When the first record was made.
    start: f64,
    /// Of the last record.
    last: Point,
}

impl Series {
    /// Without records, yet.
    pub fn new(is_of_functions: bool, has_time: bool) -> Self {
        Self {
            pieces: Vec::new(),
            names: Names::default(),
            width: 1,
            taken: 0,
            count: 0,
            is_of_functions,
            has_time,
            at_work: None,
            start: 0.0,
            last: Point::default(),
        }
    }

    /// One more record.
    pub fn add(&mut self, row: &Row<'_>) {
        let time = if row.time.is_finite() { row.time } else { 0.0 };
        if self.count == 0 {
            (self.start, self.last.time) = (time, time);
        }
        // Threads may write in another order than they looked at the clock.
        let time = time.max(self.last.time);
        let who = self.names.of(&row.event);
        // A line's record tells the memory before it is executed: what it shows is the line's before.
        let shown = if self.is_of_functions { who } else { self.at_work.replace(who).unwrap_or(who) };
        if self.count > 0 {
            self.names.grew(shown, row.bytes.cast_signed().wrapping_sub(self.last.bytes.cast_signed()));
            if row.peak > row.bytes.max(self.last.bytes) {
                self.push(Point { index: self.count, bytes: row.peak, time }, shown);
            }
        }
        self.push(Point { index: self.count, bytes: row.bytes, time }, shown);
        self.count += 1;
    }

    /// It, if there were any records.
    pub fn finished(self) -> Result<Self, RecordsError> {
        if self.count == 0 { Err(RecordsError::Empty) } else { Ok(self) }
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

    /// When the first record was made, on the clock of the file.
    pub fn start(&self) -> f64 {
        self.start
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

#[cfg(test)]
mod tests {
    use super::super::{csv, memory::Memory};
    use super::*;

    fn series(text: &str) -> Series {
        csv::read(text.as_bytes(), Memory::Rss).unwrap()
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
    fn times_never_run_backwards() {
        let series = series(
            "index,function,lineNo,RSS,time_ns\n0,f,1,100,5000000000\n1,f,2,900,6500000000\n2,f,3,100,6400000000\n",
        );
        assert!(series.has_time());
        assert_eq!(series.start(), 5.0);
        assert_eq!(series.steps().map(|(point, _)| point.time).collect::<Vec<_>>(), [5.0, 6.5, 6.5]);
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
}
