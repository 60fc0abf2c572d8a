//! The recorder under scripts of events and a clock that ticks when told.

use super::*;
use crate::tables::{Counts, KINDS};
use crate::totals::Totals;

const A: Key = 0x1000;
const B: Key = 0x2000;
const C: Key = 0x3000;

/// A recorder that knows A, B and C as functions 0, 1 and 2, and a clock.
struct Script {
    recorder: Recorder,
    now: u64,
}

impl Script {
    fn new() -> Self {
        let mut recorder = Recorder::new(true);
        for (id, key) in [A, B, C].into_iter().enumerate() {
            recorder.define(key, FunctionId(id as u32), Kind::default());
        }
        Self { recorder, now: 1_000 }
    }

    fn enter(&mut self, key: Key) -> &mut Self {
        assert!(self.recorder.enter(key));
        self.recorder.start(Ticks(self.now));
        self
    }

    fn leave(&mut self, key: Key) -> &mut Self {
        self.recorder.leave(key, Ticks(self.now));
        self
    }

    fn wait(&mut self, ticks: u64) -> &mut Self {
        self.now += ticks;
        self
    }

    fn switch(&mut self, to: usize) -> &mut Self {
        self.recorder.switch(StackId(to), Ticks(self.now), || Ticks(self.now));
        self
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        totals.add(self.recorder.tables());
        totals
    }

    /// (calls, recursive calls, total, own)
    fn function(&self, id: u32) -> Option<(u64, u64, u64, u64)> {
        let totals = self.totals();
        totals.functions().find(|(function, _)| function.0 == id).map(|(_, counts)| numbers(&counts))
    }

    fn edge(&self, caller: u32, callee: u32) -> Option<(u64, u64, u64, u64)> {
        let totals = self.totals();
        let found = totals.edges().iter().find(|(pair, _)| *pair == (FunctionId(caller), FunctionId(callee)));
        found.map(|(_, counts)| numbers(counts))
    }
}

fn numbers(counts: &Counts) -> (u64, u64, u64, u64) {
    (counts.calls, counts.recursive_calls, counts.total.0, counts.own.0)
}

#[test]
fn a_call_takes_the_time_between_its_enter_and_its_leave() {
    let mut script = Script::new();
    script.enter(A).wait(10).leave(A);
    assert_eq!(script.function(0), Some((1, 0, 10, 10)));
    assert_eq!(script.edge(0, 0), None, "what has no caller has no edge");
}

#[test]
fn a_callee_s_time_is_taken_out_of_its_caller_s() {
    let mut script = Script::new();
    script.enter(A).wait(1).enter(B).wait(10).leave(B).wait(2).enter(B).wait(20).leave(B).wait(3).leave(A);
    assert_eq!(script.function(0), Some((1, 0, 36, 6)));
    assert_eq!(script.function(1), Some((2, 0, 30, 30)));
    assert_eq!(script.edge(0, 1), Some((2, 0, 30, 30)));
}

#[test]
fn only_the_outermost_activation_adds_to_the_total() {
    let mut script = Script::new();
    script.enter(A).wait(1).enter(A).wait(2).enter(A).wait(4).leave(A).leave(A).leave(A);
    assert_eq!(script.function(0), Some((3, 2, 7, 7)));
    // A called itself twice; the second time inside the first.
    assert_eq!(script.edge(0, 0), Some((2, 1, 6, 6)));
}

#[test]
fn recursion_is_counted_for_each_caller_apart() {
    let mut script = Script::new();
    // A -> B -> A: A is recursive, but each edge is used once at a time.
    script.enter(A).wait(1).enter(B).wait(2).enter(A).wait(4).leave(A).leave(B).leave(A);
    assert_eq!(script.function(0), Some((2, 1, 7, 5)));
    assert_eq!(script.edge(1, 0), Some((1, 0, 4, 4)));
    assert_eq!(script.edge(0, 1), Some((1, 0, 6, 2)));
}

#[test]
fn a_leave_without_its_enter_is_ignored() {
    let mut script = Script::new();
    assert!(!script.recorder.leave(A, Ticks(1)));
    script.enter(A).wait(5);
    assert!(!script.recorder.leave(B, Ticks(1)));
    script.leave(A);
    assert_eq!(script.function(0), Some((1, 0, 5, 5)));
    assert_eq!(script.function(1), None);
}

#[test]
fn frames_that_missed_their_leave_end_with_the_one_below() {
    let mut script = Script::new();
    script.enter(A).wait(1).enter(B).wait(2).enter(C).wait(4).leave(A);
    assert_eq!(script.function(2), Some((1, 0, 4, 4)));
    assert_eq!(script.function(1), Some((1, 0, 6, 2)));
    assert_eq!(script.function(0), Some((1, 0, 7, 1)));
    assert!(!script.recorder.is_open());
}

#[test]
fn an_unknown_function_is_defined_first() {
    let mut script = Script::new();
    assert!(!script.recorder.enter(0x9000));
    assert!(!script.recorder.is_open());
    script.recorder.define(0x9000, FunctionId(9), Kind::default());
    script.enter(0x9000).wait(3).leave(0x9000);
    assert_eq!(script.function(9), Some((1, 0, 3, 3)));
}

#[test]
fn without_subcalls_there_are_no_edges() {
    let mut script = Script::new();
    script.recorder.set_subcalls(false);
    script.enter(A).wait(1).enter(B).wait(2).leave(B).leave(A);
    assert_eq!(script.function(0), Some((1, 0, 3, 1)));
    assert_eq!(script.function(1), Some((1, 0, 2, 2)));
    assert!(script.totals().edges().is_empty());
}

#[test]
fn ending_open_calls_takes_one_reading_for_each() {
    let mut script = Script::new();
    script.enter(A).wait(1).enter(B).wait(2);
    let mut readings = 0;
    while script.recorder.is_open() {
        readings += 1;
        script.now += 1;
        script.recorder.leave_top(Ticks(script.now));
    }
    assert_eq!(readings, 2);
    assert_eq!(script.function(1), Some((1, 0, 3, 3)));
    assert_eq!(script.function(0), Some((1, 0, 5, 2)));
}

#[test]
fn a_stack_stands_still_while_another_runs() {
    let mut script = Script::new();
    script.enter(A).wait(1).switch(7).enter(B).wait(100).switch(0).wait(2).leave(A);
    assert_eq!(script.function(0), Some((1, 0, 3, 3)), "the 100 ticks were the other stack's");
    script.switch(7).wait(5).leave(B);
    assert_eq!(script.function(1), Some((1, 0, 105, 105)));
    assert_eq!(script.edge(0, 1), None, "stacks don't call each other");
}

#[test]
fn suspended_stacks_end_when_they_were_left() {
    let mut script = Script::new();
    script.switch(7).enter(B).wait(10).switch(0).wait(1_000);
    script.recorder.leave_suspended();
    assert_eq!(script.function(1), Some((1, 0, 10, 10)));
}

#[test]
fn thousands_of_stacks_reuse_their_frames() {
    let mut script = Script::new();
    for stack in 1..5_000 {
        script.switch(stack).enter(A).wait(1).leave(A);
    }
    assert_eq!(script.function(0), Some((4_999, 0, 4_999, 4_999)));
    assert!(script.recorder.tables().running.frames.count() < 10);
}

#[test]
fn many_edges_outgrow_the_cache_and_stay_right() {
    let mut recorder = Recorder::new(true);
    let functions = 3_000_u32;
    for id in 0..functions {
        recorder.define(0x1_0000 + id as usize * 64, FunctionId(id), Kind::default());
    }
    for _ in 0..3 {
        for id in 0..functions {
            let key = 0x1_0000 + id as usize * 64;
            let other = 0x1_0000 + ((id * 7 + 1) % functions) as usize * 64;
            assert!(recorder.enter(key) && recorder.enter(other));
            assert!(recorder.leave(other, Ticks(0)) && recorder.leave(key, Ticks(0)));
        }
    }
    let mut totals = Totals::default();
    totals.add(recorder.tables());
    assert_eq!(totals.functions().map(|(_, counts)| counts.calls).sum::<u64>(), 3 * 2 * u64::from(functions));
    assert!(totals.functions().all(|(_, counts)| counts.calls == 6));
    assert!(totals.edges().iter().all(|(_, counts)| counts.calls == 3));
}

#[test]
fn edges_that_share_a_set_of_the_cache_are_both_found_at_a_glance() {
    let mut recorder = Recorder::new(true);
    let set_of = |key| set(edge_hash(recorder.root, key));
    let mut keys = (1..).map(|n| n * 64).filter(|&key| set_of(key) == set_of(64));
    let [first, second, third] = std::array::from_fn(|_| keys.next().expect("there are many"));
    for key in [first, second, third] {
        recorder.define(key, FunctionId(key as u32), Kind::default());
    }
    for key in [first, second, first, second] {
        assert!(recorder.enter(key) && recorder.leave(key, Ticks(0)));
    }
    for key in [first, second, first, second] {
        assert!(recorder.enter_quickly(key, || Ticks(0)) && recorder.leave_quickly(key, Ticks(0)));
    }
    assert!(!recorder.enter_quickly(third, || unreachable!("the clock is read for what was found")));
    assert!(recorder.enter(third) && recorder.leave(third, Ticks(0)));
    assert_eq!([first, second, third].map(|key| recorder.next_edge(key).is_some()), [false, true, true]);
    assert_eq!(recorder.tables().edges.count(), 4, "one for each, and the bottom's");
}

#[test]
fn a_call_is_left_by_its_frame() {
    let mut script = Script::new();
    let nowhere = script.recorder.top();
    script.enter(A);
    let outer = script.recorder.top();
    script.enter(A);
    let inner = script.recorder.top();
    assert!(!script.recorder.leave_frame(outer, A, Ticks(script.now)), "not before the inner one");
    assert!(script.recorder.has_open(outer, A) && script.recorder.has_open(inner, A));
    assert!(!script.recorder.has_open(inner, B) && !script.recorder.has_open(nowhere, A));
    script.wait(2);
    assert!(script.recorder.leave_frame(inner, A, Ticks(script.now)));
    assert!(!script.recorder.leave_frame(inner, A, Ticks(script.now)), "not twice, though another A is open");
    script.wait(3);
    assert!(script.recorder.leave_frame(outer, A, Ticks(script.now)));
    assert_eq!(script.function(0), Some((2, 1, 5, 5)));
}

#[test]
fn a_frame_that_was_used_again_is_another_call() {
    let mut script = Script::new();
    script.enter(A);
    let frame = script.recorder.top();
    script.leave(A).enter(B);
    assert!(script.recorder.top() == frame, "the place is the same");
    assert!(!script.recorder.has_open(frame, A));
    assert!(!script.recorder.leave_frame(frame, A, Ticks(script.now)));
    assert!(script.recorder.is_open());
}

#[test]
fn two_threads_recorders_are_added_up() {
    let mut one = Script::new();
    let mut two = Script::new();
    one.enter(A).enter(B).wait(1).leave(B).leave(A);
    two.enter(A).enter(B).wait(5).leave(B).leave(A);
    let mut totals = one.totals();
    totals.add(two.recorder.tables());
    let edge = totals.edges()[0].1;
    assert_eq!(numbers(&edge), (2, 0, 6, 6));
    assert_eq!(totals.sum().own, Ticks(6));
}

#[test]
fn a_reader_in_another_thread_sees_sound_numbers() {
    let mut script = Script::new();
    let tables = Arc::clone(script.recorder.tables());
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || {
            let mut seen = 0;
            while seen < 100_000 {
                let mut totals = Totals::default();
                totals.add(&tables);
                let calls =
                    totals.functions().find(|(id, _)| id.0 == 1).map_or(0, |(_, counts)| counts.calls);
                assert!(calls >= seen, "counts never go back");
                seen = calls;
            }
        });
        script.enter(A);
        for _ in 0..100_000 {
            script.enter(B).wait(1).leave(B);
        }
        script.leave(A);
        reader.join().expect("the reader's assertions hold");
    });
}

/// A call under compensation: the hook of its start takes `before`, that of its end `after`.
struct Hooks {
    before: u64,
    after: u64,
}

impl Script {
    fn compensated(costs: Costs) -> Self {
        let mut this = Self::new();
        this.recorder.compensate(costs);
        this
    }

    fn call(&mut self, key: Key, hooks: &Hooks, body: impl FnOnce(&mut Self)) -> &mut Self {
        let began = Ticks(self.now);
        self.wait(hooks.before);
        assert!(self.recorder.enter(key));
        self.recorder.start_extended(began, Ticks(self.now));
        body(self);
        let ended = Ticks(self.now);
        self.recorder.leave_extended(key, ended);
        self.wait(hooks.after);
        self.recorder.spend(Ticks(self.now).since(ended));
        self
    }

    /// (own, total) of a function, with what recording took taken out.
    fn genuine(&self, id: u32) -> (u64, u64) {
        let totals = self.totals();
        let (_, counts) = totals.functions().find(|(function, _)| function.0 == id).expect("it was called");
        (counts.own.since(counts.own_excess).0, counts.total.since(counts.total_excess).0)
    }
}

fn costs(inside: u64, outside: u64) -> Costs {
    Costs { inside: [inside; KINDS], outside: [outside; KINDS], ..Costs::default() }
}

#[test]
fn what_hooks_take_is_taken_out_of_their_callers() {
    let hooks = Hooks { before: 7, after: 5 };
    let mut script = Script::compensated(Costs::default());
    script.call(A, &hooks, |script| {
        script.wait(100);
        for _ in 0..10 {
            script.call(B, &hooks, |script| _ = script.wait(3));
        }
        script.wait(50);
    });
    assert_eq!(script.genuine(1), (30, 30));
    assert_eq!(script.genuine(0), (150, 180));
    // The raw times stay what they were.
    assert_eq!(script.function(0), Some((1, 0, 150 + 10 * 15, 150 + 10 * 12)));
}

#[test]
fn calibrated_costs_are_taken_out_of_callee_and_caller() {
    let hooks = Hooks { before: 7, after: 5 };
    let mut script = Script::compensated(costs(4, 6));
    script.call(A, &hooks, |script| {
        for _ in 0..10 {
            // The interpreter's part: 6 in the caller, 4 in the callee.
            script.wait(6).call(B, &hooks, |script| _ = script.wait(4 + 3));
        }
        script.wait(20 + 4);
    });
    assert_eq!(script.genuine(1), (30, 30));
    assert_eq!(script.genuine(0), (20, 50));
}

#[test]
fn calibrated_costs_follow_the_strain_within_bounds() {
    // Calibrated: hooks of 1000 ticks, and 500 inside. (What the hooks take, what is taken out inside each call.)
    for (hook, inside) in [(1000, 500), (1100, 550), (950, 475), (850, 389), (100, 250), (3000, 600)] {
        let mut script = Script::compensated(Costs { hooks: [1000; KINDS], ..costs(500, 0) });
        let hooks = Hooks { before: hook / 2, after: hook / 2 };
        let called = |script: &mut Script, times| {
            script.call(A, &hooks, |script| {
                for _ in 0..times {
                    script.call(B, &hooks, |script| _ = script.wait(1000));
                }
            });
            script.genuine(1).0
        };
        let before = called(&mut script, 1023);
        assert_eq!(before, 1023 * 500, "the first window is as calibrated");
        assert!(called(&mut script, 1000).abs_diff(before + 1000 * (1000 - inside)) <= 1000, "{hook}");
    }
}

#[test]
fn calls_begun_long_before_they_are_over_are_no_strain() {
    const DEPTH: u32 = 5000;
    fn descend(script: &mut Script, hooks: &Hooks, depth: u32) {
        script.call(A, hooks, |script| {
            if depth > 0 {
                descend(script, hooks, depth - 1);
            }
        });
    }
    let mut script = Script::compensated(Costs { hooks: [1000; KINDS], ..costs(500, 0) });
    let hooks = Hooks { before: 500, after: 500 };
    descend(&mut script, &hooks, DEPTH - 1);
    let calls = u64::from(DEPTH);
    let spent = script.recorder.tables().running.spent.get();
    assert!(spent.abs_diff(calls * (1000 + 500)) <= 5000, "{spent}");
}

/// Functions that take turns.
fn in_turn(script: &mut Script, functions: usize) -> impl Iterator<Item = Key> + use<> {
    let keys: Vec<Key> = (0..functions).map(|number| 0x10_0000 + 0x100 * number).collect();
    for (key, id) in keys.iter().zip(100..) {
        script.recorder.define(*key, FunctionId(id), Kind::default());
    }
    keys.into_iter().cycle()
}

/// Calls the next functions, so many times; what recording is taken to have cost.
fn spent(script: &mut Script, keys: &mut impl Iterator<Item = Key>, hooks: &Hooks, times: usize) -> u64 {
    let before = script.recorder.tables().running.spent.get();
    for key in keys.take(times) {
        script.call(key, hooks, |script| _ = script.wait(1000));
    }
    script.recorder.tables().running.spent.get() - before
}

#[test]
fn many_different_calls_take_more() {
    // Of 256 functions in turn, of one.
    for (functions, inside) in [(256, 750), (1, 500)] {
        let mixture = crate::Mixture { constants: 1536, ..Default::default() };
        let mut script = Script::compensated(Costs { hooks: [1000; KINDS], mixture, ..costs(500, 0) });
        let hooks = Hooks { before: 500, after: 500 };
        let mut keys = in_turn(&mut script, functions);
        let mut called = |times| spent(&mut script, &mut keys, &hooks, times);
        // What a hook takes after its event is seen with the next one.
        let is_about = |spent: u64, calls: u64, inside: u64| spent.abs_diff(calls * (1000 + inside)) <= 1000;
        assert!(is_about(called(1023), 1023, 750), "a program begins with much that is new");
        called(1);
        assert!(is_about(called(1000), 1000, inside));
    }
}

#[test]
fn hooks_that_so_many_functions_slow_are_less_strain() {
    // Of 256 functions in turn, of one: hooks that take half more than when they were calibrated.
    for (functions, inside) in [(256, 575), (1, 600)] {
        let mixture = crate::Mixture { crowded: 1178, ..Default::default() };
        let mut script = Script::compensated(Costs { hooks: [1000; KINDS], mixture, ..costs(500, 0) });
        let hooks = Hooks { before: 750, after: 750 };
        let mut keys = in_turn(&mut script, functions);
        let mut called = |times| spent(&mut script, &mut keys, &hooks, times);
        called(1024);
        assert!(called(1000).abs_diff(1000 * (1500 + inside)) <= 1500, "{functions}");
    }
}

#[test]
fn recursion_is_compensated_once_in_total_time() {
    let hooks = Hooks { before: 7, after: 5 };
    let mut script = Script::compensated(Costs::default());
    script.call(A, &hooks, |script| {
        script.wait(10).call(A, &hooks, |script| {
            script.wait(10).call(A, &hooks, |script| _ = script.wait(10));
        });
    });
    assert_eq!(script.genuine(0), (30, 30));
}

#[test]
fn slowed_code_is_scaled_down_in_itself_and_in_its_callers() {
    let hooks = Hooks { before: 7, after: 5 };
    let mut script = Script::compensated(Costs { genuine: [512; KINDS], ..Costs::default() });
    script.call(A, &hooks, |script| {
        script.wait(200).call(B, &hooks, |script| _ = script.wait(100));
    });
    assert_eq!(script.genuine(1), (50, 50));
    assert_eq!(script.genuine(0), (100, 150));
}

#[test]
fn a_call_without_a_leave_is_compensated_when_its_caller_ends() {
    let hooks = Hooks { before: 7, after: 5 };
    let mut script = Script::compensated(Costs::default());
    script.call(A, &hooks, |script| {
        let began = Ticks(script.now);
        script.wait(7);
        assert!(script.recorder.enter(B));
        script.recorder.start_extended(began, Ticks(script.now));
        script.wait(30);
    });
    assert_eq!(script.genuine(1), (30, 30));
    assert_eq!(script.genuine(0), (0, 30));
}
