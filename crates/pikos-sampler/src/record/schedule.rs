//! When to look: at a rate, never in step with the program, and never for more of a processor than is allowed.
//!
//! Gaps are drawn anew each time, from half the interval to one and a half. A loop of the program that takes as long as the
//! interval would else be met at the same place each time.
//!
//! The system wakes who sleeps late, on a busy machine by many intervals. Gaps are shorter then, until as many looks were taken as were to
//! be: each stands for the time since the last one, so that none counts for more than it is.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, Instant};

use lsprof_engine::mix;

/// So much of what a look takes is what the last one took; the rest is what earlier ones did.
const NEWEST: f64 = 1.0 / 16.0;
/// Who is late by more looks than these has missed the others.
const CAUGHT_UP: f64 = 20.0;
/// No budget makes looks come less often than this, unless that is asked for.
const LONGEST: f64 = 1.0;

/// When to look next, and how that went so far.
#[derive(Clone, Debug)]
pub struct Schedule {
    asked: f64,
    budget: f64,
    random: u64,
    /// What a look takes of a processor, in seconds, on average; nothing before the first.
    cost: Option<f64>,
    /// When the next look is to be, and when it would be if none had been late.
    next: Instant,
    due: Instant,
    /// When the last look was.
    last: Instant,
    looks: u64,
    /// How many there would have been by now.
    wanted: f64,
    mean: f64,
    /// Of the gaps' squared distances from the mean.
    squares: f64,
}

impl Schedule {
    /// Looks so far apart, for so much of a processor; it begins now.
    pub fn new(interval: Duration, budget: f64, now: Instant) -> Self {
        let mut schedule = Self {
            asked: interval.as_secs_f64(),
            budget,
            random: RandomState::new().build_hasher().finish(),
            cost: None,
            next: now,
            due: now,
            last: now,
            looks: 0,
            wanted: 0.0,
            mean: 0.0,
            squares: 0.0,
        };
        schedule.plan(now);
        schedule
    }

    /// Looks come this often from now on.
    pub fn set_interval(&mut self, interval: Duration, now: Instant) {
        self.asked = interval.as_secs_f64();
        self.due = now;
        self.plan(now);
    }

    /// Goes on after a pause, which is in no figure.
    pub fn resume(&mut self, now: Instant) {
        (self.last, self.due) = (now, now);
        self.plan(now);
    }

    /// Begins to count looks anew.
    pub fn clear(&mut self) {
        (self.looks, self.wanted, self.mean, self.squares) = (0, 0.0, 0.0, 0.0);
    }

    /// When the next look is to be.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// There was a look at this moment, and it took so much of a processor.
    pub fn looked(&mut self, now: Instant, cost: Duration) {
        let gap = now.saturating_duration_since(self.last).as_secs_f64();
        self.last = now;
        self.looks += 1;
        self.wanted += gap / self.asked;
        // Welford's way: no large squares that cancel each other.
        let distance = gap - self.mean;
        self.mean += distance / self.looks as f64;
        self.squares += distance * (gap - self.mean);
        let cost = cost.as_secs_f64();
        self.cost = Some(self.cost.map_or(cost, |before| before + NEWEST * (cost - before)));
        self.plan(now);
    }

    /// Seconds from one look to the next that the budget allows.
    fn interval(&self) -> f64 {
        let allowed = self.cost.unwrap_or(0.0) / self.budget;
        self.asked.max(allowed.min(LONGEST))
    }

    fn plan(&mut self, now: Instant) {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let part = (mix(self.random) >> 11) as f64 / (1_u64 << 53) as f64;
        let interval = self.interval();
        let gap = Duration::from_secs_f64(interval * (0.5 + part));
        // From when it was to be, so that being late doesn't add up.
        let late = now.saturating_duration_since(self.due).as_secs_f64();
        let missed = Duration::from_secs_f64((late - CAUGHT_UP * interval).max(0.0));
        self.due += missed + gap;
        self.next = self.due.max(now + gap / 2);
    }

    /// How many looks there were.
    pub fn looks(&self) -> u64 {
        self.looks
    }

    /// How many there should have been beside them, by now.
    pub fn missed(&self) -> u64 {
        (self.wanted - self.looks as f64).max(0.0) as u64
    }

    /// Seconds from one look to the next on average, and their standard deviation.
    pub fn kept(&self) -> (f64, f64) {
        let variance = self.squares / (self.looks as f64 - 1.0).max(1.0);
        (self.mean, variance.max(0.0).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks so often, each in time and at this cost; how long that took.
    fn run(schedule: &mut Schedule, looks: u32, cost: Duration) -> Duration {
        let start = schedule.last;
        for _ in 0..looks {
            schedule.looked(schedule.next(), cost);
        }
        schedule.last - start
    }

    #[test]
    fn looks_come_as_often_as_asked_and_never_in_step() {
        let mut schedule = Schedule::new(Duration::from_millis(10), 1.0, Instant::now());
        let took = run(&mut schedule, 10_000, Duration::from_micros(10)).as_secs_f64();
        assert!((took / 100.0 - 1.0).abs() < 0.02, "{took} s");
        let (mean, deviation) = schedule.kept();
        assert!((mean / 0.01 - 1.0).abs() < 0.02, "{mean}");
        // Of gaps that are spread evenly over as much as the interval.
        assert!((deviation / (0.01 / 12_f64.sqrt()) - 1.0).abs() < 0.05, "{deviation}");
        // Within what chance does to the sum of the gaps.
        assert!(schedule.looks() == 10_000 && schedule.missed() < 200, "{}", schedule.missed());
        let mut other = Schedule::new(Duration::from_millis(10), 1.0, Instant::now());
        assert_ne!(run(&mut other, 100, Duration::ZERO).as_nanos() % 10_000_000, 0);
    }

    #[test]
    fn a_budget_makes_looks_rare_and_says_which_are_missing() {
        let mut schedule = Schedule::new(Duration::from_millis(1), 0.01, Instant::now());
        // 100 µs are a hundredth of 10 ms.
        let took = run(&mut schedule, 1_000, Duration::from_micros(100)).as_secs_f64();
        assert!((took / 10.0 - 1.0).abs() < 0.1, "{took} s");
        assert!((schedule.missed() as f64 / 9_000.0 - 1.0).abs() < 0.1, "{}", schedule.missed());
        // As soon as it gets cheaper, they are frequent again.
        run(&mut schedule, 200, Duration::from_micros(1));
        let took = run(&mut schedule, 1_000, Duration::from_micros(1)).as_secs_f64();
        assert!((took / 1.0 - 1.0).abs() < 0.1, "{took} s");
    }

    #[test]
    fn who_is_late_now_and_then_misses_nothing() {
        let mut schedule = Schedule::new(Duration::from_millis(1), 1.0, Instant::now());
        for look in 0..10_000 {
            // Woken a tenth of an interval late, and each fiftieth time by ten of them.
            let late = Duration::from_micros(if look % 50 == 0 { 10_000 } else { 100 });
            let before = schedule.last;
            schedule.looked(schedule.next() + late, Duration::from_micros(10));
            assert!(schedule.last - before >= Duration::from_micros(250));
        }
        assert!(schedule.missed() < 100, "{}", schedule.missed());
    }

    #[test]
    fn who_is_very_late_catches_up_on_little() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Duration::from_millis(10), 1.0, start);
        let late = start + Duration::from_secs(1);
        schedule.looked(late, Duration::ZERO);
        assert!(schedule.next() >= late);
        assert_eq!((schedule.looks(), schedule.missed()), (1, 99));
        run(&mut schedule, 1_000, Duration::ZERO);
        assert!((60..100).contains(&schedule.missed()), "{}", schedule.missed());
        // A pause isn't missed.
        schedule.clear();
        let later = late + Duration::from_secs(5);
        schedule.resume(later);
        schedule.looked(later + Duration::from_millis(10), Duration::ZERO);
        assert_eq!((schedule.looks(), schedule.missed()), (1, 0));
    }
}
