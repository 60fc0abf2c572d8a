//! Reading while the program runs: what one recorder has counted, and what is open at this moment.
//!
//! Finished calls are read first and the stack after them. A call that ends in between is missing until the next
//! reading; none is counted twice.

use std::collections::HashMap;

use crate::cells::Link;
use crate::clock::Ticks;
use crate::excess::Subject;
use crate::tables::{Counts, Edge, Entry, Frame, FunctionId, Tables};

/// Finished calls, and open ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moment {
    /// What is finished.
    pub counts: Counts,
    /// How many activations are open.
    pub open: u64,
    /// Time in the function itself in open calls, so far.
    pub open_own: Ticks,
    /// Time since the outermost open call began.
    pub open_total: Ticks,
}

/// The tables of one recorder at some moment. Functions and edges keep their places from one reading to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Each function that was called.
    pub functions: Vec<(FunctionId, Moment)>,
    /// Each (caller, callee) pair. Calls without a caller have none.
    pub edges: Vec<((FunctionId, FunctionId), Moment)>,
}

impl Snapshot {
    /// Reads a recorder's tables; any thread may, at any moment. `now` is the clock's reading, or nothing where a custom
    /// timer counts: then open calls have no times.
    ///
    /// Stacks that are switched away (greenlets) have open calls, and no times for them.
    pub fn read(tables: &Tables, now: Option<Ticks>) -> Self {
        let mut places: HashMap<Link<Entry>, usize> = HashMap::new();
        let mut functions: Vec<(FunctionId, Moment)> = Vec::new();
        for entry in tables.entries.iter().skip(1) {
            places.insert(entry, functions.len());
            let counts = Counts {
                recursive_calls: entry.recursive_calls.get(),
                total: entry.total.ticks(),
                ..Counts::default()
            };
            functions.push((entry.function, Moment { counts, open: entry.open.get(), ..Moment::default() }));
        }
        let mut edge_places: HashMap<Link<Edge>, usize> = HashMap::new();
        let mut edges = Vec::new();
        for edge in tables.edges.iter().skip(1) {
            let Some(&callee) = places.get(&edge.callee) else { continue }; // newer than the list of entries
            let counts = edge.counts();
            functions[callee].1.counts.add(&Counts {
                calls: counts.calls,
                own: counts.own,
                ..Counts::default()
            });
            if edge.caller.function != FunctionId::ROOT {
                edge_places.insert(edge, edges.len());
                let pair = (edge.caller.function, edge.callee.function);
                edges.push((pair, Moment { counts, open: edge.open.get(), ..Moment::default() }));
            }
        }
        for excess in tables.excesses.iter() {
            let (own_excess, total_excess) = (excess.own.ticks(), excess.total.ticks());
            match excess.of {
                Subject::Entry(entry) => {
                    if let Some(&place) = places.get(&entry) {
                        functions[place].1.counts.add(&Counts { total_excess, ..Counts::default() });
                    }
                }
                Subject::Edge(edge) => {
                    if let Some(&place) = places.get(&edge.callee) {
                        functions[place].1.counts.add(&Counts { own_excess, ..Counts::default() });
                    }
                    if let Some(&place) = edge_places.get(&edge) {
                        edges[place].1.counts.add(&Counts { own_excess, total_excess, ..Counts::default() });
                    }
                }
            }
        }
        if let Some(now) = now {
            // From the newest call outwards: what is written last is the outermost activation's.
            for (edge, own, total) in open_calls(tables, now) {
                if let Some(&place) = places.get(&edge.callee) {
                    let moment = &mut functions[place].1;
                    moment.open_own = moment.open_own.plus(own);
                    moment.open_total = total;
                }
                if let Some(&place) = edge_places.get(&edge) {
                    let moment = &mut edges[place].1;
                    moment.open_own = moment.open_own.plus(own);
                    moment.open_total = total;
                }
            }
        }
        Self { functions, edges }
    }
}

/// The open calls of the running stack, the newest first: the edge, and how long it has run, itself and in all.
fn open_calls(tables: &Tables, now: Ticks) -> impl Iterator<Item = (Link<Edge>, Ticks, Ticks)> + '_ {
    let mut next = Some(tables.top.get());
    let mut ended = now;
    std::iter::from_fn(move || {
        let frame = next?;
        // The bottom is no call.
        next = Some(frame.below.get()?);
        let (edge, started, children) = steady(&frame);
        let total = at_least_zero(now.since(started));
        let own = at_least_zero(at_least_zero(ended.since(started)).since(children));
        ended = started;
        Some((edge, own, total))
    })
}

/// A frame's fields, all of one call: it may be used anew while it is read.
fn steady(frame: &Frame) -> (Link<Edge>, Ticks, Ticks) {
    const TRIES: usize = 8;
    let read = || (frame.edge.get(), frame.started.ticks(), frame.children.ticks());
    let mut seen = read();
    for _ in 0..TRIES {
        let again = read();
        if (again.0, again.1) == (seen.0, seen.1) {
            break;
        }
        seen = again;
    }
    seen
}

/// A frame that was used anew may seem to begin after the moment that we read; and cycle counters may differ.
fn at_least_zero(time: Ticks) -> Ticks {
    if time.signed() < 0 { Ticks::default() } else { time }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::excess::Kind;
    use crate::recorder::Recorder;
    use crate::totals::Totals;

    fn recorder(keys: &[usize]) -> Recorder {
        let mut recorder = Recorder::new(true);
        for (number, key) in (0..).zip(keys) {
            recorder.define(*key, FunctionId(number), Kind::default());
        }
        recorder
    }

    fn enter(recorder: &mut Recorder, key: usize, now: u64) {
        assert!(recorder.enter(key) || recorder.enter(key));
        recorder.start(Ticks(now));
    }

    fn function(snapshot: &Snapshot, id: u32) -> Moment {
        snapshot.functions.iter().find(|(function, _)| *function == FunctionId(id)).expect("it was called").1
    }

    #[test]
    fn what_is_open_has_its_time() {
        let mut recorder = recorder(&[8, 16]);
        enter(&mut recorder, 8, 100);
        enter(&mut recorder, 16, 110);
        recorder.leave(16, Ticks(130));
        enter(&mut recorder, 16, 150);
        let seen = Snapshot::read(recorder.tables(), Some(Ticks(155)));
        let outer = function(&seen, 0);
        assert_eq!((outer.open, outer.open_own, outer.open_total), (1, Ticks(50 - 20), Ticks(55)));
        let inner = function(&seen, 1);
        assert_eq!((inner.open, inner.open_own, inner.open_total), (1, Ticks(5), Ticks(5)));
        assert_eq!((inner.counts.calls, inner.counts.own), (1, Ticks(20)));
        assert_eq!(seen.edges.len(), 1);
        assert_eq!(seen.edges[0].1, Moment { counts: seen.edges[0].1.counts, ..inner });
    }

    #[test]
    fn of_a_recursion_the_outermost_call_has_the_total() {
        let mut recorder = recorder(&[8]);
        enter(&mut recorder, 8, 0);
        enter(&mut recorder, 8, 10);
        enter(&mut recorder, 8, 30);
        let open = function(&Snapshot::read(recorder.tables(), Some(Ticks(60))), 0);
        assert_eq!((open.open, open.open_own, open.open_total), (3, Ticks(60), Ticks(60)));
    }

    #[test]
    fn with_nothing_open_it_is_the_totals() {
        let mut recorder = recorder(&[8, 16]);
        for now in 0..10 {
            enter(&mut recorder, 8, now * 100);
            enter(&mut recorder, 16, now * 100 + 10);
            recorder.leave(16, Ticks(now * 100 + 20));
            recorder.leave(8, Ticks(now * 100 + 50));
        }
        let seen = Snapshot::read(recorder.tables(), Some(Ticks(5_000)));
        let mut totals = Totals::default();
        totals.add(recorder.tables());
        let functions: Vec<_> = seen.functions.iter().map(|(id, moment)| (*id, moment.counts)).collect();
        assert_eq!(functions, totals.functions().collect::<Vec<_>>());
        let edges: Vec<_> = seen.edges.iter().map(|(pair, moment)| (*pair, moment.counts)).collect();
        assert_eq!(edges, totals.edges());
    }

    #[test]
    fn another_thread_reads_while_calls_come_and_go() {
        let mut recorder = recorder(&[8, 16]);
        let tables = Arc::clone(recorder.tables());
        let done = Arc::new(AtomicBool::new(false));
        let clock = Arc::new(std::sync::atomic::AtomicU64::new(1));
        let (is_done, time) = (Arc::clone(&done), Arc::clone(&clock));
        let reader = std::thread::spawn(move || {
            let mut last = 0;
            let mut readings = 0;
            while !is_done.load(Ordering::Relaxed) || readings == 0 {
                let now = time.load(Ordering::Relaxed);
                let seen = Snapshot::read(&tables, Some(Ticks(now)));
                for (_, moment) in &seen.functions {
                    assert!(moment.open_total.0 <= now, "no call is older than the clock");
                    assert!(moment.open <= 50);
                }
                let calls: u64 = seen.functions.iter().map(|(_, moment)| moment.counts.calls).sum();
                assert!(calls >= last, "finished calls only grow");
                last = calls;
                readings += 1;
            }
        });
        let now = || clock.fetch_add(1, Ordering::Relaxed);
        for _ in 0..2_000 {
            for depth in 0..50 {
                let key = if depth % 2 == 0 { 8 } else { 16 };
                let time = now();
                enter(&mut recorder, key, time);
            }
            for _ in 0..50 {
                recorder.leave_top(Ticks(now()));
            }
        }
        done.store(true, Ordering::Relaxed);
        reader.join().expect("what is read makes sense");
    }
}
