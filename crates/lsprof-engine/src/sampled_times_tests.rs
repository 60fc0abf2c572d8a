//! What is found by looks, beside a slow reference that spreads each of them over the stack; and looks at a thread that goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;

use super::*;
use crate::recorder::Recorder;
use crate::tables::{Kind, StackId};
use crate::totals::Totals;
use crate::tree::TreeTotals;

const KEYS: [usize; 4] = [0x1000, 0x2000, 0x3000, 0x4000];

fn recorder(subcalls: bool) -> Recorder {
    let mut recorder = Recorder::new(subcalls);
    recorder.count_only(true, Ticks(0));
    for (key, function) in KEYS.into_iter().zip(0..) {
        recorder.define(key, FunctionId(function), Kind::default());
    }
    recorder
}

fn enter(recorder: &mut Recorder, function: u32) {
    let key = KEYS[function as usize];
    if !(recorder.has_subcalls() && recorder.enter_untimed_quickly(key)) {
        assert!(recorder.enter(key));
        recorder.start_untimed();
    }
}

/// (calls, recursive calls, total, own).
type Row = (u64, u64, u64, u64);

#[derive(Debug, Default, PartialEq)]
struct Figures {
    functions: BTreeMap<u32, Row>,
    edges: BTreeMap<(u32, u32), Row>,
    /// Time by the functions from the bottom up.
    tree: BTreeMap<Vec<u32>, u64>,
}

/// What it should be.
#[derive(Default)]
struct Reference {
    stacks: BTreeMap<usize, Vec<u32>>,
    running: usize,
    figures: Figures,
}

fn edges_of(stack: &[u32]) -> impl Iterator<Item = (u32, u32)> + '_ {
    stack.iter().zip(stack.iter().skip(1)).map(|(caller, callee)| (*caller, *callee))
}

impl Reference {
    fn stack(&mut self) -> &mut Vec<u32> {
        self.stacks.entry(self.running).or_default()
    }

    fn enter(&mut self, function: u32) {
        let stack = self.stack();
        let is_recursive = stack.contains(&function);
        let edge = stack.last().map(|caller| (*caller, function));
        let repeats = edge.is_some_and(|edge| edges_of(stack).any(|other| other == edge));
        stack.push(function);
        let count = |row: &mut Row, is_recursive: bool| {
            row.0 += 1;
            row.1 += u64::from(is_recursive);
        };
        count(self.figures.functions.entry(function).or_default(), is_recursive);
        if let Some(edge) = edge {
            count(self.figures.edges.entry(edge).or_default(), repeats);
        }
    }

    fn look(&mut self, worth: u64) -> bool {
        let stack = self.stack().clone();
        let Some(&top) = stack.last() else { return false };
        let Figures { functions, edges, tree } = &mut self.figures;
        for function in stack.iter().collect::<BTreeSet<_>>() {
            functions.entry(*function).or_default().2 += worth;
        }
        functions.entry(top).or_default().3 += worth;
        for edge in edges_of(&stack).collect::<BTreeSet<_>>() {
            edges.entry(edge).or_default().2 += worth;
        }
        if let Some(edge) = edges_of(&stack).last() {
            edges.entry(edge).or_default().3 += worth;
        }
        *tree.entry(stack).or_default() += worth;
        true
    }
}

fn figures_of(recorder: &Recorder) -> Figures {
    let mut totals = Totals::default();
    totals.add(recorder.tables());
    let mut figures = Figures::default();
    let row = |counts: &crate::Counts| (counts.calls, counts.recursive_calls, counts.total.0, counts.own.0);
    for (function, counts) in totals.functions() {
        figures.functions.insert(function.0, row(&counts));
    }
    for ((caller, callee), counts) in totals.edges() {
        figures.edges.insert((caller.0, callee.0), row(counts));
    }
    let mut tree = TreeTotals::default();
    tree.add(recorder.tables());
    let mut stacks = vec![Vec::new()];
    for node in tree.nodes().iter().skip(1) {
        let stack = [&stacks[node.parent as usize][..], &[node.function.0]].concat();
        if node.counts.own.0 > 0 {
            figures.tree.insert(stack.clone(), node.counts.own.0);
        }
        stacks.push(stack);
    }
    figures
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(u32),
    Leave,
    /// An exception passes some calls, and nobody tells.
    LeaveUnder(usize),
    Switch(usize),
    Look(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u32..4).prop_map(Step::Enter),
        4 => Just(Step::Leave),
        1 => (0_usize..4).prop_map(Step::LeaveUnder),
        2 => (0_usize..3).prop_map(Step::Switch),
        6 => (1_u64..20).prop_map(Step::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    /// Counts are the hooks', times the looks', of each function and each edge once.
    #[test]
    fn a_look_gives_its_time_to_what_is_open(steps in prop::collection::vec(step(), 1..200)) {
        let mut recorder = recorder(true);
        let mut sampler = TimeSampler::new(recorder.tables());
        sampler.grow_tree(Limits::new(1000, 100_000));
        let mut reference = Reference::default();
        for step in steps {
            match step {
                Step::Enter(function) => {
                    enter(&mut recorder, function);
                    reference.enter(function);
                }
                Step::Leave => {
                    if let Some(function) = reference.stack().pop() {
                        assert!(recorder.leave_untimed(KEYS[function as usize]));
                    }
                }
                Step::LeaveUnder(depth) => {
                    let stack = reference.stack();
                    if let Some(at) = stack.len().checked_sub(depth + 1) {
                        let function = stack[at];
                        let newest = stack.iter().rposition(|other| *other == function).unwrap();
                        stack.truncate(newest);
                        assert!(recorder.leave_untimed(KEYS[function as usize]));
                    }
                }
                Step::Switch(to) => {
                    recorder.switch(StackId(to), Ticks(0), || Ticks(0));
                    reference.running = to;
                }
                Step::Look(worth) => {
                    assert_eq!(sampler.look(Ticks(worth)), reference.look(worth));
                }
            }
        }
        recorder.leave_suspended();
        recorder.leave_all(Ticks(77));
        prop_assert_eq!(figures_of(&recorder), reference.figures);
    }
}

#[test]
fn without_callers_a_look_finds_all_that_is_open() {
    let mut recorder = recorder(false);
    let mut sampler = TimeSampler::new(recorder.tables());
    enter(&mut recorder, 0);
    enter(&mut recorder, 1);
    enter(&mut recorder, 0);
    assert!(sampler.look(Ticks(5)));
    recorder.leave_all(Ticks(0));
    let functions = [(0, (2, 1, 5, 5)), (1, (1, 0, 5, 0))];
    assert_eq!(figures_of(&recorder).functions, BTreeMap::from(functions));
}

#[test]
fn what_is_left_goes_where_the_last_look_found_the_thread() {
    let mut recorder = recorder(true);
    let mut sampler = TimeSampler::new(recorder.tables());
    sampler.give(Ticks(3));
    enter(&mut recorder, 0);
    sampler.look(Ticks(5));
    assert!(recorder.leave_untimed(KEYS[0]));
    sampler.give(Ticks(2));
    assert!(!sampler.look(Ticks(5)));
    sampler.give(Ticks(7));
    assert_eq!(figures_of(&recorder).functions, BTreeMap::from([(0, (1, 0, 7, 7))]));
}

#[test]
fn stacks_beyond_the_limits_give_their_time_to_those_below() {
    let mut recorder = recorder(true);
    let mut sampler = TimeSampler::new(recorder.tables());
    sampler.grow_tree(Limits::new(2, 100));
    for function in [0, 1, 2, 3] {
        enter(&mut recorder, function);
    }
    sampler.look(Ticks(7));
    let mut tree = TreeTotals::default();
    tree.add(recorder.tables());
    let own: Vec<_> = tree.nodes().iter().map(|node| (node.counts.own.0, node.counts.cut_own.0)).collect();
    assert_eq!(own, [(0, 0), (0, 0), (7, 7)]);
}

#[test]
fn calls_that_are_open_when_times_are_taken_again_begin_then() {
    let mut recorder = recorder(true);
    enter(&mut recorder, 0);
    recorder.count_only(false, Ticks(1000));
    assert!(recorder.leave(KEYS[0], Ticks(1010)));
    assert_eq!(figures_of(&recorder).functions, BTreeMap::from([(0, (1, 0, 10, 10))]));
}

#[test]
fn the_interval_is_what_errors_follow() {
    let looks = Looks::default();
    assert_eq!((looks.count(), looks.interval()), (0, 0.0));
    for worth in [10, 10, 20] {
        looks.add(Ticks(worth));
    }
    assert_eq!((looks.count(), looks.interval()), (3, 15.0));
}

/// The thread goes on while it is looked at: nothing is given twice or lost, and no stack is found that there never was. 0 calls 1
/// and 2, 1 calls 3, and 2 calls 3, which calls 0 under 2 only and no further.
#[test]
fn looks_at_a_thread_that_goes_on_find_stacks_that_it_had() {
    let stacks: [&[u32]; 6] = [&[0], &[0, 1], &[0, 1, 3], &[0, 2], &[0, 2, 3], &[0, 2, 3, 0]];
    let mut recorder = recorder(true);
    let mut sampler = TimeSampler::new(recorder.tables());
    sampler.grow_tree(Limits::new(1000, 100_000));
    let is_over = AtomicBool::new(false);
    let mut given = 0;
    std::thread::scope(|scope| {
        let is_over = &is_over;
        let recorder = &mut recorder;
        let writer = scope.spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                for (function, is_left) in [
                    (0, false),
                    (1, false),
                    (3, false),
                    (3, true),
                    (1, true),
                    (2, false),
                    (3, false),
                    (0, false),
                    (0, true),
                    (3, true),
                    (2, true),
                    (0, true),
                ] {
                    match is_left {
                        false => enter(recorder, function),
                        true => assert!(recorder.leave_untimed(KEYS[function as usize])),
                    }
                }
            }
        });
        while given < 20_000 {
            given += u64::from(sampler.look(Ticks(1)));
        }
        is_over.store(true, Ordering::Relaxed);
        writer.join().expect("the writer goes on until it is told");
    });
    let figures = figures_of(&recorder);
    assert_eq!(figures.functions.values().map(|row| row.3).sum::<u64>(), given);
    assert_eq!(figures.tree.values().sum::<u64>(), given);
    // A call that ends within a look may be found above what came next: seldom, and never above what never called it.
    let known: u64 = stacks.iter().filter_map(|stack| figures.tree.get(*stack)).sum();
    assert!(given - known <= given / 10, "{} of {given} looks: {:?}", given - known, figures.tree);
    for stack in figures.tree.keys() {
        let pairs: BTreeSet<_> = edges_of(stack).collect();
        let all = BTreeSet::from([(0, 1), (0, 2), (1, 3), (2, 3), (3, 0)]);
        assert!(pairs.is_subset(&all), "{stack:?}");
    }
}
