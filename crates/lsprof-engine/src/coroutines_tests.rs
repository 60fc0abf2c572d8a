//! Coroutines under scripts of events and a clock that ticks when told.

use super::*;
use crate::details::Details;
use crate::hook_tests;
use crate::recorder::Recorder;
use crate::tables::{Kind, StackId};
use crate::tasks::TaskState;
use crate::totals::Totals;
use crate::tree::{Limits, TreeTotals};

/// A loop, two coroutines, a generator that awaits for them, and a plain function.
const LOOP: Key = 0x1000;
const OUTER: Key = 0x2000;
const INNER: Key = 0x3000;
const DELEGATE: Key = 0x4000;
const PLAIN: Key = 0x5000;

struct Script {
    recorder: Recorder,
    all: Arc<Mutex<Coroutines>>,
    now: u64,
}

impl Script {
    fn new() -> Self {
        let all = Arc::new(Mutex::new(Coroutines::new(Ticks(1_000))));
        let mut recorder = Recorder::new(true);
        recorder.grow_tree(Limits::new(100, 1000));
        let mut details = Details::default();
        details.follow(Steps::new(&all, 1));
        recorder.keep(details);
        for (key, number) in [LOOP, OUTER, INNER, DELEGATE, PLAIN].into_iter().zip(0..) {
            recorder.define(key, FunctionId(number), Kind::default());
        }
        recorder.set_form(OUTER, Form::COROUTINE);
        recorder.set_form(INNER, Form::COROUTINE);
        recorder.set_form(DELEGATE, Form::GENERATOR);
        Self { recorder, all, now: 10_000 }
    }

    fn call(&mut self, key: Key) -> &mut Self {
        assert!(self.recorder.enter(key));
        self.recorder.prepare();
        self.recorder.start(Ticks(self.now));
        self.recorder.start_step();
        self
    }

    fn step(&mut self, key: Key, object: usize, entered: Entered) -> &mut Self {
        self.recorder.expect_step(Step { key, object, entered, thrown: Ending::Raised });
        self.call(key)
    }

    fn leave(&mut self, key: Key, ending: Ending) -> &mut Self {
        self.recorder.end_step_as(key, ending);
        assert!(self.recorder.leave_extended(key, Ticks(self.now)));
        self
    }

    fn wait(&mut self, ticks: u64) -> &mut Self {
        self.now += ticks;
        self
    }

    fn row(&self, caller: FunctionId, function: u32) -> CoroutineCounts {
        let counts = self.all.lock().unwrap().tables().counts(Ticks(self.now));
        let is_it = |row: &&CoroutineCounts| row.caller == caller && row.function == FunctionId(function);
        *counts.iter().find(is_it).unwrap_or_else(|| panic!("no row {caller:?} {function}: {counts:?}"))
    }

    /// Steps, run, parked.
    fn times(&self, caller: u32, function: u32) -> (u64, u64, u64) {
        let row = self.row(FunctionId(caller), function);
        (row.steps, row.run.0, row.parked.0)
    }
}

use Ending::{Cancelled, Dropped, Parked, Raised, Returned};
use Entered::{Resumed, Started, Thrown};

#[test]
fn run_and_await_make_up_the_time_from_the_first_step_to_the_end() {
    let mut script = Script::new();
    script.call(LOOP).wait(1);
    script.step(OUTER, 1, Started).wait(2).step(INNER, 2, Started).wait(3);
    script.leave(INNER, Parked).wait(1).leave(OUTER, Parked).wait(100);
    script.step(OUTER, 1, Resumed).wait(5).step(INNER, 2, Resumed).wait(7);
    script.leave(INNER, Returned).wait(11).leave(OUTER, Returned).wait(1000).leave(LOOP, Parked);
    assert_eq!(script.times(0, 1), (2, 6 + 23, 100));
    assert_eq!(script.times(1, 2), (2, 3 + 7, 1 + 100 + 5));
    let outer = script.row(FunctionId(0), 1);
    assert_eq!((outer.started, outer.returned, outer.alive()), (1, 1, 0));
    assert_eq!((outer.longest, outer.longest_at), (Ticks(23), Ticks(10_107)));
    // Beside it, each resume is a call.
    let mut totals = Totals::default();
    totals.add(script.recorder.tables());
    let calls: Vec<_> = totals.functions().map(|(function, counts)| (function.0, counts.calls)).collect();
    assert_eq!(calls, [(0, 1), (1, 2), (2, 2)]);
}

#[test]
fn what_is_parked_now_is_counted_until_now() {
    let mut script = Script::new();
    for object in 1..=3 {
        script.step(OUTER, object, Started).wait(10).leave(OUTER, Parked);
    }
    script.wait(100);
    let row = script.row(FunctionId::ROOT, 1);
    assert_eq!((row.run, row.parked, row.alive()), (Ticks(30), Ticks(120 + 110 + 100), 3));
    script.step(OUTER, 1, Resumed).wait(50);
    assert_eq!(script.row(FunctionId::ROOT, 1).parked, Ticks(120 + 160 + 150));
}

#[test]
fn each_end_is_counted_as_what_it_was() {
    let mut script = Script::new();
    for (object, ending) in [(1, Returned), (2, Raised), (3, Cancelled), (4, Dropped)] {
        script.step(OUTER, object, Started).wait(1).leave(OUTER, ending);
    }
    script.step(OUTER, 5, Started).leave(OUTER, Parked).wait(40);
    script.all.lock().unwrap().freed(5, Some(Ticks(script.now)));
    script.all.lock().unwrap().freed(6, None);
    script.all.lock().unwrap().never_awaited(FunctionId(1));
    let row = script.row(FunctionId::ROOT, 1);
    assert_eq!((row.returned, row.raised, row.cancelled, row.dropped, row.never_awaited), (1, 1, 1, 2, 1));
    assert_eq!((row.started, row.alive(), row.parked), (5, 0, Ticks(40)));
}

#[test]
fn what_is_freed_may_have_a_last_step() {
    let mut script = Script::new();
    script.step(OUTER, 1, Started).leave(OUTER, Parked).wait(10);
    assert!(script.all.lock().unwrap().drops(1));
    script.step(OUTER, 1, Thrown).wait(3).leave(OUTER, Ending::Unwound);
    script.all.lock().unwrap().freed(1, Some(Ticks(script.now)));
    let row = script.row(FunctionId::ROOT, 1);
    assert_eq!((row.started, row.dropped, row.raised, row.alive()), (1, 1, 0, 0));
    assert_eq!((row.steps, row.run, row.parked), (2, Ticks(3), Ticks(10)));
    assert!(!script.all.lock().unwrap().drops(1));
}

#[test]
fn an_end_that_nobody_explains_is_what_was_thrown_in() {
    let mut script = Script::new();
    script.step(OUTER, 1, Started).leave(OUTER, Parked);
    script.recorder.expect_step(Step { key: OUTER, object: 1, entered: Thrown, thrown: Cancelled });
    script.call(OUTER).leave(OUTER, Ending::Unwound);
    assert_eq!(script.row(FunctionId::ROOT, 1).cancelled, 1);
}

#[test]
fn one_that_was_under_way_before_has_not_started_here() {
    let mut script = Script::new();
    script.step(OUTER, 1, Resumed).wait(5).leave(OUTER, Returned);
    let row = script.row(FunctionId::ROOT, 1);
    assert_eq!((row.started, row.inherited, row.returned, row.alive(), row.run), (0, 1, 1, 0, Ticks(5)));
}

#[test]
fn an_address_that_is_used_again_is_another_object() {
    let mut script = Script::new();
    script.step(OUTER, 1, Started).wait(5).leave(OUTER, Parked).wait(1000);
    script.step(OUTER, 1, Started).wait(7).leave(OUTER, Returned);
    let row = script.row(FunctionId::ROOT, 1);
    assert_eq!((row.started, row.dropped, row.returned), (2, 1, 1));
    assert_eq!((row.run, row.parked), (Ticks(12), Ticks(0)));
}

#[test]
fn stacks_stand_on_what_awaits_and_not_on_the_loop() {
    let mut script = Script::new();
    script.call(LOOP);
    script.step(OUTER, 1, Started).call(DELEGATE).step(INNER, 2, Started).call(PLAIN).wait(3);
    script.leave(PLAIN, Parked).leave(INNER, Parked).leave(DELEGATE, Parked).leave(OUTER, Parked);
    // A cancellation reaches the innermost first, from the loop.
    script.step(INNER, 2, Thrown).wait(9).leave(INNER, Cancelled);
    script.leave(LOOP, Parked);
    let mut tree = TreeTotals::default();
    tree.add(script.recorder.tables());
    let stacks: Vec<_> = tree
        .nodes()
        .iter()
        .skip(1)
        .map(|node| {
            let below =
                if node.parent == 0 { None } else { Some(tree.nodes()[node.parent as usize].function.0) };
            (below, node.function.0, node.counts.calls, node.counts.own.0)
        })
        .collect();
    assert_eq!(
        stacks,
        [(None, 0, 1, 0), (None, 1, 1, 0), (Some(1), 3, 1, 0), (Some(3), 2, 2, 9), (Some(2), 4, 1, 3),]
    );
}

#[test]
fn a_step_that_is_too_long_is_listed_with_what_took_most_of_it() {
    let mut script = Script::new();
    script.call(LOOP).step(OUTER, 1, Started);
    assert!(script.recorder.wants_task_name(true, Ticks(script.now)));
    script.recorder.name_task(&Named { name: "Task-7".to_owned(), ..Named::default() });
    assert!(!script.recorder.wants_task_name(true, Ticks(script.now)));
    script.wait(10).leave(OUTER, Parked).wait(5_000);
    script.step(OUTER, 1, Resumed).wait(100).step(INNER, 2, Started);
    script.call(PLAIN).wait(600).leave(PLAIN, Parked).wait(10);
    script.call(PLAIN).wait(1_400).leave(PLAIN, Parked);
    script.leave(INNER, Parked).wait(20).leave(OUTER, Parked);
    let slow = script.all.lock().unwrap().tables().slow_steps();
    assert_eq!((slow.count, slow.took), (1, Ticks(2_130)));
    let step = &slow.longest()[0];
    assert_eq!((step.task.as_str(), step.function, step.took), ("Task-7", FunctionId(1), Ticks(2_130)));
    let path: Vec<_> = step.path.iter().map(|(function, took)| (function.0, took.0)).collect();
    assert_eq!(path, [(1, 2_130), (2, 2_010), (4, 1_400)]);
}

#[test]
fn tasks_are_seen_while_they_are_under_way() {
    let mut script = Script::new();
    script.call(LOOP).step(OUTER, 1, Started).step(INNER, 2, Started).wait(10);
    script.leave(INNER, Parked).leave(OUTER, Parked).wait(30);
    let tasks = script.all.lock().unwrap().tables().tasks(Ticks(script.now));
    assert_eq!(tasks.len(), 1);
    let task = &tasks[0];
    assert_eq!((task.state, task.function, task.leaf), (TaskState::Waits, FunctionId(1), FunctionId(2)));
    assert_eq!((task.steps, task.run, task.parked), (1, Ticks(10), Ticks(30)));
    script.step(OUTER, 1, Resumed).wait(5);
    let task = script.all.lock().unwrap().tables().tasks(Ticks(script.now)).remove(0);
    assert_eq!((task.state, task.run, task.parked), (TaskState::Runs, Ticks(15), Ticks(30)));
    script.leave(OUTER, Returned);
    assert_eq!(script.all.lock().unwrap().tables().tasks(Ticks(script.now)), []);
}

impl Script {
    /// (serial, parent, object) of each task, in the order in which they began.
    fn origins(&self) -> Vec<(u64, Option<u64>, Option<usize>)> {
        let mut tasks = self.all.lock().unwrap().tables().tasks(Ticks(self.now));
        tasks.sort_by_key(|task| task.serial);
        tasks.iter().map(|task| (task.serial, task.parent, task.object)).collect()
    }
}

#[test]
fn the_parent_of_a_task_is_the_one_that_ran_when_it_was_made() {
    let mut script = Script::new();
    script.call(LOOP);
    // Outside of any task.
    script.recorder.task_made(1, 0x100);
    script.step(OUTER, 1, Started).step(INNER, 2, Started);
    script.recorder.task_made(3, 0x300);
    script.recorder.task_made(4, 0x400);
    script.leave(INNER, Parked).leave(OUTER, Parked);
    script.step(OUTER, 3, Started).leave(OUTER, Parked);
    // A loop within a step: what it runs stands below nobody else.
    script
        .step(OUTER, 4, Started)
        .call(LOOP)
        .step(OUTER, 5, Started)
        .leave(OUTER, Parked)
        .leave(LOOP, Parked);
    script.leave(OUTER, Parked);
    let origins = script.origins();
    let serials: Vec<u64> = origins.iter().map(|(serial, ..)| *serial).collect();
    let [first, _, fourth, _] = serials[..] else { panic!("{origins:?}") };
    let known: Vec<_> = origins.iter().map(|(_, parent, object)| (*parent, *object)).collect();
    let expected =
        [(None, Some(0x100)), (Some(first), Some(0x300)), (Some(first), Some(0x400)), (Some(fourth), None)];
    assert_eq!(known, expected);
}

#[test]
fn a_task_that_is_made_eagerly_begins_within_its_parent() {
    let mut script = Script::new();
    script.call(LOOP).step(OUTER, 1, Started);
    script.recorder.task_made(2, 0x200);
    script.step(INNER, 2, Started);
    script.recorder.task_made(3, 0x300);
    script.step(INNER, 3, Started).wait(3).leave(INNER, Parked).wait(2);
    assert!(script.recorder.wants_task_name(true, Ticks(script.now)));
    script.recorder.name_task(&Named { name: "Task-2".to_owned(), ..Named::default() });
    script.leave(INNER, Parked).leave(OUTER, Parked).wait(10).leave(LOOP, Parked);
    let serials: Vec<u64> = script.origins().iter().map(|(serial, ..)| *serial).collect();
    let parents: Vec<_> = script.origins().iter().map(|(_, parent, object)| (*parent, *object)).collect();
    assert_eq!(parents, [(None, None), (Some(serials[0]), Some(0x200)), (Some(serials[1]), Some(0x300))]);
    // What the parent's steps have run is its own affair; the task goes on by itself.
    script.call(LOOP).step(INNER, 2, Resumed).wait(7);
    assert!(script.recorder.wants_task_name(true, Ticks(script.now)), "it has been named since");
    script.recorder.name_task(&Named { name: "eager".to_owned(), ..Named::default() });
    assert!(!script.recorder.wants_task_name(true, Ticks(script.now)));
    script.leave(INNER, Returned).leave(LOOP, Parked);
    let tasks = script.all.lock().unwrap().tables().tasks(Ticks(script.now));
    assert_eq!(tasks.len(), 2, "one has ended");
    assert_eq!(script.row(FunctionId(1), 2).returned, 1);
}

#[test]
fn what_a_library_says_of_a_task_is_added() {
    let mut script = Script::new();
    script.call(LOOP).step(OUTER, 1, Started).leave(OUTER, Parked).step(OUTER, 2, Started);
    script.recorder.name_task(&Named { name: "second".to_owned(), task: 0x200, parent: 1 });
    script.leave(OUTER, Parked);
    let origins = script.origins();
    assert_eq!((origins[1].1, origins[1].2), (Some(origins[0].0), Some(0x200)));
    script.step(OUTER, 3, Started);
    script.recorder.name_task(&Named { name: "third".to_owned(), task: 0, parent: 77 });
    assert_eq!(script.origins()[2].1, None, "nobody knows that one");
}

#[test]
fn tasks_that_never_begin_are_forgotten() {
    let mut script = Script::new();
    script.call(LOOP).step(OUTER, 1, Started);
    for coroutine in 2..1_000 {
        script.recorder.task_made(coroutine, 0x100);
        // Once more of the same, as after an error.
        script.recorder.task_made(coroutine, 0x200);
    }
    assert_eq!(script.all.lock().unwrap().made.len(), 998);
    for coroutine in 2..500 {
        script.all.lock().unwrap().never_begins(coroutine);
    }
    for coroutine in 500..1_000 {
        script.all.lock().unwrap().drops(coroutine);
    }
    assert_eq!(script.all.lock().unwrap().made.len(), 0);
    // One that begins at such an address later is another.
    script.leave(OUTER, Parked).step(OUTER, 7, Started);
    assert_eq!(script.origins()[1].1, None);
    script.recorder.task_made(8, 0x800);
    script.all.lock().unwrap().settle(Ticks(script.now));
    assert_eq!(script.all.lock().unwrap().made.len(), 0);
}

#[test]
fn time_that_a_stack_is_switched_away_is_parked() {
    let mut script = Script::new();
    script.step(OUTER, 1, Started).wait(4);
    script.recorder.switch(StackId(2), Ticks(script.now), || Ticks(script.now));
    script.wait(100);
    let now = script.now;
    script.recorder.switch(StackId(0), Ticks(now), || Ticks(now));
    script.wait(6).leave(OUTER, Returned);
    assert_eq!(script.times(FunctionId::ROOT.0, 1), (1, 10, 100));
}

#[test]
fn what_stops_with_the_recording_is_counted_until_then() {
    let mut script = Script::new();
    script.step(OUTER, 1, Started).wait(4).leave(OUTER, Parked).wait(6);
    script.all.lock().unwrap().settle(Ticks(script.now));
    script.wait(1_000);
    assert_eq!(script.times(FunctionId::ROOT.0, 1), (1, 4, 6));
    let task = script.all.lock().unwrap().tables().tasks(Ticks(script.now)).remove(0);
    assert_eq!((task.state, task.parked), (TaskState::Left, Ticks(6)));
    script.all.lock().unwrap().begin();
    assert_eq!(script.all.lock().unwrap().tables().tasks(Ticks(script.now)), []);
    script.step(OUTER, 1, Resumed).wait(2).leave(OUTER, Returned);
    assert_eq!(script.row(FunctionId::ROOT, 1).inherited, 1);
}

#[test]
fn memory_is_bounded_by_what_is_alive() {
    let mut script = Script::new();
    for object in 1..10_000 {
        script.step(OUTER, object, Started).leave(OUTER, Parked);
        script.step(OUTER, object, Resumed).leave(OUTER, Returned);
    }
    let all = script.all.lock().unwrap();
    assert_eq!((all.activations.len(), all.by_object.len(), all.tables.tasks.count()), (1, 0, 1));
    assert_eq!(all.tables.rows.count(), 1);
}

#[test]
fn a_call_that_is_no_step_needs_little_unless_it_is_long() {
    let all = Arc::new(Mutex::new(Coroutines::new(Ticks(1_000))));
    let mut recorder = Recorder::new(true);
    let mut details = Details::default();
    details.follow(Steps::new(&all, 1));
    recorder.keep(details);
    recorder.define(OUTER, FunctionId(1), Kind::default());
    recorder.define(PLAIN, FunctionId(4), Kind::default());
    recorder.set_form(OUTER, Form::COROUTINE);
    let step = |recorder: &mut Recorder, from: u64, took: [u64; 3]| {
        recorder.expect_step(Step { key: OUTER, object: 1, entered: Started, thrown: Ending::Raised });
        assert!(!hook_tests::enter(recorder, OUTER, Ticks(from)), "steps are followed");
        recorder.start_step();
        let are_lean = took.map(|took| {
            let began = hook_tests::enter(recorder, PLAIN, Ticks(from));
            (began, hook_tests::leave(recorder, PLAIN, Ticks(from + took)))
        });
        recorder.end_step_as(OUTER, Returned);
        assert!(!hook_tests::leave(recorder, OUTER, Ticks(from + took.iter().sum::<u64>())));
        are_lean
    };
    // What has been called before is found at once.
    step(&mut recorder, 10_000, [1, 1, 1]);
    assert_eq!(step(&mut recorder, 20_000, [1, 499, 500]), [(true, true), (true, true), (true, false)]);
    assert_eq!(all.lock().unwrap().tables().slow_steps().count, 1);
    let mut totals = Totals::default();
    totals.add(recorder.tables());
    let plain = totals.functions().find(|(function, _)| *function == FunctionId(4)).unwrap().1;
    assert_eq!((plain.calls, plain.total), (6, Ticks(1_003)));
}
