//! How to sample.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// Looks in a second may be these.
pub const RATES: RangeInclusive<f64> = 0.1..=10_000.0;

/// Parts of a processor that looking may take.
pub const BUDGETS: RangeInclusive<f64> = 0.0001..=1.0;

/// An option that can't be had.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum OptionError {
    /// Too often, too seldom, or no number.
    #[error("rate must be from {} to {} looks a second, got {_0}", RATES.start(), RATES.end())]
    Rate(f64),
    /// Too much, too little, or no number.
    #[error("budget must be from {} to {} % of a processor, got {}", 100.0 * BUDGETS.start(), 100.0 * BUDGETS.end(), 100.0 * _0)]
    Budget(f64),
    /// None of ours.
    #[error("mode must be wall, cpu or gil, got {_0:?}")]
    Mode(String),
}

/// Reads looks in a second; the time from one to the next.
pub fn check_rate(hz: f64) -> Result<Duration, OptionError> {
    match RATES.contains(&hz) {
        true => Ok(Duration::from_secs_f64(1.0 / hz)),
        false => Err(OptionError::Rate(hz)),
    }
}

/// Reads which part of a processor looking may take.
pub fn check_budget(part: f64) -> Result<f64, OptionError> {
    if BUDGETS.contains(&part) { Ok(part) } else { Err(OptionError::Budget(part)) }
}

/// Which threads a look counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All: waiting counts.
    #[default]
    Wall,
    /// Those that a processor is at work on, or that wait for one.
    Cpu,
    /// The one that has the GIL.
    Gil,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wall => "wall",
            Self::Cpu => "cpu",
            Self::Gil => "gil",
        })
    }
}

impl FromStr for Mode {
    type Err = OptionError;

    fn from_str(word: &str) -> Result<Self, OptionError> {
        match word {
            "wall" => Ok(Self::Wall),
            "cpu" => Ok(Self::Cpu),
            "gil" => Ok(Self::Gil),
            other => Err(OptionError::Mode(other.to_owned())),
        }
    }
}

/// How to sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// From one look to the next.
    pub interval: Duration,
    /// Which threads count.
    pub mode: Mode,
    /// Which part of one processor looking may take: where it would take more, looks come less often.
    pub budget: f64,
    /// Whether full stacks are kept, down to this depth, and so many of them.
    pub tree: Option<(u32, usize)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(10),
            mode: Mode::Wall,
            budget: 0.01,
            tree: Some((1_000, 500_000)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_asked_for() {
        assert_eq!(check_rate(100.0), Ok(Duration::from_millis(10)));
        for bad in [0.0, -1.0, 1e6, f64::NAN, f64::INFINITY] {
            assert!(check_rate(bad).is_err() && check_budget(bad).is_err(), "{bad}");
        }
        let told = check_rate(1e6).unwrap_err().to_string();
        assert_eq!(told, "rate must be from 0.1 to 10000 looks a second, got 1000000");
        let told = check_budget(2.0).unwrap_err().to_string();
        assert_eq!(told, "budget must be from 0.01 to 100 % of a processor, got 200");
        for mode in [Mode::Wall, Mode::Cpu, Mode::Gil] {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert_eq!(
            "GIL".parse::<Mode>().unwrap_err().to_string(),
            "mode must be wall, cpu or gil, got \"GIL\""
        );
    }
}
