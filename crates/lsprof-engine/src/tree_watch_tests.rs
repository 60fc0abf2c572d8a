use proptest::prelude::*;

use super::*;
use crate::clock::Ticks;
use crate::excess::Costs;
use crate::recorder::Recorder;
use crate::tables::{KINDS, Kind};
use crate::tree::Limits;
use crate::watch::Watch;

const KEYS: [usize; 3] = [0x1000, 0x2000, 0x3000];

fn at_the_end() -> Ticks {
    Ticks(1_000_000)
}

fn recorder(limits: Limits, is_compensated: bool) -> Recorder {
    let mut recorder = Recorder::new(true);
    if is_compensated {
        let costs = Costs { inside: [3; KINDS], outside: [5; KINDS], ..Costs::default() };
        recorder.compensate(costs);
    }
    recorder.grow_tree(limits);
    for (key, function) in KEYS.into_iter().zip(0..) {
        recorder.define(key, FunctionId(function), Kind::default());
    }
    recorder
}

fn enter(recorder: &mut Recorder, key: usize, now: u64) {
    assert!(recorder.enter(key));
    recorder.prepare();
    recorder.start_extended(Ticks(now), Ticks(now));
}

fn leave(recorder: &mut Recorder, key: usize, now: u64) {
    recorder.leave_extended(key, Ticks(now));
}

fn read<'w>(watch: &'w mut Watch, recorder: &Recorder) -> &'w TreeWatch {
    watch.read(recorder.tables(), Some(at_the_end), true);
    watch.tree()
}

/// Parent, function, finished calls, own time; open calls, their own time and all of it.
fn rows(tree: &TreeWatch) -> Vec<(u32, u32, u64, i64, u64, i64, i64)> {
    let row = |(node, place): (&WatchedNode, u32)| {
        let open = tree.open(place);
        (node.parent, node.function.0, node.calls, node.own, open.calls, open.own, open.total)
    };
    tree.nodes().iter().zip(0..).skip(1).map(row).collect()
}

#[test]
fn open_calls_are_in_their_stacks() {
    let mut recorder = recorder(Limits::new(10, 100), false);
    let mut watch = Watch::default();
    enter(&mut recorder, KEYS[0], 100);
    enter(&mut recorder, KEYS[1], 110);
    leave(&mut recorder, KEYS[1], 140);
    enter(&mut recorder, KEYS[0], 200);
    let end = 1_000_000;
    let expected =
        [(0, 0, 0, 0, 1, 100 - 30, end - 100), (1, 1, 1, 30, 0, 0, 0), (1, 0, 0, 0, 1, end - 200, end - 200)];
    assert_eq!(rows(read(&mut watch, &recorder)), expected);
}

#[test]
fn only_nodes_that_changed_are_marked() {
    let mut recorder = recorder(Limits::new(10, 100), false);
    let mut watch = Watch::default();
    enter(&mut recorder, KEYS[0], 0);
    enter(&mut recorder, KEYS[1], 10);
    leave(&mut recorder, KEYS[1], 20);
    let changed = |tree: &TreeWatch| tree.nodes()[1..].iter().map(|node| node.changed).collect::<Vec<_>>();
    assert_eq!(changed(read(&mut watch, &recorder)), [1, 1]);
    assert_eq!(changed(read(&mut watch, &recorder)), [2, 1], "the open one goes on");
    leave(&mut recorder, KEYS[0], 30);
    read(&mut watch, &recorder);
    assert_eq!(changed(read(&mut watch, &recorder)), [3, 1]);
    watch.read(recorder.tables(), Some(at_the_end), false);
    assert_eq!(watch.tree().update(), 4, "it was not asked for");
}

#[test]
fn without_a_tree_there_are_no_nodes() {
    let mut recorder = Recorder::new(true);
    recorder.define(KEYS[0], FunctionId(0), Kind::default());
    recorder.enter(KEYS[0]);
    recorder.start(Ticks(1));
    assert!(read(&mut Watch::default(), &recorder).nodes().is_empty());
}

#[test]
fn without_a_clock_open_calls_have_no_time() {
    let mut recorder = recorder(Limits::new(10, 100), false);
    let mut watch = Watch::default();
    enter(&mut recorder, KEYS[0], 100);
    watch.read(recorder.tables(), None, true);
    assert_eq!(rows(watch.tree()), [(0, 0, 0, 0, 1, 0, 0)]);
}

/// A thread that calls while another one reads: a stack is never counted more often than it was called, and nothing is lost
/// in the end.
#[test]
fn a_tree_may_be_read_while_it_grows() {
    use std::sync::atomic::{AtomicU64, Ordering};
    const ROUNDS: u64 = 20_000;
    let mut recorder = recorder(Limits::new(10, 1000), false);
    let tables = std::sync::Arc::clone(recorder.tables());
    let begun = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut watch = Watch::default();
            while begun.load(Ordering::SeqCst) < ROUNDS {
                watch.read(&tables, Some(at_the_end), true);
                let most = begun.load(Ordering::SeqCst);
                for (place, node) in watch.tree().nodes().iter().enumerate().skip(1) {
                    let open = watch.tree().open(place as u32);
                    assert!(open.calls <= 1, "{open:?}");
                    assert!(node.calls + open.calls <= most, "{node:?} {open:?} of {most}");
                }
            }
            watch.read(&tables, Some(at_the_end), true);
            watch
        });
        for round in 0..ROUNDS {
            begun.store(round + 1, Ordering::SeqCst);
            let key = KEYS[round as usize % 3];
            enter(&mut recorder, key, round);
            enter(&mut recorder, KEYS[0], round);
            leave(&mut recorder, KEYS[0], round);
            leave(&mut recorder, key, round);
        }
        let mut watch = reader.join().expect("it saw nothing impossible");
        let tree = read(&mut watch, &recorder);
        let calls: u64 = tree.nodes().iter().map(|node| node.calls).sum();
        assert_eq!(calls, 2 * ROUNDS);
    });
}

proptest! {
    /// What is open counts as it does when it ends at that moment, also what the limits cut.
    #[test]
    fn open_calls_are_what_they_become(
        steps in prop::collection::vec((0_usize..6, 0_u64..50), 1..150),
        depth in 1_u32..6,
        nodes in 0_usize..12,
        is_compensated in any::<bool>(),
    ) {
        let mut recorder = recorder(Limits::new(depth, nodes), is_compensated);
        let mut watch = Watch::default();
        let (mut open, mut now) = (Vec::new(), 0);
        for (step, later) in steps {
            now += later;
            match (step, open.last()) {
                (0..=2, _) => {
                    enter(&mut recorder, KEYS[step], now);
                    open.push(KEYS[step]);
                }
                (3 | 4, Some(&key)) => {
                    leave(&mut recorder, key, now);
                    open.pop();
                }
                _ => drop(read(&mut watch, &recorder)),
            }
        }
        let before = rows(read(&mut watch, &recorder));
        let bottom = (watch.tree().nodes()[0].own, watch.tree().open(BOTTOM).own);
        let mut afresh = Watch::default();
        prop_assert_eq!(&before, &rows(read(&mut afresh, &recorder)));
        while recorder.is_open() {
            recorder.leave_top(at_the_end());
        }
        let after = rows(read(&mut watch, &recorder));
        prop_assert_eq!(before.len(), after.len());
        for (was, is) in before.iter().zip(&after) {
            prop_assert_eq!((was.0, was.1, was.2 + was.4), (is.0, is.1, is.2));
            if !is_compensated {
                prop_assert_eq!(was.3 + was.5, is.3);
            }
            prop_assert_eq!((is.4, is.5, is.6), (0, 0, 0));
        }
        if !is_compensated {
            prop_assert_eq!(bottom.0 + bottom.1, watch.tree().nodes()[0].own);
        }
    }
}
