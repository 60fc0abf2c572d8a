//! How long the calls of a function took, each by itself: how many took about so long.
//!
//! Durations are told apart in whole nanoseconds, in buckets: below 64 ns each number has its own, above a bucket is a 32nd of
//! its lower bound wide at most. All profiles have the same buckets, so that sums are exact, whatever clock a process had.
//!
//! ```text
//! bucket   0 … 63         64 … 95           96 … 127           …
//! ns       0 … 63    64, 66, … 126     128, 132, … 252        …
//! ```

use super::function_id::FunctionId;

/// Buckets of each power of two.
const PARTS: u64 = 32;
/// How many there are in all.
pub const BUCKETS: u16 = bucket_of(u64::MAX) + 1;

/// Percentiles that are shown, by their names, which are also sort keys: the part of all calls that took no longer.
pub const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)];

/// How long the calls of a function took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// Seconds of the quickest call.
    pub min: f64,
    /// The slowest call.
    pub slowest: Slowest,
    /// The buckets that aren't empty, in their order, and how many calls each has.
    buckets: Vec<(u16, u64)>,
}

/// The slowest call of a function.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slowest {
    /// Seconds that it took.
    pub seconds: f64,
    /// When it ended, in seconds since recording began; of a merged profile, of its own recording. None where nobody knows.
    pub at: Option<f64>,
    /// Where it was called: the functions from the outermost one on, the function itself last; of a deep stack the end. Empty
    /// where stacks were not recorded.
    pub stack: Vec<FunctionId>,
}

/// So much of a slow call's stack is kept, from its end.
pub const MOST_STACK: usize = 64;

/// The bucket of a duration.
const fn bucket_of(nanoseconds: u64) -> u16 {
    let shift = (nanoseconds | 1).ilog2().saturating_sub(PARTS.ilog2()) as u64;
    (shift * PARTS + (nanoseconds >> shift)) as u16
}

/// The seconds that stand for all calls of a bucket: no further from any of them than a 65th of itself.
pub fn seconds_of(bucket: u16) -> f64 {
    let bucket = u64::from(bucket);
    let shift = (bucket / PARTS).saturating_sub(1);
    let low = ((bucket - shift * PARTS) as f64) * (1_u64 << shift) as f64;
    let high = low + (1_u64 << shift) as f64;
    // Of bounds 1 ns apart the lower one is meant; else what is as far from both, measured by them.
    1e-9 * if shift == 0 { low } else { 2.0 * low * high / (low + high) }
}

impl Distribution {
    /// Nothing counted yet, of a function whose quickest and slowest calls are known.
    pub fn new(min: f64, slowest: Slowest) -> Self {
        Self { min, slowest, buckets: Vec::new() }
    }

    /// Of buckets that somebody has counted. None if that can't be: a bucket that there isn't, or twice, or no calls.
    pub fn of_buckets(min: f64, slowest: Slowest, mut buckets: Vec<(u16, u64)>) -> Option<Self> {
        buckets.sort_unstable_by_key(|(bucket, _)| *bucket);
        let is_sound = buckets.iter().all(|&(bucket, calls)| bucket < BUCKETS && calls > 0)
            && buckets.windows(2).all(|pair| pair[0].0 != pair[1].0);
        (is_sound && !buckets.is_empty()).then_some(Self { min, slowest, buckets })
    }

    /// Counts calls that took about so long.
    pub fn add(&mut self, seconds: f64, calls: u64) {
        // What is no number, or negative, is as good as nothing.
        self.add_to(bucket_of((seconds * 1e9).round() as u64), calls);
    }

    fn add_to(&mut self, bucket: u16, calls: u64) {
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(place) => self.buckets[place].1 = self.buckets[place].1.saturating_add(calls),
            Err(place) => self.buckets.insert(place, (bucket, calls)),
        }
    }

    /// Adds another's calls.
    pub fn absorb(&mut self, other: &Distribution) {
        self.min = self.min.min(other.min);
        if other.slowest.seconds > self.slowest.seconds {
            self.slowest = other.slowest.clone();
        }
        other.buckets.iter().for_each(|&(bucket, calls)| self.add_to(bucket, calls));
    }

    /// The buckets that aren't empty, in their order, and how many calls each has.
    pub fn buckets(&self) -> &[(u16, u64)] {
        &self.buckets
    }

    /// How many calls these are.
    pub fn calls(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, calls)| sum.saturating_add(*calls))
    }

    /// Seconds that this part of all calls took no more than: of the call that is the last of them, in the order of their
    /// durations, to within 5 %.
    pub fn percentile(&self, part: f64) -> f64 {
        let all = self.calls();
        let rank = (part * all as f64).ceil().max(1.0) as u64;
        match rank {
            _ if rank >= all => return self.slowest.seconds,
            1 => return self.min,
            _ => {}
        }
        let mut counted = 0_u64;
        let found = self.buckets.iter().find(|(_, calls)| {
            counted = counted.saturating_add(*calls);
            counted >= rank
        });
        let seconds = found.map_or(self.slowest.seconds, |(bucket, _)| seconds_of(*bucket));
        seconds.min(self.slowest.seconds).max(self.min)
    }

    /// The functions of the slowest call's stack have these numbers now; those that are gone aren't in it.
    pub(crate) fn renumber(&mut self, moved: impl Fn(FunctionId) -> Option<FunctionId>) {
        let stack = &mut self.slowest.stack;
        *stack = stack.iter().filter_map(|&id| moved(id)).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(durations: &[u64]) -> Distribution {
        let seconds = |nanoseconds: u64| nanoseconds as f64 * 1e-9;
        let (min, max) = (durations.iter().min().unwrap(), durations.iter().max().unwrap());
        let mut distribution =
            Distribution::new(seconds(*min), Slowest { seconds: seconds(*max), ..Slowest::default() });
        durations.iter().for_each(|&nanoseconds| distribution.add(seconds(nanoseconds), 1));
        distribution
    }

    #[test]
    fn each_bucket_follows_on_the_one_before() {
        let mut before = None;
        for nanoseconds in (0..5000).chain((13..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit])) {
            let bucket = bucket_of(nanoseconds);
            assert!(
                before.is_none_or(|before| bucket == before || bucket == before + 1 || nanoseconds > 5000)
            );
            before = Some(bucket);
        }
        assert_eq!((bucket_of(63), bucket_of(64), bucket_of(65), bucket_of(66)), (63, 64, 64, 65));
        assert_eq!(bucket_of(u64::MAX) + 1, BUCKETS);
    }

    proptest! {
        #[test]
        fn a_bucket_stands_for_its_durations(nanoseconds in 0..1_u64 << 53) {
            let bucket = bucket_of(nanoseconds);
            let (exact, shown) = (nanoseconds as f64, seconds_of(bucket) * 1e9);
            prop_assert!((shown - exact).abs() <= exact / 64.0 + 1e-6, "{} {}", exact, shown);
            prop_assert_eq!(bucket_of(shown.round() as u64), bucket);
        }

        #[test]
        fn percentiles_are_those_of_the_sorted_durations(
            durations in proptest::collection::vec((0..40_u32, any::<u32>()), 1..300), part in 0.0..=1.0_f64
        ) {
            let mut durations: Vec<u64> =
                durations.into_iter().map(|(bits, random)| u64::from(random) << 8 >> (40 - bits)).collect();
            let distribution = of(&durations);
            durations.sort_unstable();
            let rank = (part * durations.len() as f64).ceil().max(1.0) as usize;
            let exact = durations[rank - 1] as f64;
            let found = distribution.percentile(part) * 1e9;
            prop_assert!((found - exact).abs() <= exact / 64.0 + 1e-6, "{} {}", exact, found);
        }

        #[test]
        fn a_sum_is_the_distribution_of_all(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u64>(), 1..20), 1..20)
        ) {
            let mut sum: Option<Distribution> = None;
            for part in &parts {
                match &mut sum {
                    Some(sum) => sum.absorb(&of(part)),
                    None => sum = Some(of(part)),
                }
            }
            prop_assert_eq!(sum.unwrap(), of(&parts.concat()));
        }
    }

    #[test]
    fn what_can_t_be_counted_is_refused() {
        let buckets = |buckets: &[(u16, u64)]| {
            Distribution::of_buckets(0.0, Slowest::default(), buckets.to_vec()).map(|found| found.calls())
        };
        assert_eq!(buckets(&[(7, 2), (3, 1)]), Some(3));
        assert_eq!(buckets(&[]), None);
        assert_eq!(buckets(&[(7, 2), (7, 1)]), None);
        assert_eq!(buckets(&[(7, 0)]), None);
        assert_eq!(buckets(&[(BUCKETS, 1)]), None);
        assert_eq!(buckets(&[(7, u64::MAX), (8, u64::MAX)]), Some(u64::MAX));
    }

    #[test]
    fn nonsense_is_counted_as_nothing() {
        let mut distribution = Distribution::default();
        [f64::NAN, -1.0, f64::NEG_INFINITY].into_iter().for_each(|seconds| distribution.add(seconds, 1));
        distribution.add(f64::INFINITY, 1);
        assert_eq!(distribution.buckets(), [(0, 3), (BUCKETS - 1, 1)]);
    }
}
