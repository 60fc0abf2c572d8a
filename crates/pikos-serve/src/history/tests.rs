use proptest::prelude::*;

use super::*;

fn growth(calls: i64, own: i64) -> Growth {
    Growth { calls, primitive: calls, own, cumulative: 2 * own }
}

/// Totals that grow by these steps, a message a second.
fn told(steps: &[Vec<(u32, i64)>]) -> History {
    let mut history = History::default();
    let mut totals: BTreeMap<u32, Growth> = BTreeMap::new();
    for (second, step) in steps.iter().enumerate() {
        for (id, own) in step {
            totals.entry(*id).or_default().add(&growth(1, *own));
        }
        let rows = || totals.clone().into_iter();
        history.take(1000.0, 1001.0 + second as f64, rows(), Some(rows()));
    }
    history
}

fn whole(history: &History) -> Sum {
    let mut sum = Sum::default();
    history.add_range(0.0, 1e12, true, &mut sum);
    sum
}

proptest! {
    #[test]
    fn ranges_add_up_to_the_total_however_much_is_merged(
        steps in prop::collection::vec(prop::collection::vec((0u32..50, -5i64..1_000_000), 0..10), 1..60),
        cut in 0usize..60,
        bytes in 0usize..20_000,
    ) {
        let mut totals: BTreeMap<u32, Growth> = BTreeMap::new();
        for (id, own) in steps.iter().flatten() {
            totals.entry(*id).or_default().add(&growth(1, *own));
        }
        let mut history = told(&steps);
        history.fit(bytes);
        let sum = whole(&history);
        prop_assert_eq!(&sum.functions, &totals);
        prop_assert_eq!(&sum.stacks, &totals);
        prop_assert_eq!(sum.ends, Some((1000.0, 1000.0 + steps.len() as f64)));
        prop_assert_eq!(history.bytes(), history.slices().map(Slice::bytes).sum::<usize>());
        // Any moment that is no slice's middle divides it in two.
        let at = 1000.25 + cut as f64;
        let mut parts = Sum::default();
        history.add_range(0.0, at, true, &mut parts);
        history.add_range(at + f64::EPSILON * at, 1e12, true, &mut parts);
        prop_assert_eq!(&parts.functions, &totals);
    }
}

#[test]
fn what_was_told_within_ten_minutes_stays_as_it_came() {
    let steps: Vec<Vec<(u32, i64)>> = (0..4000).map(|second| vec![(second % 7, 1000)]).collect();
    let history = told(&steps);
    let fresh = history.slices().filter(|slice| slice.to - slice.from <= 1.0).count();
    assert!((600..800).contains(&fresh), "{fresh}");
    assert!(history.slices.len() < 1000, "{}", history.slices.len());
    for slice in history.slices() {
        let age = 5000.0 - slice.to;
        assert!(
            slice.to - slice.from <= (age / PART).max(1.0),
            "{} at the age of {age}",
            slice.to - slice.from
        );
    }
}

#[test]
fn memory_is_bounded_by_giving_up_detail() {
    let steps: Vec<Vec<(u32, i64)>> = (0..500).map(|_| (0..200).map(|id| (id, 12_345)).collect()).collect();
    let mut history = told(&steps);
    let before = whole(&history);
    assert!(history.bytes() > 500_000);
    history.fit(100_000);
    assert!(history.bytes() <= 100_000);
    assert_eq!(whole(&history), before);
    let slices: Vec<&Slice> = history.slices().collect();
    let length = |slice: &Slice| slice.to - slice.from;
    assert!(length(slices[0]) > length(slices[slices.len() - 1]), "the newest keep the most");
}

#[test]
fn a_clear_begins_anew_and_keeps_what_was() {
    let mut history = told(&[vec![(1, 100)], vec![(1, 100)]]);
    history.restart();
    history.take(0.0, 1003.0, [(1, growth(1, 30))].into_iter(), None::<std::iter::Empty<_>>);
    let mut last = Sum::default();
    history.add_range(1002.0, 1003.0, true, &mut last);
    assert_eq!(last.functions, BTreeMap::from([(1, growth(1, 30))]));
    assert_eq!(whole(&history).functions[&1].own, 230);
}

#[test]
fn a_clock_that_is_set_back_makes_no_slice_that_ends_before_it_begins() {
    let mut history = told(&[vec![(1, 100)], vec![(1, 100)]]);
    history.take(0.0, 5.0, [(1, growth(3, 300))].into_iter(), None::<std::iter::Empty<_>>);
    assert!(history.slices().all(|slice| slice.from <= slice.to));
    assert_eq!(whole(&history).functions[&1].own, 300);
}
