use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::details::Details;
use crate::tables::{Kind, Pauses};
use crate::{Counts, FunctionId, Recorder, StackId, Ticks, Totals, hook_tests};

const MAIN: usize = 64;
const WORK: usize = 128;
const SLEEP: usize = 192;
/// In ticks.
const PATIENCE: u64 = 10;

/// A thread that works, sleeps and calls, by two clocks.
struct Thread {
    recorder: Recorder,
    now: u64,
    ran: Arc<AtomicU64>,
    readings: Arc<AtomicU64>,
}

impl Thread {
    fn new() -> Self {
        let (ran, readings) = (Arc::new(AtomicU64::new(500)), Arc::new(AtomicU64::new(0)));
        let mut recorder = Recorder::new(true);
        let mut details = Details::default();
        let (clock, read) = (Arc::clone(&ran), Arc::clone(&readings));
        let processor = move || {
            read.fetch_add(1, Ordering::Relaxed);
            Some(Ticks(clock.load(Ordering::Relaxed)))
        };
        details.tell_idleness(Box::new(processor), Ticks(PATIENCE));
        recorder.keep(details);
        for key in [MAIN, WORK, SLEEP] {
            recorder.define_pausing(key, FunctionId(key as u32 / 64), Kind::default(), Pauses::Never);
        }
        Self { recorder, now: 1000, ran, readings }
    }

    fn work(&mut self, ticks: u64) -> &mut Self {
        self.ran.fetch_add(ticks, Ordering::Relaxed);
        self.sleep(ticks)
    }

    fn sleep(&mut self, ticks: u64) -> &mut Self {
        self.now += ticks;
        self
    }

    fn enter(&mut self, key: usize) -> &mut Self {
        hook_tests::enter(&mut self.recorder, key, Ticks(self.now));
        self
    }

    fn leave(&mut self, key: usize) -> &mut Self {
        hook_tests::leave(&mut self.recorder, key, Ticks(self.now));
        self
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        totals.add(self.recorder.tables());
        totals
    }

    /// What a processor had of a function: in itself, and in all.
    fn ran(&self, key: usize) -> (u64, u64) {
        let id = FunctionId(key as u32 / 64);
        ran(&self.totals().functions().find(|(function, _)| *function == id).expect("it was called").1)
    }
}

fn ran(counts: &Counts) -> (u64, u64) {
    (counts.own.since(counts.idle_own).0, counts.total.since(counts.idle_total).0)
}

#[test]
fn work_and_sleep_are_told_apart() {
    let mut thread = Thread::new();
    thread.enter(MAIN).work(100).sleep(50);
    thread.enter(WORK).work(200).leave(WORK);
    thread.work(30).enter(SLEEP).work(3).sleep(700).leave(SLEEP);
    thread.work(40).sleep(60).leave(MAIN);
    assert_eq!(thread.ran(WORK), (200, 200));
    assert_eq!(thread.ran(SLEEP), (3, 3));
    assert_eq!(thread.ran(MAIN), (170, 373));
    let totals = thread.totals();
    let edges: Vec<_> = totals.edges().iter().map(|(pair, counts)| (pair.1.0, ran(counts))).collect();
    assert_eq!(edges, [(2, (200, 200)), (3, (3, 3))]);
}

#[test]
fn short_gaps_are_work_and_ask_nobody() {
    let mut thread = Thread::new();
    thread.enter(MAIN);
    let before = thread.readings.load(Ordering::Relaxed);
    for _ in 0..1000 {
        thread.work(PATIENCE / 2).enter(WORK).work(PATIENCE).leave(WORK);
    }
    assert_eq!(thread.readings.load(Ordering::Relaxed), before);
    // The first long gap finds none of that to have been idle.
    thread.sleep(500).leave(MAIN);
    assert_eq!(thread.ran(WORK), (1000 * PATIENCE, 1000 * PATIENCE));
    assert_eq!(thread.ran(MAIN).0, 1000 * (PATIENCE / 2));
}

#[test]
fn a_call_that_begins_after_a_gap_has_none_of_it() {
    let mut thread = Thread::new();
    thread.enter(MAIN).sleep(300).enter(WORK).work(100).enter(WORK).sleep(20).leave(WORK).leave(WORK);
    thread.leave(MAIN);
    assert_eq!(thread.ran(MAIN), (0, 100));
    assert_eq!(thread.ran(WORK), (100, 100));
}

#[test]
fn recursion_is_counted_once() {
    let mut thread = Thread::new();
    thread.enter(WORK).work(20).sleep(30);
    thread.enter(WORK).work(40).sleep(50);
    thread.leave(WORK).work(15).leave(WORK);
    assert_eq!(thread.ran(WORK), (75, 75));
}

#[test]
fn a_stack_that_is_switched_away_has_nothing_of_others() {
    let mut thread = Thread::new();
    thread.enter(MAIN).work(50);
    let now = Ticks(thread.now);
    thread.recorder.switch(StackId(1), now, || now);
    thread.enter(WORK).work(30).sleep(400).leave(WORK);
    let now = Ticks(thread.now);
    thread.recorder.switch(StackId(0), now, || now);
    thread.work(20).sleep(25).leave(MAIN);
    assert_eq!(thread.ran(MAIN), (70, 70));
    assert_eq!(thread.ran(WORK), (30, 30));
}

#[test]
fn a_clock_that_is_ahead_is_no_negative_time() {
    let mut thread = Thread::new();
    // The processor's clock ticks a little faster.
    thread.enter(MAIN);
    thread.ran.fetch_add(200, Ordering::Relaxed);
    thread.now += 190;
    thread.enter(WORK).work(50).leave(WORK).leave(MAIN);
    assert_eq!(thread.ran(MAIN), (190, 240));
}

#[test]
fn what_is_waited_for_the_gil_is_taken_out_once() {
    let mut thread = Thread::new();
    let clock = Arc::clone(&thread.ran);
    let processor = move || Some(Ticks(clock.load(Ordering::Relaxed)));
    thread.recorder.tell_waits(Some((Box::new(processor), Ticks(100))));
    thread.enter(MAIN).work(200).enter(WORK).work(50).leave(WORK);
    thread.work(20).sleep(5000).enter(WORK).work(70).leave(WORK).work(10).leave(MAIN);
    let totals = thread.totals();
    let main = totals.functions().find(|(function, _)| function.0 == 1).expect("it was called").1;
    // Nothing may have slept in the 50 between the last look and the last event.
    assert_eq!((main.waited.0, main.own.0, main.idle_own.0), (5000, 230, 0));
    assert_eq!(thread.ran(MAIN), (230, 350));
}
