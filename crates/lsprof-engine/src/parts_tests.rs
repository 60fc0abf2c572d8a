//! Programs that go on in another part in the middle of their calls, beside a slow reference that spreads each moment over the running
//! stack's calls, in the part that the thread is in.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::clock::Ticks;
use crate::excess::Costs;
use crate::in_flight::Reader;
use crate::parts::PartId;
use crate::recorder::Recorder;
use crate::tables::{Counts, FunctionId, KINDS, Kind, StackId, Tables};
use crate::totals::Totals;
use crate::tree::{Limits, TreeTotals};
use crate::watch::Watch;

const KEYS: [usize; 4] = [0x1000, 0x2000, 0x3000, 0x4000];

/// (calls, recursive calls, total, own).
type Row = (u64, u64, i64, i64);

#[derive(Clone, Debug, Default, PartialEq)]
struct Figures {
    functions: BTreeMap<u32, Row>,
    edges: BTreeMap<(u32, u32), Row>,
    /// (calls, own), by the functions from the bottom up.
    tree: BTreeMap<Vec<u32>, (u64, i64)>,
}

/// What it should be.
#[derive(Default)]
struct Reference {
    /// Each with the part that its calls were in when it ran last.
    stacks: BTreeMap<usize, (Vec<u32>, u32)>,
    running: usize,
    part: u32,
    parts: BTreeMap<u32, Figures>,
}

fn edges_of(stack: &[u32]) -> impl Iterator<Item = (u32, u32)> + '_ {
    stack.iter().zip(stack.iter().skip(1)).map(|(caller, callee)| (*caller, *callee))
}

fn add<K: Ord>(rows: &mut BTreeMap<K, Row>, key: K, more: Row) {
    let row = rows.entry(key).or_default();
    *row = (row.0 + more.0, row.1 + more.1, row.2 + more.2, row.3 + more.3);
}

impl Reference {
    fn stack(&mut self) -> &mut Vec<u32> {
        &mut self.stacks.entry(self.running).or_default().0
    }

    fn wait(&mut self, ticks: i64) {
        let stack = self.stack().clone();
        let Some(&top) = stack.last() else { return };
        let figures = self.parts.entry(self.part).or_default();
        for function in stack.iter().collect::<BTreeSet<_>>() {
            add(&mut figures.functions, *function, (0, 0, ticks, 0));
        }
        add(&mut figures.functions, top, (0, 0, 0, ticks));
        for edge in edges_of(&stack).collect::<BTreeSet<_>>() {
            add(&mut figures.edges, edge, (0, 0, ticks, 0));
        }
        if let Some(edge) = edges_of(&stack).last() {
            add(&mut figures.edges, edge, (0, 0, 0, ticks));
        }
        figures.tree.entry(stack).or_default().1 += ticks;
    }

    /// A call counts where it ends.
    fn leave(&mut self) -> Option<u32> {
        let part = self.part;
        let stack = self.stack();
        let whole = stack.clone();
        let function = stack.pop()?;
        let rest = stack.clone();
        let figures = self.parts.entry(part).or_default();
        count(figures, &whole, &rest, function);
        Some(function)
    }

    fn switch(&mut self, to: usize) {
        let part = self.part;
        self.stacks.entry(self.running).or_default().1 = part;
        self.running = to;
        let (stack, part) = self.stacks.entry(to).or_default();
        if !stack.is_empty() {
            self.part = *part;
        }
    }

    /// As if all calls that are open returned now, each in the part that its stack is in.
    fn with_open(&self) -> BTreeMap<u32, Figures> {
        let mut parts = self.parts.clone();
        for (id, (stack, part)) in &self.stacks {
            let part = if *id == self.running { self.part } else { *part };
            let mut rest = stack.clone();
            while let Some(function) = rest.last().copied() {
                let whole = rest.clone();
                rest.pop();
                count(parts.entry(part).or_default(), &whole, &rest, function);
            }
        }
        parts
    }
}

fn count(figures: &mut Figures, whole: &[u32], rest: &[u32], function: u32) {
    add(&mut figures.functions, function, (1, u64::from(rest.contains(&function)), 0, 0));
    if let Some(edge) = edges_of(whole).last() {
        add(&mut figures.edges, edge, (1, u64::from(edges_of(rest).any(|other| other == edge)), 0, 0));
    }
    figures.tree.entry(whole.to_vec()).or_default().0 += 1;
}

thread_local! {
    static NOW: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

fn told() -> Ticks {
    Ticks(NOW.get())
}

struct Subject {
    recorder: Recorder,
    watches: BTreeMap<u32, Watch>,
    now: u64,
}

impl Subject {
    fn new(has_tree: bool, is_compensated: bool) -> Self {
        let mut recorder = Recorder::new(true);
        if is_compensated {
            recorder.compensate(Costs { inside: [3; KINDS], outside: [5; KINDS], ..Costs::default() });
        }
        if has_tree {
            recorder.grow_tree(Limits::new(1000, 100_000));
        }
        for (key, function) in KEYS.into_iter().zip(0..) {
            recorder.define(key, FunctionId(function), Kind::default());
        }
        Self { recorder, watches: BTreeMap::new(), now: 0 }
    }

    fn now(&self) -> Ticks {
        Ticks(self.now)
    }

    fn enter(&mut self, function: u32) {
        assert!(self.recorder.enter(KEYS[function as usize]));
        self.recorder.prepare();
        self.recorder.start_extended(self.now(), self.now());
    }

    fn leave(&mut self, function: u32) {
        assert!(self.recorder.leave_extended(KEYS[function as usize], self.now()));
    }

    fn switch(&mut self, to: usize) {
        let now = self.now();
        self.recorder.switch(StackId(to), now, || now);
    }

    fn parts(&self) -> Vec<(u32, std::sync::Arc<Tables>)> {
        self.recorder.parts().map(|(part, tables)| (part.0, std::sync::Arc::clone(tables))).collect()
    }

    /// Finished and open calls together.
    fn live(&mut self, has_tree: bool) -> BTreeMap<u32, Figures> {
        NOW.set(self.now);
        let mut parts = BTreeMap::new();
        for (part, tables) in self.parts() {
            let watch = self.watches.entry(part).or_default();
            watch.read(&tables, Some(told), has_tree);
            let reading = Reader::default().read(&tables, Some(told));
            let watched: Vec<_> = watch.functions().iter().map(|row| (row.of, row.numbers)).collect();
            assert_eq!(watched, reading.functions);
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
            let mut stacks = vec![Vec::new()];
            for (place, node) in watch.tree().nodes().iter().enumerate().skip(1) {
                let stack = [&stacks[node.parent as usize][..], &[node.function.0]].concat();
                let open = watch.tree().open(place as u32);
                figures.tree.insert(stack.clone(), (node.calls + open.calls, node.own + open.own));
                stacks.push(stack);
            }
            parts.insert(part, figures);
        }
        parts
    }

    /// All calls ended, where their stacks were.
    fn finished(&mut self) -> BTreeMap<u32, Figures> {
        self.recorder.leave_all(self.now());
        self.recorder.leave_suspended();
        let mut parts = BTreeMap::new();
        for (part, tables) in self.parts() {
            let mut totals = Totals::default();
            totals.add_part(&tables);
            let row = |counts: &Counts| {
                (counts.calls, counts.recursive_calls, counts.total.signed(), counts.own.signed())
            };
            let mut figures = Figures::default();
            for (function, counts) in totals.functions_with_time() {
                figures.functions.insert(function.0, row(&counts));
            }
            for ((caller, callee), counts) in totals.edges() {
                figures.edges.insert((caller.0, callee.0), row(counts));
            }
            let mut tree = TreeTotals::default();
            tree.add(&tables);
            let mut stacks = vec![Vec::new()];
            for node in tree.nodes().iter().skip(1) {
                let stack = [&stacks[node.parent as usize][..], &[node.function.0]].concat();
                figures.tree.insert(stack.clone(), (node.counts.calls, node.counts.own.signed()));
                stacks.push(stack);
            }
            parts.insert(part, figures);
        }
        parts
    }
}

/// Without rows that say nothing; without a tree there are no stacks.
fn shown(parts: &BTreeMap<u32, Figures>, has_tree: bool) -> BTreeMap<u32, Figures> {
    let mut parts = parts.clone();
    for figures in parts.values_mut() {
        figures.functions.retain(|_, row| *row != Row::default());
        figures.edges.retain(|_, row| *row != Row::default());
        figures.tree.retain(|_, row| has_tree && *row != (0, 0));
    }
    parts.retain(|_, figures| *figures != Figures::default());
    parts
}

/// The same without times.
fn counts_of(parts: &BTreeMap<u32, Figures>) -> BTreeMap<u32, Figures> {
    let mut parts = parts.clone();
    for figures in parts.values_mut() {
        let untimed = |row: &mut Row| (row.2, row.3) = (0, 0);
        figures.functions.values_mut().for_each(untimed);
        figures.edges.values_mut().for_each(untimed);
        figures.tree.clear();
    }
    shown(&parts, false)
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Enter(u32),
    Leave,
    GoOnIn(u32),
    Switch(usize),
    Look,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u32..4).prop_map(Step::Enter),
        4 => Just(Step::Leave),
        4 => (0_u32..3).prop_map(Step::GoOnIn),
        2 => (0_usize..3).prop_map(Step::Switch),
        1 => Just(Step::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    /// Each moment is in the part that the thread was in, and each call in the one in which it ended.
    #[test]
    fn each_part_has_its_own(
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
                    reference.stack().push(function);
                }
                Step::Leave => {
                    if let Some(function) = reference.leave() {
                        subject.leave(function);
                    }
                }
                Step::GoOnIn(part) => {
                    let before = subject.recorder.parts().count();
                    let now = subject.now();
                    let is_new = subject.recorder.go_on_in(PartId(part), now).is_some();
                    prop_assert_eq!(subject.recorder.parts().count(), before + usize::from(is_new));
                    reference.part = part;
                }
                Step::Switch(to) => {
                    subject.switch(to);
                    reference.switch(to);
                }
                Step::Look => {
                    let live = shown(&subject.live(has_tree), has_tree);
                    let expected = shown(&reference.with_open(), has_tree);
                    prop_assert_eq!(counts_of(&live), counts_of(&expected));
                    if !is_compensated {
                        prop_assert_eq!(live, expected);
                    }
                }
            }
            prop_assert_eq!(subject.recorder.part().0, reference.part);
        }
        prop_assert_eq!(shown(&subject.finished(), has_tree), shown(&reference.with_open(), has_tree));
    }
}

#[test]
fn a_recorder_begins_in_its_first_part() {
    let mut subject = Subject::new(false, false);
    assert_eq!(subject.recorder.part(), PartId::FIRST);
    let now = subject.now();
    assert!(subject.recorder.go_on_in(PartId::FIRST, now).is_none());
    assert_eq!(subject.recorder.parts().count(), 1);
}

#[test]
fn an_event_is_not_before_the_part_in_which_it_counts() {
    let mut subject = Subject::new(false, false);
    subject.enter(0);
    let met = subject.now();
    subject.now += 5;
    let now = subject.now();
    subject.recorder.go_on_in(PartId(1), now);
    assert_eq!(subject.recorder.time_of_event(met), now);
    let later = Ticks(now.0 + 1);
    assert_eq!(subject.recorder.time_of_event(later), later);
}

#[test]
fn what_recording_took_is_taken_out_of_the_part_in_which_it_did() {
    let mut subject = Subject::new(false, true);
    subject.enter(0);
    for part in [1, 2] {
        let now = subject.now();
        subject.recorder.go_on_in(PartId(part), now);
        for _ in 0..part * 100 {
            subject.enter(1);
            subject.now += 20;
            subject.leave(1);
        }
    }
    subject.recorder.leave_all(Ticks(subject.now));
    let own_excess = |part: usize| {
        let mut totals = Totals::default();
        totals.add_part(&subject.parts()[part].1);
        let (_, counts) = totals.functions_with_time().find(|(function, _)| function.0 == 0).unwrap();
        counts.own_excess.0
    };
    let (once, twice) = (own_excess(1), own_excess(2));
    assert!(once > 0 && twice.abs_diff(2 * once) <= once / 10, "{once} {twice}");
}
