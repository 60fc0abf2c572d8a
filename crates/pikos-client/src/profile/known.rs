//! What is known of a function, or of one function's calls of another: in one thread, or in all of them.

use pikos_wire::{EdgeRow, Finished, FunctionRow, Open};

/// Figures in ticks, as rows of the wire bring them, and sums of them. Sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Finished calls.
    pub finished: Finished,
    /// Calls that are open, beside them.
    pub open: Open,
    /// In how many threads any is.
    pub open_threads: u64,
    /// Of a function: what it waited for the GIL, in no other figure.
    pub gil_wait: i64,
}

impl Known {
    /// Finished calls, and open ones if they returned now.
    pub fn ncalls(&self) -> u64 {
        self.finished.ncalls.saturating_add(self.open.calls)
    }

    /// Ticks in the function itself, open calls included.
    pub fn tottime(&self) -> i64 {
        self.finished.tottime.wrapping_add(self.open.tottime)
    }

    /// `self + other`, wrapping: a hostile process may send anything.
    pub(crate) fn plus(self, other: Known) -> Known {
        self.with(other, u64::wrapping_add, i64::wrapping_add)
    }

    /// `self - other`, likewise.
    pub(crate) fn minus(self, other: Known) -> Known {
        self.with(other, u64::wrapping_sub, i64::wrapping_sub)
    }

    fn with(self, other: Known, count: fn(u64, u64) -> u64, ticks: fn(i64, i64) -> i64) -> Known {
        let (a, b) = (self.finished, other.finished);
        let (x, y) = (self.open, other.open);
        Known {
            finished: Finished {
                ncalls: count(a.ncalls, b.ncalls),
                primitive_calls: count(a.primitive_calls, b.primitive_calls),
                tottime: ticks(a.tottime, b.tottime),
                cumtime: ticks(a.cumtime, b.cumtime),
            },
            open: Open {
                calls: count(x.calls, y.calls),
                tottime: ticks(x.tottime, y.tottime),
                cumtime: ticks(x.cumtime, y.cumtime),
            },
            open_threads: count(self.open_threads, other.open_threads),
            gil_wait: ticks(self.gil_wait, other.gil_wait),
        }
    }
}

impl From<&FunctionRow> for Known {
    fn from(row: &FunctionRow) -> Self {
        let FunctionRow { finished, open, gil_wait, .. } = *row;
        Self { finished, open, open_threads: u64::from(open.calls > 0), gil_wait: gil_wait.0 }
    }
}

impl From<&EdgeRow> for Known {
    fn from(row: &EdgeRow) -> Self {
        let EdgeRow { finished, open, .. } = *row;
        Self { finished, open, open_threads: u64::from(open.calls > 0), gil_wait: 0 }
    }
}
