//! Programs that switch among stacks, beside a slow reference that spreads each moment over the running stack's calls.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proptest::prelude::*;

use crate::clock::{self, Ticks};
use crate::excess::Costs;
use crate::in_flight::Reader;
use crate::recorder::Recorder;
use crate::tables::{FunctionId, KINDS, Kind, StackId};
use crate::totals::Totals;
use crate::tree::{Limits, TreeTotals};
use crate::watch::Watch;

const KEYS: [usize; 4] = [0x1000, 0x2000, 0x3000, 0x4000];

/// (calls, recursive calls, total, own), finished and open.
type Row = (u64, u64, i64, i64);

#[derive(Debug, Default, PartialEq)]
struct Figures {
    functions: BTreeMap<u32, Row>,
    edges: BTreeMap<(u32, u32), Row>,
    /// (calls, own), by the functions from the bottom up.
    tree: BTreeMap<Vec<u32>, (u64, i64)>,
}

/// What it should be.
#[derive(Default)]
struct Reference {
    stacks: BTreeMap<usize, Vec<u32>>,
    running: usize,
    figures: Figures,
}

/// (caller, callee) of each call from the bottom up; those without a caller are in no edge.
fn edges_of(stack: &[u32]) -> impl Iterator<Item = (u32, u32)> + '_ {
    stack.iter().zip(stack.iter().skip(1)).map(|(caller, callee)| (*caller, *callee))
}

impl Reference {
    fn stack(&mut self) -> &mut Vec<u32> {
        self.stacks.entry(self.running).or_default()
    }

    fn wait(&mut self, ticks: i64) {
        let stack = self.stack().clone();
        let Some(&top) = stack.last() else { return };
        let Figures { functions, edges, tree } = &mut self.figures;
        for function in stack.iter().collect::<BTreeSet<_>>() {
            functions.entry(*function).or_default().2 += ticks;
        }
        functions.entry(top).or_default().3 += ticks;
        for edge in edges_of(&stack).collect::<BTreeSet<_>>() {
            edges.entry(edge).or_default().2 += ticks;
        }
        if let Some(edge) = edges_of(&stack).last() {
            edges.entry(edge).or_default().3 += ticks;
        }
        tree.entry(stack).or_default().1 += ticks;
    }

    fn enter(&mut self, function: u32) {
        let stack = self.stack();
        let is_recursive = stack.contains(&function);
        let edge = stack.last().map(|caller| (*caller, function));
        let repeats = edge.is_some_and(|edge| edges_of(stack).any(|other| other == edge));
        stack.push(function);
        let stack = stack.clone();
        let Figures { functions, edges, tree } = &mut self.figures;
        let count = |row: &mut Row, is_recursive: bool| {
            row.0 += 1;
            row.1 += u64::from(is_recursive);
        };
        count(functions.entry(function).or_default(), is_recursive);
        if let Some(edge) = edge {
            count(edges.entry(edge).or_default(), repeats);
        }
        tree.entry(stack).or_default().0 += 1;
    }
}

/// A recorder under test, and a clock.
struct Subject {
    recorder: Recorder,
    watch: Watch,
    has_tree: bool,
    now: u64,
}

impl Subject {
    fn new(has_tree: bool, is_compensated: bool) -> Self {
        let mut recorder = Recorder::new(true);
        if is_compensated {
            let costs = Costs { inside: [3; KINDS], outside: [5; KINDS], ..Costs::default() };
            recorder.compensate(costs);
        }
        if has_tree {
            recorder.grow_tree(Limits::new(1000, 100_000));
        }
        for (key, function) in KEYS.into_iter().zip(0..) {
            recorder.define(key, FunctionId(function), Kind::default());
        }
        Self { recorder, watch: Watch::default(), has_tree, now: 0 }
    }

    fn enter(&mut self, function: u32) {
        assert!(self.recorder.enter(KEYS[function as usize]));
        self.recorder.prepare();
        self.recorder.start_extended(Ticks(self.now), Ticks(self.now));
    }

    fn leave(&mut self, function: u32) {
        assert!(self.recorder.leave_extended(KEYS[function as usize], Ticks(self.now)));
    }

    fn switch(&mut self, to: usize) {
        let now = Ticks(self.now);
        self.recorder.switch(StackId(to), now, || now);
    }

    /// Finished and open calls together, as a live view shows them.
    fn live(&mut self) -> Figures {
        NOW.with(|now| now.store(self.now, Ordering::Relaxed));
        let tables = Arc::clone(self.recorder.tables());
        let reading = Reader::default().read(&tables, Some(told));
        self.watch.read(&tables, Some(told), self.has_tree);
        let watched: Vec<_> = self.watch.functions().iter().map(|row| (row.of, row.numbers)).collect();
        assert_eq!(watched, reading.functions);
        let watched: Vec<_> = self.watch.edges().map(|row| (row.of, row.numbers)).collect();
        assert_eq!(watched, reading.edges);
        let row = |numbers: &crate::Numbers| {
            let (counts, open) = (numbers.counts, numbers.open);
            let recursive = counts.recursive_calls + open.calls - open.outermost;
            let total = counts.total.signed() + open.total;
            (counts.calls + open.calls, recursive, total, counts.own.signed() + open.own)
        };
        let mut figures = Figures::default();
        for (function, numbers) in &reading.functions {
            figures.functions.insert(function.0, row(numbers));
        }
        for ((caller, callee), numbers) in &reading.edges {
            figures.edges.insert((caller.0, callee.0), row(numbers));
        }
        let tree = self.watch.tree();
        let mut stacks = vec![Vec::new()];
        for (place, node) in tree.nodes().iter().enumerate().skip(1) {
            let stack = [&stacks[node.parent as usize][..], &[node.function.0]].concat();
            let open = tree.open(place as u32);
            figures.tree.insert(stack.clone(), (node.calls + open.calls, node.own + open.own));
            stacks.push(stack);
        }
        figures
    }

    /// All calls ended.
    fn finished(&mut self) -> Figures {
        self.recorder.leave_suspended();
        self.recorder.leave_all(Ticks(self.now));
        let mut totals = Totals::default();
        totals.add(self.recorder.tables());
        let row = |counts: &crate::Counts| {
            (counts.calls, counts.recursive_calls, counts.total.signed(), counts.own.signed())
        };
        let mut figures = Figures::default();
        for (function, counts) in totals.functions() {
            figures.functions.insert(function.0, row(&counts));
        }
        for ((caller, callee), counts) in totals.edges() {
            figures.edges.insert((caller.0, callee.0), row(counts));
        }
        let mut tree = TreeTotals::default();
        tree.add(self.recorder.tables());
        let mut stacks = vec![Vec::new()];
        for node in tree.nodes().iter().skip(1) {
            let stack = [&stacks[node.parent as usize][..], &[node.function.0]].concat();
            figures.tree.insert(stack.clone(), (node.counts.calls, node.counts.own.signed()));
            stacks.push(stack);
        }
        figures
    }
}

thread_local! {
    static NOW: AtomicU64 = const { AtomicU64::new(0) };
}

fn told() -> Ticks {
    Ticks(NOW.with(|now| now.load(Ordering::Relaxed)))
}

/// Those that were never called; and without a tree there are no stacks.
fn shown(mut figures: Figures, has_tree: bool) -> Figures {
    figures.functions.retain(|_, row| row.0 > 0);
    figures.edges.retain(|_, row| row.0 > 0);
    if !has_tree {
        figures.tree.clear();
    }
    figures
}

/// The same without times.
fn counts_of(figures: &Figures) -> Figures {
    let counts = |row: &Row| (row.0, row.1, 0, 0);
    Figures {
        functions: figures.functions.iter().map(|(function, row)| (*function, counts(row))).collect(),
        edges: figures.edges.iter().map(|(edge, row)| (*edge, counts(row))).collect(),
        tree: BTreeMap::new(),
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(u32),
    Leave,
    /// An exception passes some calls, and nobody tells.
    LeaveUnder(usize),
    Switch(usize),
    /// The stack's greenlet dies.
    End,
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u32..4).prop_map(Step::Enter),
        4 => Just(Step::Leave),
        1 => (0_usize..4).prop_map(Step::LeaveUnder),
        4 => (0_usize..5).prop_map(Step::Switch),
        1 => Just(Step::End),
        1 => Just(Step::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    /// Counts, recursion, edges and times of each stack are its own; in the final figures and in those of any moment before.
    #[test]
    fn figures_are_those_of_each_stack(
        steps in prop::collection::vec((step(), 0_u64..20), 1..200),
        has_tree in any::<bool>(),
        is_compensated in any::<bool>(),
    ) {
        let mut subject = Subject::new(has_tree, is_compensated);
        let mut reference = Reference::default();
        for (step, later) in steps {
            subject.now += later;
            reference.wait(later as i64);
            match step {
                Step::Enter(function) => {
                    subject.enter(function);
                    reference.enter(function);
                }
                Step::Leave => {
                    if let Some(function) = reference.stack().pop() {
                        subject.leave(function);
                    }
                }
                Step::LeaveUnder(depth) => {
                    let stack = reference.stack();
                    if let Some(at) = stack.len().checked_sub(depth + 1) {
                        let function = stack[at];
                        // The newest call of the function is what ends.
                        let newest = stack.iter().rposition(|other| *other == function).unwrap();
                        stack.truncate(newest);
                        subject.leave(function);
                    }
                }
                Step::Switch(to) => {
                    subject.switch(to);
                    reference.running = to;
                }
                Step::End => {
                    subject.recorder.leave_all(Ticks(subject.now));
                    reference.stack().clear();
                }
                Step::Look => {
                    let live = shown(subject.live(), has_tree);
                    let expected = &reference.figures;
                    prop_assert_eq!(counts_of(&live), counts_of(expected));
                    if !is_compensated {
                        prop_assert_eq!(&live.functions, &expected.functions);
                        prop_assert_eq!(&live.edges, &expected.edges);
                        if has_tree {
                            prop_assert_eq!(&live.tree, &expected.tree);
                        }
                    }
                }
            }
        }
        let finished = subject.finished();
        let expected = shown(reference.figures, has_tree);
        prop_assert_eq!(finished, expected);
        prop_assert!(!subject.recorder.is_open());
        prop_assert!(subject.watch.tree().nodes().is_empty() || has_tree);
        subject.live();
        prop_assert!(subject.watch.functions().iter().all(|row| row.numbers.open == crate::Open::default()));
    }
}

#[test]
fn with_compensation_a_stack_is_not_charged_for_what_others_spent() {
    let mut subject = Subject::new(false, true);
    subject.enter(0);
    subject.now = 100;
    subject.switch(1);
    for _ in 0..1000 {
        subject.enter(1);
        subject.now += 10;
        subject.leave(1);
    }
    subject.enter(2);
    subject.switch(2);
    subject.finished();
    let mut totals = Totals::default();
    totals.add(subject.recorder.tables());
    let excess = |id: u32| {
        let (_, counts) = totals.functions().find(|(function, _)| function.0 == id).unwrap();
        (counts.total_excess.0, counts.own_excess.0)
    };
    let own = excess(0).1;
    assert!(own < 50, "{own}");
    assert_eq!(excess(0), (own, own));
    assert_eq!(excess(2), (excess(2).1, excess(2).1));
}

#[test]
fn records_and_frames_of_stacks_that_are_over_are_used_again() {
    let mut subject = Subject::new(false, false);
    subject.enter(0);
    for id in 1..10_000 {
        subject.switch(id);
        subject.enter(1);
        subject.enter(2);
        subject.leave(2);
        subject.switch(0);
        subject.switch(id);
        subject.leave(1);
        subject.switch(0);
    }
    let tables = subject.recorder.tables();
    assert!(tables.running.stacks.count() <= 3, "{}", tables.running.stacks.count());
    assert!(tables.running.frames.count() <= 8, "{}", tables.running.frames.count());
}

#[test]
fn a_reader_beside_a_storm_of_switches_makes_nothing_up() {
    const ROUNDS: usize = 400;
    const STACKS: usize = 12;
    clock::start();
    let began = clock::now();
    let mut recorder = Subject::new(false, false).recorder;
    let tables = Arc::clone(recorder.tables());
    let is_over = AtomicBool::new(false);
    let begun = AtomicU64::new(0);
    let most_open = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut watch = Watch::default();
            while !is_over.load(Ordering::Acquire) {
                watch.read(&tables, Some(clock::now), false);
                let rows = || watch.functions().iter().map(|row| row.numbers);
                let own: i64 = rows().map(|n| n.counts.own.signed() + n.open.own).sum();
                let passed = clock::now().since(began).signed();
                assert!(own <= passed, "{own} of {passed} ticks");
                let calls: u64 = rows().map(|n| n.counts.calls + n.open.calls).sum();
                assert!(calls <= begun.load(Ordering::Acquire), "a call was counted twice");
                for numbers in rows() {
                    assert!(numbers.open.outermost <= STACKS as u64, "{:?}", numbers.open);
                }
                most_open.fetch_max(rows().map(|n| n.open.calls).sum(), Ordering::AcqRel);
            }
        });
        // Until it has looked while more were open than each stack's one.
        let has_seen = || most_open.load(Ordering::Acquire) > STACKS as u64 || reader.is_finished();
        let mut round = 0;
        let mut is_last = false;
        while !is_last {
            is_last = round + 1 >= ROUNDS && has_seen();
            for stack in 0..STACKS {
                recorder.switch(StackId(stack), clock::now(), clock::now);
                // In every other round each stack is left as it is, deeper each time; then it returns.
                let calls = round % 7 + 1;
                for call in 0..calls {
                    begun.fetch_add(1, Ordering::Release);
                    assert!(recorder.enter(KEYS[call % 4]));
                    recorder.start(clock::now());
                }
                if round % 5 == 4 || is_last {
                    recorder.leave_all(clock::now());
                }
            }
            round += 1;
        }
        is_over.store(true, Ordering::Release);
        reader.join().expect("it saw nothing impossible");
    });
    let reading = Reader::default().read(recorder.tables(), Some(clock::now));
    let calls: u64 = reading.functions.iter().map(|(_, numbers)| numbers.counts.calls).sum();
    assert_eq!(calls, begun.into_inner());
}
