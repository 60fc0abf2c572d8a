//! From one message to the next: what may be asked for.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Seconds from one message to the next may be these.
pub const INTERVALS: RangeInclusive<f64> = 0.02..=60.0;

/// The interval is too short or too long, or no number.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("interval must be from {} to {} seconds, got {got}", INTERVALS.start(), INTERVALS.end())]
pub struct IntervalError {
    got: f64,
}

/// Reads seconds.
pub fn check_interval(seconds: f64) -> Result<Duration, IntervalError> {
    match INTERVALS.contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(IntervalError { got: seconds }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        assert_eq!(check_interval(0.02), Ok(Duration::from_millis(20)));
        assert_eq!(check_interval(60.0), Ok(Duration::from_secs(60)));
        for bad in [0.0, -1.0, 0.019, 60.1, f64::INFINITY, f64::NAN] {
            assert!(check_interval(bad).is_err(), "{bad}");
        }
        let told = check_interval(90.0).unwrap_err().to_string();
        assert_eq!(told, "interval must be from 0.02 to 60 seconds, got 90");
    }
}
