use proptest::prelude::*;

use super::*;
use crate::details::Details;
use crate::hook_tests::{enter, leave};
use crate::tables::Kind;
use crate::tree::Limits;
use crate::{Recorder, Totals};

const KEY: usize = 64;
const CALLER: usize = 128;
const F: FunctionId = FunctionId(1);
const G: FunctionId = FunctionId(2);

fn recorder(has_tree: bool) -> Recorder {
    let mut recorder = Recorder::new(true);
    if has_tree {
        recorder.grow_tree(Limits::new(10, 100));
    }
    let mut details = Details::default();
    details.keep_durations();
    recorder.keep(details);
    recorder.define(KEY, F, Kind::default());
    recorder.define(CALLER, G, Kind::default());
    recorder
}

fn call(recorder: &mut Recorder, key: usize, from: u64, to: u64) {
    enter(recorder, key, Ticks(from));
    leave(recorder, key, Ticks(to));
}

fn totals(recorder: &Recorder, of: FunctionId) -> Option<DurationTotals> {
    let mut totals = Totals::default();
    totals.add(recorder.tables());
    totals.durations(of).cloned()
}

proptest! {
    #[test]
    fn a_part_stands_for_what_falls_there(duration in 0..1_u64 << 50) {
        let (octave, part) = place(duration);
        prop_assert!(octave < OCTAVES && part < PARTS);
        let (exact, shown) = (duration as f64, middle(octave, part));
        prop_assert!((shown - exact).abs() <= (exact / 32.0).max(1.0), "{} {}", exact, shown);
        prop_assert!(duration == 0 || ticks_of(part_of(duration)) == shown);
    }

    #[test]
    fn every_call_is_counted_where_it_belongs(
        durations in proptest::collection::vec((0..60_u32, any::<u64>()), 1..60)
    ) {
        let durations: Vec<u64> =
            durations.into_iter().map(|(bits, random)| random >> (63 - bits)).collect();
        let mut recorder = recorder(false);
        durations.iter().for_each(|&duration| call(&mut recorder, KEY, 1, 1 + duration));
        let found = totals(&recorder, F).expect("it was called");
        let (min, max) = (*durations.iter().min().unwrap(), *durations.iter().max().unwrap());
        prop_assert_eq!((found.min.0, found.max.0, found.max_ended.0), (min, max, max + 1));
        let mut exact = durations;
        exact.sort_unstable();
        let shown: Vec<f64> =
            found.counts.iter().flat_map(|(part, calls)| vec![ticks_of(*part); *calls as usize]).collect();
        prop_assert_eq!(shown.len(), exact.len());
        for (shown, exact) in shown.into_iter().zip(exact).filter(|(_, exact)| *exact < 1 << 52) {
            prop_assert!((shown - exact as f64).abs() <= (exact as f64 / 32.0).max(1.0), "{} {}", shown, exact);
        }
    }
}

#[test]
fn octaves_follow_on_each_other() {
    let mut before = (0, 0);
    for duration in 1..10_000 {
        let here = place(duration);
        assert!(here >= before, "{duration}");
        assert!(duration >= 32 || middle(here.0, here.1) == duration as f64, "{duration}");
        before = here;
    }
}

#[test]
fn a_function_that_is_called_once_takes_little() {
    let mut recorder = recorder(false);
    call(&mut recorder, KEY, 10, 1010);
    assert_eq!(recorder.tables().durations.durations.count(), 0);
    assert_eq!(totals(&recorder, F).unwrap().counts, [(part_of(1000), 1)]);
    call(&mut recorder, KEY, 2000, 2100);
    assert_eq!(recorder.tables().durations.durations.count(), 1);
    assert_eq!(totals(&recorder, F).unwrap().counts.iter().map(|(_, calls)| calls).sum::<u64>(), 2);
    assert_eq!(totals(&recorder, G), None);
}

#[test]
fn two_equal_calls_are_two() {
    let mut recorder = recorder(false);
    for at in [0, 5000, 10_000] {
        call(&mut recorder, KEY, at, at + 1000);
    }
    let found = totals(&recorder, F).unwrap();
    assert_eq!((found.min.0, found.max.0, found.counts), (1000, 1000, vec![(part_of(1000), 3)]));
}

#[test]
fn each_activation_of_a_recursive_function_has_its_own_time() {
    let mut recorder = recorder(false);
    enter(&mut recorder, KEY, Ticks(0));
    enter(&mut recorder, KEY, Ticks(100));
    leave(&mut recorder, KEY, Ticks(200));
    leave(&mut recorder, KEY, Ticks(1000));
    let found = totals(&recorder, F).unwrap();
    assert_eq!((found.min.0, found.max.0), (100, 1000));
}

#[test]
fn the_slowest_call_has_a_stack_where_there_is_a_tree() {
    for has_tree in [true, false] {
        let mut recorder = recorder(has_tree);
        call(&mut recorder, KEY, 0, 10);
        enter(&mut recorder, CALLER, Ticks(100));
        call(&mut recorder, KEY, 200, 900);
        leave(&mut recorder, CALLER, Ticks(1000));
        call(&mut recorder, KEY, 2000, 2100);
        let found = totals(&recorder, F).unwrap();
        assert_eq!((found.max.0, found.max_ended.0), (700, 900));
        assert_eq!(found.max_stack, if has_tree { vec![G, F] } else { vec![] });
    }
}

#[test]
fn threads_add_up() {
    let (mut one, mut other) = (recorder(true), recorder(true));
    let mut all = recorder(true);
    for (at, duration) in (0..500).map(|n| (n * 10_000, 17 * n * n % 7919)) {
        call(if at % 3 == 0 { &mut one } else { &mut other }, KEY, at, at + duration);
        call(&mut all, KEY, at, at + duration);
    }
    let mut sum = Totals::default();
    sum.add(one.tables());
    sum.add(other.tables());
    let (sum, all) = (sum.durations(F).unwrap(), totals(&all, F).unwrap());
    let counted = |totals: &DurationTotals| totals.counts.iter().map(|(_, calls)| calls).sum::<u64>();
    assert_eq!((sum.min, sum.max, counted(sum)), (all.min, all.max, counted(&all)));
    assert_eq!(sum.counts, all.counts);
}

#[test]
fn a_clock_that_runs_backwards_counts_as_none() {
    let mut recorder = recorder(false);
    call(&mut recorder, KEY, 1000, 900);
    call(&mut recorder, KEY, 2000, 2001);
    let found = totals(&recorder, F).unwrap();
    assert_eq!((found.min.0, found.max.0), (0, 1));
    assert_eq!(found.counts.iter().map(|(_, calls)| calls).sum::<u64>(), 2);
}
