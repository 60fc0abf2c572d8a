//! Memory over time, in as much memory for hours as for seconds: cells of equal length, each with its least and greatest.

/// At most so many cells are kept; with more, two become one.
const CELLS: u64 = 2048;

/// The length of a cell at first, in seconds.
const FINEST: f64 = 0.005;

/// Nothing lasts longer, in seconds: 300 years.
const LONGEST: f64 = 1e10;

/// What memory did within one cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Its place: it covers the seconds from `number * width` on.
    number: u64,
    /// The first figure, in bytes.
    pub first: u64,
    /// The least.
    pub least: u64,
    /// The greatest.
    pub greatest: u64,
    /// The last.
    pub last: u64,
}

/// Memory over time. Times are seconds since any moment that is the same for all.
#[derive(Clone, Debug)]
pub struct Curve {
    /// By number; where nothing was recorded there is none.
    cells: Vec<Cell>,
    /// The length of a cell, in seconds.
    width: f64,
    least: u64,
    greatest: u64,
}

impl Default for Curve {
    fn default() -> Self {
        Self { cells: Vec::new(), width: FINEST, least: u64::MAX, greatest: 0 }
    }
}

impl Curve {
    /// One more figure. What is earlier than the last one counts as simultaneous.
    pub fn push(&mut self, time: f64, bytes: u64) {
        self.least = self.least.min(bytes);
        self.greatest = self.greatest.max(bytes);
        let mut number = self.number(time);
        while number >= CELLS {
            self.halve();
            number = self.number(time);
        }
        match self.cells.last_mut() {
            Some(cell) if number <= cell.number => {
                cell.least = cell.least.min(bytes);
                cell.greatest = cell.greatest.max(bytes);
                cell.last = bytes;
            }
            _ => self.cells.push(Cell { number, first: bytes, least: bytes, greatest: bytes, last: bytes }),
        }
    }

    fn number(&self, time: f64) -> u64 {
        // NaN becomes zero.
        (time.clamp(0.0, LONGEST) / self.width) as u64
    }

    /// Two cells become one.
    fn halve(&mut self) {
        self.width *= 2.0;
        for cell in &mut self.cells {
            cell.number /= 2;
        }
        self.cells.dedup_by(|next, kept| {
            let is_same = next.number == kept.number;
            if is_same {
                kept.least = kept.least.min(next.least);
                kept.greatest = kept.greatest.max(next.greatest);
                kept.last = next.last;
            }
            is_same
        });
    }

    /// The cells with the times at which they begin, in order.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = (f64, &Cell)> {
        self.cells.iter().map(|cell| (cell.number as f64 * self.width, cell))
    }

    /// The length of a cell, in seconds.
    pub fn width(&self) -> f64 {
        self.width
    }

    /// The least and the greatest of all; `None` before the first.
    pub fn range(&self) -> Option<(u64, u64)> {
        (!self.cells.is_empty()).then_some((self.least, self.greatest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extremes_are_kept_however_long_it_lasts() {
        let mut curve = Curve::default();
        for step in 0..1_000_000u64 {
            let bytes = match step {
                777_777 => 9_000_000,
                123_456 => 3,
                _ => 1_000_000 + step % 10,
            };
            curve.push(step as f64 * 0.01, bytes);
        }
        assert!(curve.cells().len() <= CELLS as usize && curve.cells().len() > CELLS as usize / 4);
        assert_eq!(curve.range(), Some((3, 9_000_000)));
        let (time, _) = curve.cells().find(|(_, cell)| cell.greatest == 9_000_000).unwrap();
        assert!((time..=time + curve.width()).contains(&7_777.77));
        let (time, _) = curve.cells().find(|(_, cell)| cell.least == 3).unwrap();
        assert!((time..=time + curve.width()).contains(&1_234.56));
    }

    #[test]
    fn a_pause_is_no_cell_and_odd_times_do_no_harm() {
        let mut curve = Curve::default();
        curve.push(0.0, 5);
        curve.push(1e9, 6);
        assert_eq!(curve.cells().len(), 2);
        for time in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
            curve.push(time, 7);
        }
        assert!(curve.cells().len() <= CELLS as usize);
        assert_eq!(curve.range(), Some((5, 7)));
    }
}
