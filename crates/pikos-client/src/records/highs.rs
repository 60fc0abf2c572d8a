//! The highest of a figure since any moment, of intervals that follow one another.
//!
//! A line is open for many intervals, and so are its callers' lines and those of other threads: none of them is told of each. A mark
//! that a later one has reached says nothing any more, so those that are kept fall from the first to the last.

/// Marks that are kept. Beyond, neighbours become one.
const MOST: usize = 1 << 12;

/// A moment: how many intervals were over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since(u64);

/// Marks of intervals.
#[derive(Debug, Default)]
pub struct Highs {
    count: u64,
    /// (the number of the interval, the highest in it and in those after the mark before), each lower than the one before.
    marks: Vec<(u64, u64)>,
}

impl Highs {
    /// An interval is over, in which this was the highest.
    pub fn push(&mut self, high: u64) {
        self.count += 1;
        while self.marks.last().is_some_and(|(_, last)| *last <= high) {
            self.marks.pop();
        }
        if self.marks.len() >= MOST {
            self.thin_out();
        }
        self.marks.push((self.count, high));
    }

    /// Now.
    pub fn now(&self) -> Since {
        Since(self.count)
    }

    /// The highest in the intervals since; 0 if there were none.
    pub fn since(&self, Since(moment): Since) -> u64 {
        match self.marks.as_slice() {
            // Mostly one asks for the last interval.
            [.., (number, _), (_, last)] if *number <= moment && self.count > moment => *last,
            marks => {
                let place = marks.partition_point(|(number, _)| *number <= moment);
                marks.get(place).map_or(0, |(_, high)| *high)
            }
        }
    }

    /// Of two neighbours the later one gets the height of the earlier: never too low, and hardly too high.
    fn thin_out(&mut self) {
        let pairs = self.marks.chunks(2);
        self.marks = pairs.map(|pair| (pair[pair.len() - 1].0, pair[0].1)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_since_any_moment() {
        let mut highs = Highs::default();
        let figures: Vec<u64> = (0..500_u64).map(|place| place * 7919 % 211).collect();
        let mut moments = vec![highs.now()];
        for (place, figure) in figures.iter().enumerate() {
            highs.push(*figure);
            moments.push(highs.now());
            for (start, moment) in moments.iter().enumerate() {
                let expected = figures[start..=place].iter().max().copied().unwrap_or(0);
                assert_eq!(highs.since(*moment), expected, "{start} to {place}");
            }
        }
    }

    #[test]
    fn memory_is_bounded_and_no_height_is_lost() {
        let mut highs = Highs::default();
        let start = highs.now();
        for figure in (0..100_000_u64).rev() {
            highs.push(figure);
        }
        let late = highs.now();
        highs.push(3);
        assert!(highs.marks.len() <= MOST);
        assert_eq!((highs.since(start), highs.since(late)), (99_999, 3));
    }
}
