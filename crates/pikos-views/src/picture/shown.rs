//! What is shown of functions, and of one function's calls of another.

use pstats_compat::{Calls, Distribution};

use super::scope::FunctionId;

/// Figures in a scope, or the difference of two such. Times are seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Shown {
    /// Calls.
    pub ncalls: i64,
    /// Those that were not recursive.
    pub primitive_calls: i64,
    /// Includes the time that open activations have spent so far.
    pub tottime: f64,
    /// Includes the time that open activations have spent so far.
    pub cumtime: f64,
    /// What calls waited for the GIL, in no other time.
    pub gil_wait: f64,
    /// The part of `tottime` in which a processor was at work, where that is known.
    pub cpu: f64,
    /// What half of all finished calls took at most, 99 of 100, and the slowest one; 0 where that isn't kept, and where it has no sum.
    pub p50: f64,
    /// See `p50`.
    pub p99: f64,
    /// See `p50`.
    pub max: f64,
    /// The part of `cumtime` that is in activations which are still open.
    pub in_flight: f64,
    /// Activations that are open.
    pub open: u32,
    /// Calls per second in the last interval.
    pub calls_per_s: f64,
    /// `tottime` in the last interval, as a part of that interval's length.
    pub share: f64,
}

impl From<Calls> for Shown {
    fn from(calls: Calls) -> Self {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            ncalls: count(calls.ncalls),
            primitive_calls: count(calls.primitive_calls),
            tottime: calls.tottime,
            cumtime: calls.cumtime,
            cpu: calls.cpu_tottime,
            ..Self::default()
        }
    }
}

impl Shown {
    /// The same with how long the calls took, each by itself.
    pub fn with_durations(self, durations: Option<&Distribution>) -> Self {
        let Some(durations) = durations else { return self };
        let (p50, p99) = (durations.percentile(0.5), durations.percentile(0.99));
        Self { p50, p99, max: durations.slowest.seconds, ..self }
    }

    /// What was added since.
    pub fn since(&self, mark: &Shown) -> Shown {
        Shown {
            ncalls: self.ncalls.saturating_sub(mark.ncalls),
            primitive_calls: self.primitive_calls.saturating_sub(mark.primitive_calls),
            tottime: self.tottime - mark.tottime,
            cumtime: self.cumtime - mark.cumtime,
            gil_wait: self.gil_wait - mark.gil_wait,
            cpu: self.cpu - mark.cpu,
            ..*self
        }
    }

    /// Adds what another process says of the same function.
    pub fn add(&mut self, other: &Shown) {
        // Percentiles have no sum; the first one added is it.
        let percentile = |own: f64, other: f64| if own == 0.0 { other } else { f64::NAN };
        if other.max > 0.0 {
            self.p50 = percentile(self.p50, other.p50);
            self.p99 = percentile(self.p99, other.p99);
            self.max = self.max.max(other.max);
        }
        self.ncalls = self.ncalls.saturating_add(other.ncalls);
        self.primitive_calls = self.primitive_calls.saturating_add(other.primitive_calls);
        self.tottime += other.tottime;
        self.cumtime += other.cumtime;
        self.gil_wait += other.gil_wait;
        self.cpu += other.cpu;
        self.in_flight += other.in_flight;
        self.open = self.open.saturating_add(other.open);
        self.calls_per_s += other.calls_per_s;
        self.share += other.share;
    }
}

/// A function in a scope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShownFunction {
    /// Which.
    pub id: FunctionId,
    /// Its figures.
    pub figures: Shown,
}

/// One caller of one function, in a scope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShownEdge {
    /// Who called.
    pub caller: FunctionId,
    /// Who was called.
    pub callee: FunctionId,
    /// The part of the callee's figures that belongs to this caller.
    pub figures: Shown,
}

/// What functions add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Calls.
    pub ncalls: f64,
    /// Seconds in the functions themselves.
    pub tottime: f64,
    /// Calls per second in the last interval.
    pub calls_per_s: f64,
    /// The greatest `cumtime`.
    pub greatest: f64,
}

impl Totals {
    /// Adds up.
    pub fn of(functions: &[ShownFunction]) -> Self {
        functions.iter().fold(Self::default(), |sum, ShownFunction { figures, .. }| Self {
            ncalls: sum.ncalls + figures.ncalls as f64,
            tottime: sum.tottime + figures.tottime,
            calls_per_s: sum.calls_per_s + figures.calls_per_s,
            greatest: sum.greatest.max(figures.cumtime),
        })
    }
}
