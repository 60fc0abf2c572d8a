//! What is known of a function or an edge, in ticks.

use pikos_wire::{EdgeRow, FunctionRow};

/// Figures, in ticks: finished calls, and open ones beside them. Sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Finished calls.
    pub ncalls: u64,
    /// Those that were not recursive.
    pub primitive_calls: u64,
    /// Ticks in the function itself, in finished calls.
    pub tottime: i64,
    /// Ticks in it and all that it called, in finished outermost calls.
    pub cumtime: i64,
    /// Calls that are open.
    pub open: u64,
    /// In how many threads any is.
    pub open_threads: u64,
    /// Ticks in the function itself in open calls so far.
    pub open_tottime: i64,
    /// Ticks since the outermost open call began.
    pub open_cumtime: i64,
}

impl Figures {
    /// `self + other`, wrapping: a hostile process may send anything.
    pub(crate) fn plus(self, other: Figures) -> Figures {
        Figures {
            ncalls: self.ncalls.wrapping_add(other.ncalls),
            primitive_calls: self.primitive_calls.wrapping_add(other.primitive_calls),
            tottime: self.tottime.wrapping_add(other.tottime),
            cumtime: self.cumtime.wrapping_add(other.cumtime),
            open: self.open.wrapping_add(other.open),
            open_threads: self.open_threads.wrapping_add(other.open_threads),
            open_tottime: self.open_tottime.wrapping_add(other.open_tottime),
            open_cumtime: self.open_cumtime.wrapping_add(other.open_cumtime),
        }
    }

    /// `self - other`, likewise.
    pub(crate) fn minus(self, other: Figures) -> Figures {
        Figures {
            ncalls: self.ncalls.wrapping_sub(other.ncalls),
            primitive_calls: self.primitive_calls.wrapping_sub(other.primitive_calls),
            tottime: self.tottime.wrapping_sub(other.tottime),
            cumtime: self.cumtime.wrapping_sub(other.cumtime),
            open: self.open.wrapping_sub(other.open),
            open_threads: self.open_threads.wrapping_sub(other.open_threads),
            open_tottime: self.open_tottime.wrapping_sub(other.open_tottime),
            open_cumtime: self.open_cumtime.wrapping_sub(other.open_cumtime),
        }
    }
}

macro_rules! figures_of {
    ($($row:ty)*) => {$(
        impl From<&$row> for Figures {
            fn from(row: &$row) -> Self {
                Self {
                    ncalls: row.ncalls,
                    primitive_calls: row.primitive_calls,
                    tottime: row.tottime,
                    cumtime: row.cumtime,
                    open: row.open,
                    open_threads: u64::from(row.open > 0),
                    open_tottime: row.open_tottime,
                    open_cumtime: row.open_cumtime,
                }
            }
        }
    )*};
}

figures_of!(FunctionRow EdgeRow);
