//! What the figures of a profile mean, and where they came from.

use std::fmt;

use super::text::Text;

/// What the counts of a profile count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// Calls, every one.
    #[default]
    Calls,
    /// Samples: `primitive_calls` those on top of the stack, `ncalls` those anywhere in it
    /// (CPython 3.15's sampling profiler).
    Samples,
    /// Nothing: the profiler did not count (pyinstrument). All counts are 0.
    Unknown,
}

/// What is known of an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeDetail {
    /// Counts and times.
    #[default]
    Full,
    /// `ncalls` only (the pure-Python `profile` module, sampling profilers). Times are 0.
    CountsOnly,
    /// Calls and cumulative time, as callgrind has them. `tottime` is 0.
    CallsAndCumtime,
}

/// What the fields called times hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    #[default]
    Seconds,
    /// Another quantity, under the name its file gives it: `Ir`, `samples`, `bytes`.
    Other(String),
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Counts::Calls => "calls",
            Counts::Samples => "samples",
            Counts::Unknown => "nothing",
        })
    }
}

impl fmt::Display for EdgeDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EdgeDetail::Full => "counts and times",
            EdgeDetail::CountsOnly => "counts only",
            EdgeDetail::CallsAndCumtime => "counts and cumulative times",
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unit::Seconds => f.write_str("seconds"),
            Unit::Other(unit) => f.write_str(unit),
        }
    }
}

/// What is known about a profile as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// What the counts mean.
    pub counts: Counts,
    /// What the edges hold.
    pub edges: EdgeDetail,
    /// What the times are.
    pub unit: Unit,
    /// The file, command or program that the profile came from.
    pub title: Option<Text>,
    /// Whether the profiler's own cost was estimated and taken out of the times.
    pub compensated: bool,
    /// Whether the program still ran when it was made: open calls count as if they had returned then.
    pub unfinished: bool,
    /// What the file's times are whole multiples of, in the profile's unit, where a writer rounds coarsely. 0: not known.
    pub rounded_to: f64,
    /// What whoever reads the figures should know of the file: what was left out, or looks wrong. A sentence each.
    pub notes: Vec<String>,
    /// What is known of the run, by name, in the order in which it is shown: see [`facts`](super::facts).
    pub facts: Vec<(String, String)>,
}
