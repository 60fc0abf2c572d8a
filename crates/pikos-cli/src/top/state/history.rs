//! What each function did in the last intervals: the sparklines.

use std::collections::VecDeque;

use pikos_views::{FunctionId, ShownFunction};

/// As many intervals as the widest sparkline shows.
pub const LENGTH: usize = 32;

/// Only what was at work is kept: most functions of a large program do nothing in most intervals.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Sorted by id; the newest interval is last.
    intervals: VecDeque<Vec<(FunctionId, f32)>>,
}

impl History {
    /// One more interval is over.
    pub fn push(&mut self, rows: &[ShownFunction]) {
        let mut active = match self.intervals.len() >= LENGTH {
            true => self.intervals.pop_front().unwrap_or_default(),
            false => Vec::new(),
        };
        active.clear();
        let shares = rows.iter().filter(|row| row.figures.share > 0.0);
        active.extend(shares.map(|row| (row.id, row.figures.share as f32)));
        active.shrink_to(2 * active.len());
        active.sort_unstable_by_key(|&(id, _)| id);
        self.intervals.push_back(active);
    }

    pub fn clear(&mut self) {
        self.intervals.clear();
    }

    /// The shares of a function in the last intervals, the newest last; at most as many as asked for.
    pub fn of(&self, id: FunctionId, length: usize) -> impl Iterator<Item = f32> {
        let start = self.intervals.len().saturating_sub(length);
        self.intervals.range(start..).map(move |active| {
            let found = active.binary_search_by_key(&id, |&(id, _)| id);
            found.map_or(0.0, |place| active[place].1)
        })
    }
}

#[cfg(test)]
mod tests {
    use pikos_views::Shown;

    use super::*;

    #[test]
    fn the_oldest_interval_goes_first() {
        let mut history = History::default();
        for share in 0..40u8 {
            let figures = Shown { share: share.into(), ..Shown::default() };
            history.push(&[ShownFunction { id: FunctionId(7), figures }]);
        }
        let last: Vec<f32> = history.of(FunctionId(7), 3).collect();
        assert_eq!(last, [37.0, 38.0, 39.0]);
        assert_eq!(history.of(FunctionId(7), 100).count(), LENGTH);
        assert!(history.of(FunctionId(8), 3).all(|share| share == 0.0));
    }
}
