//! Samples against a model that keeps all of them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::in_flight::Reader;
use crate::tables::Counts;
use crate::totals::Totals;
use crate::tree::TreeTotals;
use crate::watch::Watch;

const FUNCTIONS: u32 = 6;

fn key(function: u32) -> Key {
    0x1000 + 64 * function as usize
}

fn recorder(limits: Option<Limits>) -> SampleRecorder {
    let mut recorder = SampleRecorder::new(limits);
    for function in 0..FUNCTIONS {
        recorder.define(key(function), FunctionId(function));
    }
    recorder
}

fn add(recorder: &mut SampleRecorder, stack: &[u32], time: u64) {
    assert!(recorder.sample(stack.iter().map(|function| key(*function)), Ticks(time)));
}

/// As whoever samples a thread: where it stands as it stood, its stack isn't told again.
fn add_next(recorder: &mut SampleRecorder, samples: &[(Vec<u32>, u64)], at: usize) {
    let (stack, time) = &samples[at];
    let stands = at > 0 && samples[at - 1].0 == *stack;
    if !(stands && recorder.sample_again(Ticks(*time))) {
        add(recorder, stack, *time);
    }
}

/// What a sample says of whatever it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Expected {
    anywhere: u64,
    on_top: u64,
    total: u64,
    own: u64,
}

impl Expected {
    fn of(counts: &Counts) -> Self {
        Self {
            anywhere: counts.calls,
            on_top: counts.calls - counts.recursive_calls,
            total: counts.total.0,
            own: counts.own.0,
        }
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Sums {
    functions: BTreeMap<u32, Expected>,
    edges: BTreeMap<(u32, u32), Expected>,
    stacks: BTreeMap<Vec<u32>, (u64, u64)>,
}

fn expected(samples: &[(Vec<u32>, u64)]) -> Sums {
    let mut sums = Sums::default();
    for (stack, time) in samples {
        let edges: Vec<(u32, u32)> = stack.windows(2).map(|pair| (pair[0], pair[1])).collect();
        let top = *stack.last().unwrap();
        for function in stack.iter().copied().collect::<BTreeSet<_>>() {
            let is_top = function == top;
            count(sums.functions.entry(function).or_default(), *time, is_top);
        }
        for edge in edges.iter().copied().collect::<BTreeSet<_>>() {
            count(sums.edges.entry(edge).or_default(), *time, edges.last() == Some(&edge));
        }
        let stack = sums.stacks.entry(stack.clone()).or_default();
        *stack = (stack.0 + 1, stack.1 + time);
    }
    sums
}

fn count(expected: &mut Expected, time: u64, is_top: bool) {
    expected.anywhere += 1;
    expected.total += time;
    expected.on_top += u64::from(is_top);
    expected.own += if is_top { time } else { 0 };
}

fn by_totals(tables: &Tables) -> Sums {
    let mut totals = Totals::default();
    totals.add(tables);
    let mut tree = TreeTotals::default();
    tree.add(tables);
    let nodes = tree.nodes();
    let stacks = (1..nodes.len()).filter(|place| nodes[*place].counts.calls > 0).map(|place| {
        let (mut stack, mut at) = (Vec::new(), place);
        while at != 0 {
            stack.insert(0, nodes[at].function.0);
            at = nodes[at].parent as usize;
        }
        (stack, (nodes[place].counts.calls, nodes[place].counts.own.0))
    });
    Sums {
        functions: totals.functions().map(|(id, counts)| (id.0, Expected::of(&counts))).collect(),
        edges: totals
            .edges()
            .iter()
            .map(|((from, to), counts)| ((from.0, to.0), Expected::of(counts)))
            .collect(),
        stacks: stacks.collect(),
    }
}

fn by_watch(watch: &Watch) -> (BTreeMap<u32, Expected>, BTreeMap<(u32, u32), Expected>) {
    let functions = watch.functions().iter().filter(|row| row.numbers.counts.calls > 0);
    let functions = functions.map(|row| (row.of.0, Expected::of(&row.numbers.counts)));
    let edges = watch.edges().map(|row| ((row.of.0.0, row.of.1.0), Expected::of(&row.numbers.counts)));
    (functions.collect(), edges.collect())
}

fn stacks() -> impl Strategy<Value = Vec<(Vec<u32>, u64)>> {
    let stands = (prop::collection::vec(0..FUNCTIONS, 1..9), prop::collection::vec(0..1_000_u64, 1..4));
    prop::collection::vec(stands, 0..40).prop_map(|all| {
        let each =
            |(stack, times): (Vec<u32>, Vec<u64>)| times.into_iter().map(move |time| (stack.clone(), time));
        all.into_iter().flat_map(each).collect()
    })
}

proptest! {
    #[test]
    fn sums_are_those_of_all_samples(samples in stacks()) {
        let mut recorder = recorder(Some(Limits::new(100, 10_000)));
        let mut watch = Watch::default();
        for at in 0..samples.len() {
            add_next(&mut recorder, &samples, at);
            // At any moment, on top of any other.
            if at % 3 == 0 {
                watch.read(recorder.tables(), None, at % 2 == 0);
                let so_far = expected(&samples[..=at]);
                prop_assert_eq!(by_watch(&watch), (so_far.functions, so_far.edges));
            }
        }
        let sums = expected(&samples);
        let reading = Reader::default().read(recorder.tables(), None);
        let rows = reading.functions.iter().filter(|(_, numbers)| numbers.counts.calls > 0);
        let read: BTreeMap<_, _> =
            rows.map(|(id, numbers)| (id.0, Expected::of(&numbers.counts))).collect();
        prop_assert_eq!(&read, &sums.functions);
        prop_assert_eq!(by_totals(recorder.tables()), sums);
    }

    #[test]
    fn a_tree_that_is_full_keeps_the_whole_time(samples in stacks(), depth in 0..4_u32, nodes in 0..12_usize) {
        let mut recorder = recorder(Some(Limits::new(depth, nodes)));
        for at in 0..samples.len() {
            add_next(&mut recorder, &samples, at);
        }
        let mut tree = TreeTotals::default();
        tree.add(recorder.tables());
        let sum = |each: fn(&crate::tables::NodeCounts) -> u64| -> u64 {
            tree.nodes().iter().map(|node| each(&node.counts)).sum()
        };
        prop_assert_eq!(sum(|counts| counts.own.0), samples.iter().map(|(_, time)| time).sum::<u64>());
        prop_assert_eq!(sum(|counts| counts.calls + counts.cut_calls), samples.len() as u64);
    }
}

#[test]
fn nothing_is_done_for_a_stack_that_is_not_known_or_empty() {
    let mut recorder = recorder(None);
    assert!(!recorder.sample([key(0), 7], Ticks(5)));
    assert!(!recorder.sample([], Ticks(5)));
    assert_eq!(by_totals(recorder.tables()), Sums::default());
    recorder.define(7, FunctionId(FUNCTIONS));
    assert!(!recorder.sample_again(Ticks(5)));
    assert!(recorder.sample([key(0), 7], Ticks(5)));
    assert!(recorder.sample_again(Ticks(5)));
}

#[test]
fn a_reader_finds_whole_samples_only() {
    let mut recorder = recorder(None);
    let tables = Arc::clone(recorder.tables());
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writer = std::thread::spawn({
        let stop = Arc::clone(&stop);
        move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                add(&mut recorder, &[0, 1, 0, 2, 0], 1);
                add(&mut recorder, &[0, 2], 1);
            }
        }
    });
    let mut watch = Watch::default();
    for _ in 0..2_000 {
        watch.read(&tables, None, false);
        let (functions, edges) = by_watch(&watch);
        let Some(outermost) = functions.get(&0) else { continue };
        // Each sample has function 0, with one of 0 and 2 on top.
        let on_top: u64 = functions.values().map(|row| row.on_top).sum();
        assert_eq!((outermost.anywhere, outermost.total), (on_top, on_top));
        assert_eq!(functions.values().map(|row| row.own).sum::<u64>(), on_top);
        assert_eq!(functions.get(&2).map(|row| row.anywhere), edges.get(&(0, 2)).map(|row| row.anywhere));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writer.join().unwrap();
}
