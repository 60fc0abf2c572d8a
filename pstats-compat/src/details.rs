//! Figures of functions that only some profiles have: a column each, wherever there are columns, always in this order.

use crate::model::distribution::PERCENTILES;
use crate::model::{Function, Profile};

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Seconds in which a processor was at work in the function itself.
    CpuTottime,
    /// The same in the function and all that it called.
    CpuCumtime,
    /// Seconds of the quickest call.
    Min,
    /// Seconds that half of all calls took at most.
    P50,
    /// That nine of ten took.
    P90,
    /// That 99 of 100 took.
    P99,
    /// That 999 of 1,000 took.
    P999,
    /// Seconds of the slowest call.
    Max,
    /// When that ended, in seconds since recording began.
    SlowestAt,
}

/// Where they may be asked for by name, each with what else it is called.
const WORDS: [(Detail, &str, &str); 9] = [
    (Detail::CpuTottime, "cpu", "cpu_tottime"),
    (Detail::CpuCumtime, "cpu-cumtime", "cpu_cumtime"),
    (Detail::Min, "min", "min"),
    (Detail::P50, "p50", "p50"),
    (Detail::P90, "p90", "p90"),
    (Detail::P99, "p99", "p99"),
    (Detail::P999, "p99.9", "p999"),
    (Detail::Max, "max", "max"),
    (Detail::SlowestAt, "slowest-at", "slowest_at"),
];

impl Detail {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        WORDS.iter().map(|(detail, ..)| *detail)
    }

    /// Those that a profile has.
    pub fn of_profile(profile: &Profile) -> Vec<Self> {
        let (has_cpu, has_distributions) = (profile.has_cpu(), profile.has_distributions());
        let is_there = |detail: &Self| if detail.is_cpu() { has_cpu } else { has_distributions };
        Self::all().filter(is_there).collect()
    }

    /// The one that a user means.
    pub fn of_word(word: &str) -> Option<Self> {
        let is_meant = |(_, known, field): &&(Self, &str, &str)| word == *known || word == *field;
        WORDS.iter().find(is_meant).map(|(detail, ..)| *detail)
    }

    /// What users call it, and tables.
    pub fn word(self) -> &'static str {
        WORDS[self as usize].1
    }

    /// What it is called in files and by programs.
    pub fn field(self) -> &'static str {
        WORDS[self as usize].2
    }

    /// Whether it is one of the processor's time, and none of the calls' durations.
    pub fn is_cpu(self) -> bool {
        matches!(self, Detail::CpuTottime | Detail::CpuCumtime)
    }

    /// Whether it says how long calls took, so that two profiles can be compared by it.
    pub fn is_duration(self) -> bool {
        !self.is_cpu() && self != Detail::SlowestAt
    }

    /// What it is of a function, where that is known: seconds.
    pub fn of(self, function: &Function) -> Option<f64> {
        let durations = function.distribution.as_ref();
        match self {
            Detail::CpuTottime => Some(function.calls.cpu_tottime),
            Detail::CpuCumtime => Some(function.calls.cpu_cumtime),
            Detail::Min => durations.map(|durations| durations.min),
            Detail::Max => durations.map(|durations| durations.slowest.seconds),
            Detail::SlowestAt => durations.and_then(|durations| durations.slowest.at),
            Detail::P50 | Detail::P90 | Detail::P99 | Detail::P999 => {
                let (_, part) = PERCENTILES[self as usize - Detail::P50 as usize];
                durations.map(|durations| durations.percentile(part))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_by_its_words() {
        for detail in Detail::all() {
            assert_eq!(Detail::of_word(detail.word()), Some(detail));
            assert_eq!(Detail::of_word(detail.field()), Some(detail));
        }
        let percentiles = [Detail::P50, Detail::P90, Detail::P99, Detail::P999].map(Detail::word);
        assert_eq!(percentiles, PERCENTILES.map(|(word, _)| word));
        assert_eq!(Detail::of_word("p"), None);
    }
}
