//! A process that does what it is told, and what is kept of it.

use std::cell::RefCell;
use std::rc::Rc;

use pikos_views::{Command, Error, Health, Heard, Phase, ProfileSender, Run, Sender};
use pstats_compat::{Calls, Function, Profile};

use super::*;
use crate::history::{Sum, When};

/// How often each of a thread's edges was called.
type EdgeCalls = Vec<((usize, usize), i64)>;
/// Calls by function, and by edge.
type Ran = (Vec<(u32, i64)>, Vec<((u32, u32), i64)>);

/// What a process has told: of each thread, how often each of its edges was called. An edge's time is a second a call.
#[derive(Default)]
struct Told {
    sequence: u64,
    epoch: u64,
    calls: Vec<(u64, EdgeCalls)>,
}

#[derive(Clone, Default)]
struct Fake(Rc<RefCell<Told>>);

impl Fake {
    fn call(&self, thread: u64, edge: (usize, usize), count: i64) {
        let mut told = self.0.borrow_mut();
        if !told.calls.iter().any(|(known, _)| *known == thread) {
            told.calls.push((thread, Vec::new()));
        }
        let edges = told.calls.iter_mut().find(|(known, _)| *known == thread).map(|(_, edges)| edges);
        let edges = edges.expect("it is there");
        match edges.iter_mut().find(|(known, _)| *known == edge) {
            Some((_, calls)) => *calls += count,
            None => edges.push((edge, count)),
        }
    }

    fn edges_of(&self, thread: Option<u64>) -> EdgeCalls {
        let told = self.0.borrow();
        let threads = told.calls.iter().filter(|(known, _)| thread.is_none_or(|only| only == *known));
        threads.flat_map(|(_, edges)| edges.clone()).collect()
    }
}

fn shown(calls: i64) -> Shown {
    let seconds = calls as f64;
    Shown { ncalls: calls, primitive_calls: calls, tottime: seconds, cumtime: seconds, ..Shown::default() }
}

impl Sender for Fake {
    fn title(&self) -> String {
        "app.py".to_owned()
    }
    fn pid(&self) -> u32 {
        7
    }
    fn host(&self) -> Option<String> {
        None
    }
    fn phase(&self) -> Phase {
        Phase::Running
    }
    fn health(&self) -> Health {
        Health::default()
    }
    fn sequence(&self) -> u64 {
        self.0.borrow().sequence
    }
    fn age(&self) -> f64 {
        self.sequence() as f64
    }
}

impl ProfileSender for Fake {
    fn functions(&self) -> usize {
        4
    }
    fn label(&self, function: usize) -> Function {
        Function::new("a.py".into(), function as u32, "f".into(), Calls::default())
    }
    fn figures(&self, function: usize, thread: Option<u64>) -> Option<Shown> {
        let edges = self.edges_of(thread);
        let mut own = edges.iter().filter(|((_, callee), _)| *callee == function).peekable();
        own.peek()?;
        Some(shown(own.map(|(_, calls)| calls).sum()))
    }
    fn edges(&self, of: Option<usize>, thread: Option<u64>, each: &mut dyn FnMut(usize, usize, Shown)) {
        let mut sums: EdgeCalls = Vec::new();
        for (edge, calls) in self.edges_of(thread) {
            match sums.iter_mut().find(|(known, _)| *known == edge) {
                Some((_, sum)) => *sum += calls,
                None => sums.push((edge, calls)),
            }
        }
        for ((caller, callee), calls) in sums {
            if of.is_none_or(|one| one == caller || one == callee) {
                each(caller, callee, shown(calls));
            }
        }
    }
    fn threads(&self) -> Vec<Thread> {
        let thread = |(id, edges): &(u64, EdgeCalls)| {
            let ncalls: i64 = edges.iter().map(|(_, calls)| calls).sum();
            Thread {
                id: *id,
                name: String::new(),
                labels: Vec::new(),
                is_over: false,
                tottime: ncalls as f64,
                gil_wait: 0.0,
                ncalls,
                share: 0.0,
            }
        };
        self.0.borrow().calls.iter().map(thread).collect()
    }
    fn run(&self) -> Run {
        let told = self.0.borrow();
        Run { time: 1000.0 + told.sequence as f64, started: 1000.0, epoch: told.epoch, ..Run::default() }
    }
    fn epoch(&self) -> u64 {
        self.0.borrow().epoch
    }
    fn profile(&self, _: Option<u64>) -> Profile {
        Profile::default()
    }
}

impl Feed for Fake {
    fn poll(&mut self) -> bool {
        true
    }
    fn heard(&self) -> Vec<Heard<'_>> {
        vec![Heard::Profile(self)]
    }
    fn command(&mut self, _: usize, _: &Command) -> Result<(), Error> {
        Err(Error::NoCommands)
    }
}

/// A process, what is kept of it, and how messages are taken in.
struct Desk {
    fake: Fake,
    live: Live<Box<dyn Feed>>,
    keeper: Keeper,
}

impl Desk {
    fn new() -> Self {
        let fake = Fake::default();
        let feed: Box<dyn Feed> = Box::new(fake.clone());
        Self { fake, live: Live::new(feed), keeper: Keeper::default() }
    }

    /// One more message.
    fn tell(&mut self) {
        use pikos_views::Source;
        self.fake.0.borrow_mut().sequence += 1;
        self.live.poll();
        self.keeper.follow(&mut self.live, 1);
    }

    /// Calls by function, and of the edges of function 1, in one thread or all, in the messages with these numbers.
    fn ran(&self, thread: Option<u64>, from: u64, to: u64) -> Ran {
        let past = self.keeper.of(Some(ProcessId(0)));
        let when = When { from: 999.4 + from as f64, to: 999.6 + to as f64, thread };
        let (mut sum, mut edges) = (Sum::default(), HashMap::new());
        past[0].history.add_range(when, false, &mut sum);
        past[0].history.add_edges(when, 1, &mut edges);
        let mut edges: Vec<((u32, u32), i64)> =
            edges.into_iter().map(|(ends, growth)| (ends, growth.calls)).collect();
        edges.sort_unstable();
        (sum.functions.into_iter().map(|(id, growth)| (id, growth.calls)).collect(), edges)
    }
}

#[test]
fn what_each_thread_did_and_who_called_is_told_of_any_time() {
    let mut desk = Desk::new();
    desk.fake.call(5, (0, 1), 10);
    desk.tell();
    desk.fake.call(5, (0, 1), 1);
    desk.fake.call(5, (1, 2), 3);
    desk.tell();
    // The only thread is told apart from when there is another.
    desk.fake.call(9, (0, 1), 100);
    desk.fake.call(9, (3, 1), 7);
    desk.tell();
    desk.fake.call(5, (0, 1), 20);
    desk.tell();
    assert_eq!(desk.ran(None, 1, 1), (vec![(1, 10)], vec![((0, 1), 10)]));
    assert_eq!(desk.ran(None, 2, 2), (vec![(1, 1), (2, 3)], vec![((0, 1), 1), ((1, 2), 3)]));
    assert_eq!(desk.ran(Some(5), 1, 2), desk.ran(None, 1, 2));
    assert_eq!(desk.ran(Some(9), 1, 2), (vec![], vec![]));
    assert_eq!(desk.ran(Some(5), 3, 3), (vec![], vec![]));
    assert_eq!(desk.ran(Some(9), 3, 4), (vec![(1, 107)], vec![((0, 1), 100), ((3, 1), 7)]));
    assert_eq!(desk.ran(Some(5), 3, 4), (vec![(1, 20)], vec![((0, 1), 20)]));
    assert_eq!(desk.ran(None, 1, 4).0, vec![(1, 138), (2, 3)]);
}

#[test]
fn a_thread_that_is_no_longer_kept_apart_did_nothing_again() {
    let mut desk = Desk::new();
    desk.fake.call(5, (0, 1), 10);
    desk.fake.call(9, (0, 1), 30);
    desk.tell();
    {
        let mut told = desk.fake.0.borrow_mut();
        told.calls.retain(|(thread, _)| *thread == 5);
        told.calls.push((0, vec![((0, 1), 30)]));
    }
    desk.fake.call(5, (0, 1), 1);
    desk.tell();
    assert_eq!(desk.ran(None, 2, 2), (vec![(1, 1)], vec![((0, 1), 1)]));
    assert_eq!(desk.ran(Some(0), 1, 2), (vec![], vec![]));
    assert_eq!(desk.ran(Some(9), 1, 2).0, vec![(1, 30)], "its past stays");
}

#[test]
fn a_clear_begins_anew_and_keeps_what_was() {
    let mut desk = Desk::new();
    desk.fake.call(5, (0, 1), 10);
    desk.fake.call(9, (0, 1), 5);
    desk.tell();
    {
        let mut told = desk.fake.0.borrow_mut();
        told.epoch = 1;
        told.calls.clear();
    }
    desk.fake.call(9, (0, 1), 4);
    desk.tell();
    assert_eq!(desk.ran(None, 2, 2), (vec![(1, 4)], vec![((0, 1), 4)]));
    assert_eq!(desk.ran(Some(9), 1, 2).0, vec![(1, 9)]);
    assert_eq!(desk.ran(None, 1, 2).0, vec![(1, 19)]);
}

#[test]
fn what_is_too_much_to_look_at_is_no_longer_kept() {
    let mut credit = Credit::default();
    assert!(credit.takes(1000) && !credit.is_spent());
    assert!(!credit.takes(3 * MOST_CREDIT as usize) && credit.is_spent());
    assert!(!credit.takes(0), "a history with a hole isn't gone on with");
}

#[test]
fn callers_that_are_too_many_are_given_up_and_functions_stay() {
    let mut desk = Desk::new();
    desk.fake.call(5, (0, 1), 10);
    desk.tell();
    let kept = |desk: &Desk| {
        let past = desk.keeper.of(Some(ProcessId(0)));
        (past[0].has_edges, past[0].history.edges.count())
    };
    assert_eq!(kept(&desk), (true, 1));
    desk.keeper.0[0].edges.takes(usize::MAX);
    desk.fake.call(5, (0, 1), 1);
    desk.tell();
    assert_eq!((kept(&desk), desk.ran(None, 2, 2).0), ((false, 0), vec![(1, 1)]));
}
