use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::clock;
use crate::recorder::Recorder;
use crate::tables::{Kind, StackId};

const A: usize = 0x1000;
const B: usize = 0x2000;

/// All tests but one stand at this moment.
fn at_100() -> Ticks {
    Ticks(100)
}

fn recorder() -> Recorder {
    let mut recorder = Recorder::new(true);
    recorder.define(A, FunctionId(0), Kind::default());
    recorder.define(B, FunctionId(1), Kind::default());
    recorder
}

fn enter(recorder: &mut Recorder, key: usize, now: u64) {
    assert!(recorder.enter(key));
    recorder.start(Ticks(now));
}

fn read(recorder: &Recorder) -> Reading {
    Reader::default().read(recorder.tables(), Some(at_100))
}

/// (finished, recursive, open, own in flight, total in flight)
fn function(reading: &Reading, id: u32) -> (u64, u64, u64, i64, i64) {
    let (_, numbers) = reading.functions.iter().find(|(function, _)| function.0 == id).unwrap();
    figures(numbers)
}

fn edge(reading: &Reading, caller: u32, callee: u32) -> (u64, u64, u64, i64, i64) {
    let pair = (FunctionId(caller), FunctionId(callee));
    figures(&reading.edges.iter().find(|(key, _)| *key == pair).unwrap().1)
}

fn figures(numbers: &Numbers) -> (u64, u64, u64, i64, i64) {
    let Numbers { counts, open } = numbers;
    (counts.calls, counts.recursive_calls, open.calls, open.own, open.total)
}

#[test]
fn open_calls_have_their_time_so_far() {
    let mut recorder = recorder();
    enter(&mut recorder, A, 10);
    enter(&mut recorder, B, 20);
    recorder.leave(B, Ticks(50));
    enter(&mut recorder, B, 70);
    let reading = read(&recorder);
    assert_eq!(function(&reading, 0), (0, 0, 1, 30, 90));
    assert_eq!(function(&reading, 1), (1, 0, 1, 30, 30));
    assert_eq!(edge(&reading, 0, 1), (1, 0, 1, 30, 30));
    assert_eq!(reading.edges.len(), 1);
}

#[test]
fn of_recursive_calls_only_the_outermost_has_a_total() {
    let mut recorder = recorder();
    for (key, now) in [(A, 0), (A, 10), (B, 40), (A, 60)] {
        enter(&mut recorder, key, now);
    }
    let reading = read(&recorder);
    assert_eq!(function(&reading, 0), (0, 0, 3, 10 + 30 + 40, 100));
    assert_eq!(edge(&reading, 0, 0), (0, 0, 1, 30, 90));
    assert_eq!(edge(&reading, 0, 1), (0, 0, 1, 20, 60));
    assert_eq!(edge(&reading, 1, 0), (0, 0, 1, 40, 40));
}

#[test]
fn without_a_clock_open_calls_are_counted_only() {
    let mut recorder = recorder();
    enter(&mut recorder, A, 10);
    let reading = Reader::default().read(recorder.tables(), None);
    assert_eq!(function(&reading, 0), (0, 0, 1, 0, 0));
}

#[test]
fn a_stack_that_is_switched_away_keeps_the_time_that_it_had() {
    let mut recorder = recorder();
    enter(&mut recorder, A, 10);
    enter(&mut recorder, B, 15);
    recorder.switch(StackId(1), Ticks(20), || Ticks(25));
    enter(&mut recorder, B, 30);
    let reading = read(&recorder);
    assert_eq!(function(&reading, 0), (0, 0, 1, 5, 10));
    assert_eq!(function(&reading, 1), (0, 0, 2, 5 + 70, 5 + 70));
    assert_eq!(edge(&reading, 0, 1), (0, 0, 1, 5, 5));
    recorder.switch(StackId::default(), Ticks(90), || Ticks(95));
    assert_eq!(function(&read(&recorder), 1), (0, 0, 2, 10 + 60, 10 + 60));
}

#[test]
fn each_stack_has_an_outermost_call() {
    let mut recorder = recorder();
    for (stack, now) in [(1, 10), (2, 20), (3, 30)] {
        recorder.switch(StackId(stack), Ticks(now), || Ticks(now));
        enter(&mut recorder, A, now);
        enter(&mut recorder, A, now + 1);
    }
    for clock in [Some(at_100 as fn() -> Ticks), None] {
        let reading = Reader::default().read(recorder.tables(), clock);
        let open = reading.functions[0].1.open;
        let times = if clock.is_some() { 10 + 10 + 70 } else { 0 };
        assert_eq!(open, Open { calls: 6, outermost: 3, own: times, total: times, idle: 0 });
        let open = reading.edges[0].1.open;
        let times = if clock.is_some() { 9 + 9 + 69 } else { 0 };
        assert_eq!(open, Open { calls: 3, outermost: 3, own: times, total: times, idle: 0 });
    }
}

#[test]
fn a_reading_agrees_with_the_totals_when_nothing_is_open() {
    let mut recorder = recorder();
    for now in [0, 10] {
        enter(&mut recorder, A, now);
        enter(&mut recorder, A, now + 2);
        recorder.leave(A, Ticks(now + 3));
        recorder.leave(A, Ticks(now + 7));
    }
    let mut totals = crate::Totals::default();
    totals.add(recorder.tables());
    let reading = read(&recorder);
    let finished: Vec<_> =
        reading.functions.iter().filter(|(_, n)| n.counts.calls > 0).map(|(f, n)| (*f, n.counts)).collect();
    assert_eq!(finished, totals.functions().collect::<Vec<_>>());
    let edges: Vec<_> = reading.edges.iter().map(|(pair, numbers)| (*pair, numbers.counts)).collect();
    assert_eq!(edges, totals.edges());
    assert!(reading.functions.iter().all(|(_, numbers)| numbers.open == Open::default()));
}

#[test]
fn later_readings_keep_the_order() {
    let mut recorder = recorder();
    enter(&mut recorder, A, 0);
    let first = read(&recorder);
    enter(&mut recorder, B, 5);
    enter(&mut recorder, A, 6);
    let second = read(&recorder);
    let functions = |reading: &Reading| reading.functions.iter().map(|(id, _)| *id).collect::<Vec<_>>();
    let edges = |reading: &Reading| reading.edges.iter().map(|(pair, _)| *pair).collect::<Vec<_>>();
    assert!(functions(&second).starts_with(&functions(&first)));
    assert!(edges(&second).starts_with(&edges(&first)));
}

#[test]
fn compensation_is_taken_out_of_open_calls_too() {
    let mut recorder = recorder();
    recorder.compensate(crate::Costs::default());
    assert!(recorder.enter(A));
    recorder.start_extended(Ticks(0), Ticks(10));
    // The hook of the inner call takes 15.
    assert!(recorder.enter(B));
    recorder.start_extended(Ticks(35), Ticks(50));
    let reading = read(&recorder);
    assert_eq!(function(&reading, 1), (0, 0, 1, 50, 50));
    assert_eq!(function(&reading, 0), (0, 0, 1, 40 - 15, 90 - 15));
}

#[test]
fn a_reader_beside_a_busy_writer_makes_no_time_up() {
    const DEPTH: u64 = 40;
    const ROUNDS: u64 = 300;
    const READINGS: u64 = 20;
    clock::start();
    let began = clock::now();
    let mut recorder = recorder();
    let tables = Arc::clone(recorder.tables());
    let is_over = AtomicBool::new(false);
    let begun = AtomicU64::new(0);
    let readings = AtomicU64::new(0);
    let rounds = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reader = Reader::default();
            while !is_over.load(Ordering::Acquire) {
                let reading = reader.read(&tables, Some(clock::now));
                // As it is on screen: all the time that functions spent in themselves can't be more than has passed.
                let own: i64 =
                    reading.functions.iter().map(|(_, n)| n.counts.own.signed() + n.open.own).sum();
                let passed = clock::now().since(began).signed();
                assert!(own <= passed, "{own} of {passed} ticks");
                let calls: u64 = reading.functions.iter().map(|(_, n)| n.counts.calls + n.open.calls).sum();
                assert!(calls <= begun.load(Ordering::Acquire), "a call was counted twice");
                readings.fetch_add(1, Ordering::Release);
            }
        });
        let mut rounds = 0;
        while rounds < ROUNDS || (readings.load(Ordering::Acquire) < READINGS && !reader.is_finished()) {
            rounds += 1;
            for depth in 0..DEPTH {
                begun.fetch_add(1, Ordering::Release);
                assert!(recorder.enter(if depth % 3 == 0 { B } else { A }));
                recorder.start(clock::now());
                std::hint::black_box((0..50).sum::<u64>());
            }
            for depth in (0..DEPTH).rev() {
                let now = clock::now();
                recorder.leave(if depth % 3 == 0 { B } else { A }, now);
            }
        }
        is_over.store(true, Ordering::Release);
        reader.join().expect("it saw nothing impossible");
        rounds
    });
    let reading = Reader::default().read(recorder.tables(), Some(clock::now));
    let calls: u64 = reading.functions.iter().map(|(_, numbers)| numbers.counts.calls).sum();
    assert_eq!(calls, DEPTH * rounds);
}
