//! Looks at scripted threads, at scripted times.

use super::super::testing::{Does, Numbered, Scripted, runs};
use super::*;
use crate::read::RunningTask;

/// Functions that are looked at: 3 is 0's code made anew.
const LABELS: [&str; 6] = [
    "f",
    "g",
    "h",
    "f",
    "_run@/usr/lib/python3/site-packages/pikos/sampling/watch.py",
    "_run@/srv/app/watch.py",
];

struct Book {
    ledger: Ledger,
    source: Arc<Source>,
    subject: Scripted,
    now: u64,
}

impl Book {
    fn new(mode: Mode) -> Self {
        let source = Source::new();
        let options = Options { mode, ..Options::default() };
        let ledger = Ledger::new(Arc::clone(&source), &options, Box::new(Numbered), Ticks(1_000));
        Self { ledger, source, subject: Scripted::new(&LABELS), now: 1_000 }
    }

    fn look(&mut self, after: u64) {
        self.now += after;
        let mut look = Look::default();
        self.subject.look(&mut look).unwrap();
        self.ledger.add(&look, &self.subject, Ticks(self.now));
    }

    /// Of each function its name, samples anywhere and on top, total and own time, in all threads.
    fn figures(&self) -> Vec<(String, u64, u64, u64, u64)> {
        let state = self.source.lock();
        let mut totals = (*state.folded).clone();
        state.threads.iter().for_each(|thread| totals.add(&thread.tables));
        let name = |id: FunctionId| state.names[id.0 as usize].name.0.to_str_lossy().into_owned();
        let figures = totals.functions().map(|(id, counts)| {
            let on_top = counts.calls - counts.recursive_calls;
            (name(id), counts.calls, on_top, counts.total.0, counts.own.0)
        });
        figures.collect()
    }
}

fn figure(name: &str, anywhere: u64, on_top: u64, total: u64, own: u64) -> (String, u64, u64, u64, u64) {
    (name.to_owned(), anywhere, on_top, total, own)
}

#[test]
fn a_sample_stands_for_the_time_since_the_last_one() {
    let mut book = Book::new(Mode::Wall);
    book.subject.set(vec![runs(7, &[0, 1])]);
    book.look(10);
    // The same function, though its code was made anew.
    book.subject.set(vec![runs(7, &[3, 2]), runs(8, &[2])]);
    book.look(30);
    let expected = [figure("f", 2, 0, 40, 0), figure("g", 1, 1, 10, 10), figure("h", 2, 2, 60, 60)];
    assert_eq!(book.figures(), expected);
    assert_eq!(book.ledger.figures(), (3, 0));
}

#[test]
fn a_thread_that_is_torn_gets_its_time_with_the_next_sample() {
    let mut book = Book::new(Mode::Wall);
    book.subject.set(vec![runs(7, &[0]), runs(8, &[1])]);
    book.look(10);
    book.subject.set(vec![runs(8, &[1])]);
    book.subject.change(|script| script.torn = 1);
    book.look(10);
    book.subject.set(vec![runs(7, &[0]), runs(8, &[1])]);
    book.subject.change(|script| script.torn = 0);
    book.look(10);
    assert_eq!(book.figures(), [figure("f", 2, 2, 30, 30), figure("g", 3, 3, 30, 30)]);
    assert_eq!(book.ledger.figures(), (5, 1));
    // One that has no frames for a while has no time for it either.
    book.subject.set(vec![runs(8, &[1])]);
    book.look(1_000);
    book.subject.set(vec![runs(7, &[0])]);
    book.look(10);
    assert_eq!(book.figures()[0], figure("f", 3, 3, 40, 40));
}

#[test]
fn modes_count_the_threads_that_they_say() {
    let doing = |thread, has_gil, is_running| {
        let mut does = runs(thread, &[thread as u32]);
        (does.place.has_gil, does.place.is_running) = (has_gil, Some(is_running));
        does
    };
    let expected = [(Mode::Wall, vec!["f", "g", "h"]), (Mode::Cpu, vec!["f", "g"]), (Mode::Gil, vec!["g"])];
    for (mode, names) in expected {
        let mut book = Book::new(mode);
        book.subject.set(vec![doing(0, false, true), doing(1, true, true), doing(2, false, false)]);
        book.look(10);
        // A thread that waited has no time for it when it runs again.
        book.look(10);
        let figures = book.figures();
        assert_eq!(figures.iter().map(|figure| figure.0.as_str()).collect::<Vec<_>>(), names, "{mode}");
        assert!(figures.iter().all(|figure| figure.3 == 20));
    }
}

#[test]
fn garbage_collection_is_on_top_of_whoever_it_meets() {
    let mut book = Book::new(Mode::Wall);
    let mut does = runs(7, &[0]);
    does.place.collects_garbage = true;
    book.subject.set(vec![does]);
    book.look(10);
    assert_eq!(book.figures(), [figure("f", 1, 0, 10, 0), figure(GARBAGE, 1, 1, 10, 10)]);
}

#[test]
fn a_stack_that_is_too_deep_says_so_at_its_bottom() {
    let mut book = Book::new(Mode::Wall);
    book.subject.set(vec![Does { is_cut: true, ..runs(7, &[0, 1]) }]);
    book.look(10);
    let expected = [figure(DEEPER, 1, 0, 10, 0), figure("f", 1, 0, 10, 0), figure("g", 1, 1, 10, 10)];
    assert_eq!(book.figures(), expected);
}

#[test]
fn a_pause_is_in_no_sample_and_a_clear_forgets_all() {
    let mut book = Book::new(Mode::Wall);
    book.subject.set(vec![runs(7, &[0])]);
    book.look(10);
    book.now += 5_000;
    book.ledger.resume(Ticks(book.now));
    book.look(10);
    assert_eq!(book.figures(), [figure("f", 2, 2, 20, 20)]);
    book.ledger.clear(Ticks(book.now));
    assert_eq!((book.figures(), book.ledger.figures()), (vec![], (0, 0)));
    book.subject.set(vec![runs(7, &[1])]);
    book.look(10);
    assert_eq!(book.figures(), [figure("g", 1, 1, 10, 10)]);
}

#[test]
fn threads_that_come_and_go_become_one_and_lose_nothing() {
    let mut book = Book::new(Mode::Wall);
    for thread in 1..=1_000 {
        book.subject.set(vec![runs(thread, &[0, (thread % 3) as u32])]);
        book.look(10);
        book.subject.change(|script| script.gone.insert(thread - 1));
        book.ledger.tidy(&book.subject.clone());
    }
    let kept = book.source.lock().threads.len();
    assert!(kept <= ENDED_THREADS_KEPT + 1, "{kept}");
    assert_eq!(book.source.lock().threads_seen, 1_000);
    let figures = book.figures();
    assert_eq!(figures[0].1, 1_000);
    assert_eq!(figures.iter().map(|figure| figure.4).sum::<u64>(), 10_000);
    let trees: u64 = book.source.lock().folded_tree.iter().map(|node| node.counts.own.0).sum();
    assert_eq!(trees + 10 * kept as u64, 10_000);
    // A number that the system uses again is another thread's.
    book.subject.change(|script| script.gone.insert(1_000));
    book.subject.set(vec![]);
    book.look(10);
    book.ledger.tidy(&book.subject.clone());
    book.subject.change(|script| script.gone.clear());
    book.subject.set(vec![runs(1_000, &[1])]);
    book.look(10);
    assert_eq!(book.source.lock().threads_seen, 1_001);
}

#[test]
fn threads_of_ours_are_no_part_of_the_program() {
    let mut book = Book::new(Mode::Wall);
    // The first is the program's own, in a file of that name; the second is called as `threading` does it.
    book.subject.set(vec![runs(7, &[0, 5]), runs(8, &[1, 2, 4, 3])]);
    book.look(10);
    assert_eq!(book.ledger.figures(), (1, 0));
    assert!(book.figures().iter().all(|(name, ..)| name == "f" || name == "_run"), "{:?}", book.figures());
}

#[test]
fn a_named_task_stands_below_its_coroutine() {
    let mut book = Book::new(Mode::Wall);
    let of = |name: &str, frames: usize| {
        let task = Some(RunningTask { name: name.to_owned(), frames });
        Does { task, ..runs(7, &[0, 1, 2]) }
    };
    book.subject.set(vec![of("reload", 2)]);
    book.look(10);
    let of_task = |figures: &[(String, u64, u64, u64, u64)]| {
        figures.iter().filter(|figure| figure.0.starts_with("<task")).cloned().collect::<Vec<_>>()
    };
    assert_eq!(of_task(&book.figures()), [figure("<task reload>", 1, 0, 10, 0)]);
    let f = book.figures().into_iter().find(|found| found.0 == "f").expect("it stands below");
    assert_eq!((f.1, f.3), (1, 10));
    // asyncio's own names say nothing.
    book.subject.set(vec![of("Task-17", 2)]);
    book.look(10);
    assert_eq!(of_task(&book.figures()).len(), 1);
    for number in 0..MOST_TASKS + 5 {
        book.subject.set(vec![of(&format!("request {number}"), 3)]);
        book.look(10);
    }
    assert_eq!(of_task(&book.figures()).len(), MOST_TASKS);
    let figures = book.figures();
    let others = figures.iter().find(|figure| figure.0 == OTHER_TASKS).expect("the rest is one");
    assert_eq!(others.1, 6);
}
