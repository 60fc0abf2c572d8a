//! One writer and many readers, in every order in which the language lets a machine show the writer's stores: aarch64's,
//! too, which on x86 no test would ever see. `make check-ordering` runs this; without `--cfg loom` it is empty.
//!
//! Each model is as small as it can be, since the checker tries thousands of orders: what is there before the readers start
//! is known to them, and what the writer does meanwhile is the one thing that the model is about.
#![cfg(loom)]

use std::sync::Arc;

use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use lsprof_engine::cells::{Arena, Cell64};
use lsprof_engine::{FunctionId, Kind, Limits, Recorder, StackId, Tables, Ticks, Watch};

/// Keys, of which the functions' numbers are a 64th.
const CALLER: usize = 64;
const CALLEE: usize = 128;
const NEW: usize = 192;

loom::lazy_static! {
    static ref TIME: AtomicU64 = AtomicU64::new(0);
}

/// A clock that all threads agree on, and that tells nobody what else another thread has done.
fn now() -> Ticks {
    Ticks(TIME.fetch_add(1, Ordering::Relaxed))
}

fn check(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Mistakes of this kind need one switch, or two.
    builder.preemption_bound.get_or_insert(2);
    builder.max_branches = 100_000;
    let model = Arc::new(model);
    builder.check(move || {
        let model = Arc::clone(&model);
        spawn(move || model()).join().expect("the model holds");
    });
}

/// A thread that a recorder fits on: 8 KB and more, moved about. The checker's own are smaller.
fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> thread::JoinHandle<T> {
    let builder = thread::Builder::new().stack_size(1 << 16);
    builder.spawn(body).expect("the checker has threads")
}

fn id(key: usize) -> FunctionId {
    FunctionId(key as u32 / 64)
}

/// A recorder that knows two functions, in a call of the first.
fn in_caller() -> Recorder {
    let mut recorder = Recorder::new(true);
    for key in [CALLER, CALLEE] {
        recorder.define(key, id(key), Kind::default());
    }
    enter(&mut recorder, CALLER);
    recorder
}

fn enter(recorder: &mut Recorder, key: usize) {
    assert!(recorder.enter(key));
    recorder.start(now());
}

fn leave(recorder: &mut Recorder, key: usize) {
    assert!(recorder.leave(key, now()));
}

/// What must be true of any reading. `most`: how many calls of each function there can have been by its end.
fn assert_no_more_than_there_was(watch: &Watch, most: u64) {
    let elapsed = now().0 as i64;
    let mut own = 0;
    for row in watch.functions() {
        let (counts, open) = (row.numbers.counts, row.numbers.open);
        assert!(counts.calls + open.calls <= most, "calls: {row:?}");
        let total = counts.total.signed() + open.total;
        assert!((0..=elapsed).contains(&total), "at {elapsed}: {row:?}");
        assert!(counts.own.signed() >= 0 && open.own >= 0, "{row:?}");
        own += counts.own.signed() + open.own;
    }
    assert!(own <= elapsed, "own times of {own} at {elapsed}: {:?}", watch.functions());
}

/// Reads while `act` goes on.
fn read_while(recorder: Recorder, most: u64, act: impl FnOnce(&mut Recorder)) {
    let mut recorder = recorder;
    let tables = Arc::clone(recorder.tables());
    let reader = spawn(move || {
        let mut watch = Watch::default();
        watch.read(&tables, Some(now), false);
        assert_no_more_than_there_was(&watch, most);
        (watch, tables)
    });
    act(&mut recorder);
    // Nothing of it is freed while it is read.
    let (mut watch, tables) = reader.join().expect("the reader found nothing wrong");
    assert_settled(&mut watch, &tables, most);
}

/// All is known to whoever has waited for the writer.
fn assert_settled(watch: &mut Watch, tables: &Tables, most: u64) {
    watch.read(tables, Some(now), false);
    assert_no_more_than_there_was(watch, most);
    assert!(watch.calls() > 0);
}

#[test]
fn a_call_that_ends_is_counted_once() {
    check(|| {
        let mut recorder = in_caller();
        enter(&mut recorder, CALLEE);
        read_while(recorder, 1, |recorder| leave(recorder, CALLEE));
    });
}

#[test]
fn a_call_that_comes_and_goes_is_counted_once() {
    check(|| {
        let mut recorder = in_caller();
        enter(&mut recorder, CALLEE);
        leave(&mut recorder, CALLEE);
        read_while(recorder, 2, |recorder| {
            enter(recorder, CALLEE);
            leave(recorder, CALLEE);
        });
    });
}

#[test]
fn a_frame_that_is_used_again_is_not_taken_for_the_call_before() {
    check(|| {
        let mut recorder = in_caller();
        enter(&mut recorder, CALLEE);
        enter(&mut recorder, CALLER);
        leave(&mut recorder, CALLER);
        read_while(recorder, 2, |recorder| {
            leave(recorder, CALLEE);
            enter(recorder, CALLEE);
        });
    });
}

#[test]
fn new_rows_are_whole_when_they_are_seen() {
    check(|| {
        let recorder = in_caller();
        read_while(recorder, 1, |recorder| {
            recorder.define(NEW, id(NEW), Kind::default());
            enter(recorder, NEW);
            leave(recorder, NEW);
        });
    });
}

#[test]
fn a_node_is_there_before_the_call_that_needs_it() {
    check(|| {
        let mut recorder = Recorder::new(true);
        recorder.grow_tree(Limits::new(10, 10));
        recorder.define(CALLER, id(CALLER), Kind::default());
        let tables = Arc::clone(recorder.tables());
        let reader = spawn(move || {
            let mut watch = Watch::default();
            watch.read(&tables, Some(now), true);
            let tree = watch.tree();
            // The bottom and the call: never a call that was cut.
            assert!((1..=2).contains(&tree.nodes().len()));
            assert_eq!(tree.open(0).own, 0, "time of a call without a node");
            tables
        });
        assert!(recorder.enter(CALLER));
        recorder.prepare();
        recorder.start_extended(Ticks(0), now());
        drop(reader.join().expect("the reader found nothing wrong"));
    });
}

#[test]
fn two_readers_see_elements_that_are_written_and_stay_where_they_are() {
    check(|| {
        let arena = Arc::new(Arena::<Cell64>::default());
        // One more would need another chunk.
        let first: Vec<_> = (0..31).map(|_| arena.push(Cell64::default())).collect();
        let readers = [(), ()].map(|()| {
            let arena = Arc::clone(&arena);
            spawn(move || arena.iter_from(31).map(|element| (element, element.get())).collect::<Vec<_>>())
        });
        let mut links = first;
        for value in [7, 8] {
            let cell = Cell64::default();
            cell.set(value);
            links.push(arena.push(cell));
        }
        for reader in readers {
            let seen = reader.join().expect("the reader found nothing wrong");
            for ((link, value), (expected, place)) in seen.into_iter().zip([(7, 31), (8, 32)]) {
                assert_eq!((value, link), (expected, links[place]));
            }
        }
        assert!(arena.iter().eq(links));
    });
}

#[test]
fn a_stack_that_is_switched_away_or_back_is_read_once() {
    for is_away in [false, true] {
        check(move || {
            let mut recorder = in_caller();
            recorder.switch(StackId(1), now(), now);
            enter(&mut recorder, CALLEE);
            leave(&mut recorder, CALLEE);
            if is_away {
                recorder.switch(StackId::default(), now(), now);
            }
            read_while(recorder, 1, move |recorder| {
                recorder.switch(StackId(usize::from(is_away)), now(), now);
            });
        });
    }
}
