//! Waiting, under scripts of events with two clocks: the wall's, and what the thread has had of a processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::excess::Costs;
use crate::in_flight::Reader;
use crate::recorder::Recorder;
use crate::tables::{Counts, FunctionId, Key, Kind, Pauses, StackId};
use crate::totals::Totals;
use crate::watch::Watch;

const WORK: Key = 0x1000;
const INNER: Key = 0x2000;
const SLEEP: Key = 0x3000;
const HIDDEN_SLEEP: Key = 0x4000;
const SUM: Key = 0x5000;
const HIDDEN: Key = 0x6000;

const PERIOD: u64 = 100;

/// A recorder that knows two functions and two built-ins, as functions 0 to 3, and both clocks.
struct Script {
    recorder: Recorder,
    now: u64,
    ran: Arc<AtomicU64>,
}

impl Script {
    fn new() -> Self {
        let mut recorder = Recorder::new(true);
        recorder.define(WORK, FunctionId(0), Kind::default());
        recorder.define(INNER, FunctionId(1), Kind::default());
        recorder.define_pausing(SLEEP, FunctionId(2), Kind::default(), Pauses::Anywhere);
        recorder.define_pausing(SUM, FunctionId(3), Kind::default(), Pauses::BeforeItEnds);
        recorder.hide(HIDDEN_SLEEP, Kind::default(), Pauses::Anywhere);
        recorder.hide(HIDDEN, Kind::default(), Pauses::Never);
        let mut script = Self { recorder, now: 1_000, ran: Arc::default() };
        script.watch();
        script
    }

    fn watch(&mut self) {
        self.watch_every(PERIOD);
    }

    fn watch_every(&mut self, period: u64) {
        let ran = Arc::clone(&self.ran);
        let processor = Box::new(move || Some(Ticks(ran.load(Ordering::Relaxed))));
        self.recorder.tell_waits(Some((processor, Ticks(period))));
    }

    fn enter(&mut self, key: Key) -> &mut Self {
        let now = Ticks(self.now);
        if !self.recorder.enter_quickly(key, || now) {
            match self.recorder.enter(key) {
                true => self.recorder.start(now),
                false => self.recorder.enter_hidden(now),
            }
        }
        self
    }

    fn leave(&mut self, key: Key) -> &mut Self {
        let now = Ticks(self.now);
        _ = self.recorder.leave_quickly(key, now) || self.recorder.leave_extended(key, now);
        self
    }

    /// The thread runs.
    fn run(&mut self, ticks: u64) -> &mut Self {
        self.ran.fetch_add(ticks, Ordering::Relaxed);
        self.rest(ticks)
    }

    /// The thread waits, or sleeps.
    fn rest(&mut self, ticks: u64) -> &mut Self {
        self.now += ticks;
        self
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        totals.add(self.recorder.tables());
        totals
    }

    /// (calls, total, own, waited)
    fn function(&self, id: u32) -> (u64, u64, u64, u64) {
        let totals = self.totals();
        let found = totals.functions().find(|(function, _)| function.0 == id);
        found.map(|(_, counts)| numbers(&counts)).unwrap_or_default()
    }

    fn edge(&self, caller: u32, callee: u32) -> (u64, u64, u64, u64) {
        let totals = self.totals();
        let found = totals.edges().iter().find(|(pair, _)| *pair == (FunctionId(caller), FunctionId(callee)));
        found.map(|(_, counts)| numbers(counts)).unwrap_or_default()
    }
}

fn numbers(counts: &Counts) -> (u64, u64, u64, u64) {
    (counts.calls, counts.total.0, counts.own.0, counts.waited.0)
}

#[test]
fn waits_that_are_short_and_many_are_found_by_looking_sooner() {
    for wait in [0, 2_000, 5_000, 9_000] {
        let mut script = Script::new();
        script.watch_every(10_000);
        script.enter(WORK);
        for _ in 0..10_000 {
            script.run(800).enter(INNER).run(300).leave(INNER).rest(wait).enter(INNER).run(300).leave(INNER);
        }
        script.leave(WORK);
        let own = script.function(0).2 + script.function(1).2;
        let ran = 14_000_000;
        assert!((ran..ran / 100 * 105).contains(&own), "{wait}: {own}");
    }
}

#[test]
fn what_is_waited_is_in_no_call_that_is_open() {
    let mut script = Script::new();
    script.enter(WORK).run(1_000).enter(INNER).run(500).rest(5_000).run(500).leave(INNER).run(7).leave(WORK);
    assert_eq!(script.function(1), (1, 1_000, 1_000, 5_000));
    assert_eq!(script.edge(0, 1), (1, 1_000, 1_000, 5_000));
    assert_eq!(script.function(0), (1, 2_007, 1_007, 0));
}

#[test]
fn a_caller_s_waiting_is_found_where_it_calls() {
    let mut script = Script::new();
    script.enter(WORK).run(200).rest(5_000).enter(INNER).run(300).leave(INNER).leave(WORK);
    assert_eq!(script.function(0), (1, 500, 200, 5_000));
    assert_eq!(script.function(1), (1, 300, 300, 0));
}

#[test]
fn what_a_built_in_sleeps_is_its_own() {
    let mut script = Script::new();
    script.enter(WORK).run(200).enter(SLEEP).run(10).rest(5_000).leave(SLEEP).run(200).leave(WORK);
    assert_eq!(script.function(2), (1, 5_010, 5_010, 0));
    assert_eq!(script.function(0), (1, 5_410, 400, 0));
}

#[test]
fn where_a_built_in_only_calls_its_thread_waits() {
    let mut script = Script::new();
    script.enter(WORK).enter(SUM).run(200).rest(5_000).enter(INNER).run(300).leave(INNER);
    script.run(10).rest(2_000).enter(INNER).run(300).leave(INNER).run(10).leave(SUM).leave(WORK);
    assert_eq!(script.function(3), (1, 820, 220, 7_000));
    assert_eq!(script.edge(0, 3), (1, 820, 220, 7_000));
    assert_eq!(script.function(1), (2, 600, 600, 0));
    assert_eq!(script.function(0), (1, 820, 0, 0));
}

#[test]
fn what_a_built_in_sleeps_after_its_calls_or_without_any_is_its_own() {
    let mut script = Script::new();
    script.enter(WORK).enter(SUM).run(10).rest(5_000).leave(SUM);
    script.enter(SUM).enter(INNER).run(300).leave(INNER).run(10).rest(2_000).leave(SUM).leave(WORK);
    assert_eq!(script.function(3), (2, 7_320, 7_020, 0));
}

#[test]
fn what_a_built_in_sleeps_that_calls_back_is_its_own() {
    let mut script = Script::new();
    script.enter(WORK).enter(SLEEP).run(10).rest(5_000).enter(INNER).run(300).rest(700).leave(INNER);
    script.rest(2_000).leave(SLEEP).leave(WORK);
    assert_eq!(script.function(2), (1, 7_310, 7_010, 0));
    assert_eq!(script.function(1), (1, 300, 300, 700));
}

#[test]
fn a_hidden_function_that_a_built_in_calls_waits_as_another_one() {
    let mut script = Script::new();
    script.enter(WORK).enter(SUM).run(200).rest(5_000).enter(HIDDEN).run(300).leave(HIDDEN).leave(SUM);
    assert_eq!(script.function(3), (1, 500, 500, 5_000));
    script.enter(SLEEP).run(200).rest(5_000).enter(HIDDEN).run(300).leave(HIDDEN).leave(SLEEP).leave(WORK);
    assert_eq!(script.function(2), (1, 5_500, 5_500, 0));
}

#[test]
fn what_a_hidden_built_in_sleeps_is_no_waiting_of_its_caller_s() {
    let mut script = Script::new();
    script.enter(WORK).run(200).enter(HIDDEN_SLEEP).rest(5_000).leave(HIDDEN_SLEEP).run(200);
    script.rest(3_000).leave(WORK);
    assert_eq!(script.function(0), (1, 5_400, 5_400, 3_000));
}

#[test]
fn short_sleeps_before_it_are_not_taken_for_waiting() {
    let mut script = Script::new();
    script.enter(WORK);
    for _ in 0..50 {
        // Less than the period each, in built-ins; then a longer stretch of work.
        script.run(5).enter(SLEEP).rest(70).leave(SLEEP).run(150).enter(INNER).leave(INNER);
    }
    script.leave(WORK);
    assert_eq!(script.function(0), (1, 50 * 225, 50 * 155, 0));
}

#[test]
fn what_came_before_the_gap_is_waiting_too_but_for_what_may_have_slept() {
    let mut script = Script::new();
    script.enter(WORK).enter(INNER).leave(INNER);
    // Work, and a short sleep, shortly before a long wait.
    script.run(60).enter(INNER).run(5).leave(INNER).run(20).rest(5_000).enter(INNER).leave(INNER);
    assert_eq!(script.totals().sum().waited, Ticks(5_000));
    script.run(5).enter(SLEEP).rest(12).leave(SLEEP).run(60).enter(INNER).run(5).leave(INNER);
    script.rest(4_000).enter(INNER).leave(INNER).run(200).leave(WORK);
    assert_eq!(script.totals().sum().waited, Ticks(9_000));
    assert_eq!(script.function(2), (1, 12, 12, 0));
    assert_eq!(script.function(0), (1, 367, 345, 9_000));
}

#[test]
fn while_something_is_open_that_may_sleep_only_the_gap_is_known() {
    let mut script = Script::new();
    script
        .enter(WORK)
        .enter(SLEEP)
        .enter(INNER)
        .leave(INNER)
        .run(10)
        .rest(30)
        .enter(INNER)
        .run(10)
        .leave(INNER);
    script.enter(INNER).run(10).rest(5_000).leave(INNER).leave(SLEEP).leave(WORK);
    let waited = script.function(1).3;
    assert!((4_950..5_000).contains(&waited), "{waited}");
}

#[test]
fn a_thread_that_takes_turns_is_given_what_it_ran() {
    let mut script = Script::new();
    script.enter(WORK);
    let (mut work, mut waits) = (0, 0);
    for turn in 0..200 {
        // Calls of 7, and between two turns 400 to 5,000 of waiting, in the middle of one.
        for _ in 0..700 {
            script.enter(INNER).run(7).leave(INNER);
        }
        let waited = 400 + turn * 23;
        script.enter(INNER).run(3).rest(waited).run(4).leave(INNER);
        work += 701 * 7;
        waits += waited;
    }
    script.leave(WORK);
    let (calls, total, own, waited) = script.function(1);
    assert_eq!((calls, total, own + waited), (200 * 701, own, work + waits));
    assert!(own >= work && own - work < 200 * PERIOD, "{own} of work, which is {work}");
    assert_eq!(script.function(0), (1, total, 0, 0));
}

#[test]
fn recursion_waits_once() {
    let mut script = Script::new();
    script.enter(WORK).run(200).enter(WORK).run(200).rest(5_000).leave(WORK).run(200).leave(WORK);
    assert_eq!(script.function(0), (2, 600, 600, 5_000));
    assert_eq!(script.edge(0, 0), (1, 200, 200, 5_000));
}

#[test]
fn a_stack_that_is_switched_away_waits_before_it_goes() {
    let mut script = Script::new();
    script.recorder.adopt(StackId(1));
    script.enter(WORK).run(200).rest(2_000);
    script.recorder.switch(StackId(2), Ticks(script.now), || Ticks(script.now));
    script.enter(INNER).run(300).rest(3_000).leave(INNER);
    script.recorder.switch(StackId(1), Ticks(script.now), || Ticks(script.now));
    script.run(50).leave(WORK);
    assert_eq!(script.function(0), (1, 250, 250, 2_000));
    assert_eq!(script.function(1), (1, 300, 300, 3_000));
}

#[test]
fn a_stack_of_many_calls_that_misses_its_leaves_ends_as_it_would() {
    let mut script = Script::new();
    script.enter(WORK).run(200).enter(INNER).run(100).rest(900).leave(WORK);
    assert_eq!(script.function(1), (1, 100, 100, 900));
    assert_eq!(script.function(0), (1, 300, 200, 0));
}

#[test]
fn what_waits_at_the_end_is_told() {
    let mut script = Script::new();
    script.enter(WORK).run(200).rest(900);
    script.recorder.leave_all(Ticks(script.now));
    assert_eq!(script.function(0), (1, 200, 200, 900));
}

#[test]
fn an_open_call_s_waiting_counts_and_makes_no_row() {
    let mut script = Script::new();
    script.enter(WORK).enter(INNER).run(200).rest(900).enter(SLEEP).leave(SLEEP);
    assert_eq!(script.totals().sum().waited, Ticks(900));
    assert_eq!((script.function(1), script.edge(0, 1)), ((0, 0, 0, 0), (0, 0, 0, 0)));
}

#[test]
fn whoever_watches_sees_what_each_function_has_waited_so_far() {
    let mut script = Script::new();
    let mut watch = Watch::default();
    let mut read = |script: &Script| {
        watch.read(script.recorder.tables(), None, false);
        let reading = Reader::default().read(script.recorder.tables(), None);
        let waited: Vec<_> = watch.functions().iter().map(|row| row.numbers.counts.waited.0).collect();
        let anew: Vec<_> = reading.functions.iter().map(|(_, numbers)| numbers.counts.waited.0).collect();
        assert_eq!(waited, anew);
        let changed = watch.functions().iter().filter(|row| row.changed == watch.update()).count();
        (waited[0], waited[1], changed)
    };
    script.enter(WORK).run(200).rest(900).enter(INNER).run(200).rest(700).enter(WORK);
    assert_eq!(read(&script), (900, 700, 4));
    assert_eq!(read(&script), (900, 700, 0));
    script.run(200).rest(50).enter(SLEEP);
    assert_eq!(read(&script), (950, 700, 2));
}

#[test]
fn what_a_hook_is_delayed_by_is_taken_out_once() {
    let mut script = Script::new();
    script.recorder.compensate(Costs::default());
    // Each hook is interrupted for 1,000 after it has read the clock first.
    let late = |script: &mut Script, event: &dyn Fn(&mut Recorder, Ticks, Ticks)| {
        let began = script.now;
        script.rest(1_000);
        event(&mut script.recorder, Ticks(began), Ticks(script.now));
    };
    let enter = |script: &mut Script, key: Key| {
        assert!(script.recorder.enter(key));
        late(script, &|recorder, began, now| recorder.start_extended(began, now));
    };
    let leave = |script: &mut Script, key: Key| {
        late(script, &|recorder, began, now| {
            assert!(recorder.leave_extended(key, began));
            recorder.spend(now.since(began));
        });
    };
    enter(&mut script, WORK);
    script.run(200);
    for _ in 0..3 {
        enter(&mut script, INNER);
        script.run(150).rest(700);
        leave(&mut script, INNER);
        script.run(150).rest(300);
    }
    leave(&mut script, WORK);
    let totals = script.totals();
    let own: Vec<_> = totals.functions().map(|(_, counts)| counts.own.since(counts.own_excess).0).collect();
    assert_eq!((own, totals.sum().waited.0), (vec![200 + 3 * 150, 3 * 150], 3 * (700 + 300)));
}

#[test]
fn without_a_clock_nothing_is_told() {
    let mut script = Script::new();
    script.recorder.tell_waits(Some((Box::new(|| None), Ticks(PERIOD))));
    script.enter(WORK).run(200).rest(900).leave(WORK);
    script.recorder.tell_waits(None);
    script.enter(WORK).run(200).rest(900).leave(WORK);
    assert_eq!(script.function(0), (2, 2_200, 2_200, 0));
}

#[test]
fn what_passes_before_the_first_look_is_nobody_s() {
    let mut script = Script::new();
    script.recorder.tell_waits(None);
    script.enter(WORK).run(200).rest(900);
    script.watch();
    script.enter(INNER).run(200).rest(500).leave(INNER).leave(WORK);
    assert_eq!(script.function(0), (1, 1_300, 1_100, 0));
    assert_eq!(script.function(1), (1, 200, 200, 500));
}
