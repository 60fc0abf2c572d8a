//! Which types had the most objects, over time, in as much memory for hours as for minutes: with too many moments, every second one
//! goes.

use std::sync::Arc;

/// So many moments are kept at most.
const MOMENTS: usize = 240;
/// Of each, so many types with the most bytes, and as many with the most objects.
const TOP: usize = 16;

/// What there was of a type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TypeThen {
    /// The place of its row.
    pub of: u32,
    /// How many more there were than in the beginning.
    pub alive: u64,
    /// Their bytes, without what they point at.
    pub bytes: u64,
}

/// What there was of all types at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct TypesThen {
    /// Seconds since 1970.
    pub time: f64,
    /// Those with the most of either, in the order of their places.
    pub top: Box<[TypeThen]>,
    /// Objects of all types.
    pub alive: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What there was over time.
#[derive(Clone, Debug, Default)]
pub struct PastTypes {
    moments: Vec<Arc<TypesThen>>,
    /// Of so many messages one is kept: a power of two.
    every: u64,
    messages: u64,
}

impl PastTypes {
    /// One more moment: what there is of each type now.
    pub fn push(&mut self, time: f64, types: impl Iterator<Item = TypeThen>) {
        self.every = self.every.max(1);
        let is_kept = self.messages.is_multiple_of(self.every);
        self.messages += 1;
        if !is_kept {
            return;
        }
        if self.moments.len() >= MOMENTS {
            let mut number = 0;
            self.moments.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.every *= 2;
        }
        let mut all: Vec<TypeThen> = types.filter(|row| row.alive > 0).collect();
        let sum = |figure: fn(&TypeThen) -> u64| all.iter().map(figure).fold(0, u64::saturating_add);
        let (alive, bytes) = (sum(|row| row.alive), sum(|row| row.bytes));
        all.sort_unstable_by_key(|row| std::cmp::Reverse(row.bytes));
        let mut rest = all.split_off(all.len().min(TOP));
        rest.sort_unstable_by_key(|row| std::cmp::Reverse(row.alive));
        all.extend(rest.into_iter().take(TOP));
        all.sort_unstable_by_key(|row| row.of);
        self.moments.push(Arc::new(TypesThen { time, top: all.into(), alive, bytes }));
    }

    /// The moments, the oldest first.
    pub fn moments(&self) -> &[Arc<TypesThen>] {
        &self.moments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_take_no_more_than_minutes_and_begin_with_the_first() {
        let mut past = PastTypes::default();
        for turn in 0..10_000u64 {
            past.push(turn as f64, [TypeThen { of: 3, alive: turn, bytes: 8 * turn }].into_iter());
        }
        let moments = past.moments();
        assert!((MOMENTS / 2..=MOMENTS).contains(&moments.len()), "{}", moments.len());
        assert_eq!((moments[0].time, moments[0].top.len()), (0.0, 0), "none is alive");
        let steps: Vec<f64> = moments.windows(2).map(|two| two[1].time - two[0].time).collect();
        assert!(steps.iter().all(|step| *step == steps[0]), "equally far apart");
        let last = &moments[moments.len() - 1];
        assert_eq!((last.alive as f64, last.bytes), (last.time, 8 * last.alive));
    }

    #[test]
    fn of_many_types_those_with_the_most_of_either_are_kept() {
        let mut past = PastTypes::default();
        // The more there are of one, the smaller they are.
        let types = (0..1000u32).map(|of| TypeThen {
            of,
            alive: 1 + u64::from(of),
            bytes: 1_000_000 / (1 + u64::from(of)),
        });
        past.push(1.0, types);
        let moment = &past.moments()[0];
        let kept: Vec<u32> = moment.top.iter().map(|row| row.of).collect();
        assert_eq!(kept, (0..16).chain(984..1000).collect::<Vec<u32>>());
        assert_eq!(moment.alive, 500_500);
    }
}
