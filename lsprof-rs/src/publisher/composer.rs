//! From what was counted to messages: everything, or what has changed since everything was said last.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lsprof_engine::{FunctionId, Moment, Recorder, Snapshot, Ticks, Totals, clock};
use pikos_wire::{EdgeRow, FunctionRow, Kind, Message, Name, ThreadRow, VERSION};

use super::source::{Source, State};

/// Everything is said at least this often.
const FULL_EVERY: Duration = Duration::from_secs(10);

/// The thread number of the sum of ended threads.
const FOLDED: u64 = 0;

/// Makes messages. Remembers what the last full one said.
pub struct Composer {
    id: String,
    seq: u64,
    started: Instant,
    base: Base,
    names: Vec<Name>,
    epoch: u64,
    /// What recording takes for one call, in ticks.
    cost: f64,
    dropped: u64,
}

#[derive(Default)]
struct Base {
    seq: u64,
    made: Option<Instant>,
    names: usize,
    folds: u64,
    threads: HashMap<u64, Rows>,
}

#[derive(Default, Clone)]
struct Rows {
    functions: Vec<FunctionRow>,
    edges: Vec<EdgeRow>,
}

impl Composer {
    /// For a stream of that id.
    pub fn new(id: String) -> Self {
        Self {
            id,
            seq: 0,
            started: Instant::now(),
            base: Base::default(),
            names: Vec::new(),
            epoch: 0,
            cost: cost_of_a_call(),
            dropped: 0,
        }
    }

    /// The next message. `wants_all`: somebody knows nothing yet.
    pub fn compose(&mut self, source: &Source, wants_all: bool, interval: Duration) -> Message {
        let state = source.state(self.names.len(), self.epoch);
        let is_cleared = state.epoch != self.epoch;
        if is_cleared {
            self.names.clear();
            self.epoch = state.epoch;
        }
        self.names.extend(state.names.iter().cloned());
        let (time, age) = (SystemTime::now(), self.started.elapsed());
        let rows = read(&state);
        self.seq += 1;
        let is_full = wants_all
            || is_cleared
            || state.end.is_some()
            || state.folds != self.base.folds
            || self.base.made.is_none_or(|made| made.elapsed() >= FULL_EVERY);
        let calls: u64 = rows.iter().flat_map(|(_, rows)| &rows.functions).map(|row| row.ncalls).sum();
        let tick = state.tick.unwrap_or_else(clock::seconds_per_tick);
        let mut message = Message {
            v: VERSION,
            kind: Kind::Full,
            id: self.id.clone(),
            seq: self.seq,
            base: self.seq,
            epoch: state.epoch,
            time: time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            age: age.as_secs_f64(),
            tick,
            paused: state.paused,
            interval: interval.as_secs_f64(),
            dropped: self.dropped,
            overhead: if state.has_timer { 0 } else { (calls as f64 * self.cost) as i64 },
            facts: None,
            end: state.end.clone(),
            functions: Vec::new(),
            threads: threads(&state),
            rows: Vec::new(),
            edges: Vec::new(),
        };
        if !is_full {
            self.changes(&rows, &mut message);
            let all: usize = rows.iter().map(|(_, rows)| rows.functions.len() + rows.edges.len()).sum();
            if (message.rows.len() + message.edges.len()) * 2 <= all {
                message.kind = Kind::Delta;
                message.base = self.base.seq;
                message.functions = self.names[self.base.names..].to_vec();
                return message;
            }
        }
        message.facts = Some(state.facts.clone());
        message.functions = self.names.clone();
        let has_name = |function| (function as usize) < self.names.len();
        let functions = rows.iter().flat_map(|(_, rows)| &rows.functions);
        let was_called = |row: &&FunctionRow| row.ncalls + row.open > 0 && has_name(row.function);
        message.rows = functions.filter(was_called).copied().collect();
        let edges = rows.iter().flat_map(|(_, rows)| &rows.edges);
        let was_called =
            |row: &&EdgeRow| row.ncalls + row.open > 0 && has_name(row.caller) && has_name(row.callee);
        message.edges = edges.filter(was_called).copied().collect();
        self.base = Base {
            seq: self.seq,
            made: Some(Instant::now()),
            names: self.names.len(),
            folds: state.folds,
            threads: rows.into_iter().collect(),
        };
        message
    }

    /// A message could not be sent.
    pub fn count_dropped(&mut self) {
        self.dropped += 1;
    }

    /// What is not as the base has it. Rows keep their places.
    fn changes(&self, rows: &[(u64, Rows)], message: &mut Message) {
        let nothing = Rows::default();
        // A function that had no name yet was left out of the base; one that has none now comes with the next message.
        let is_new = |function: u32| function as usize >= self.base.names;
        let has_name = |function: u32| (function as usize) < self.names.len();
        for (thread, rows) in rows {
            let base = self.base.threads.get(thread).unwrap_or(&nothing);
            for (place, row) in rows.functions.iter().enumerate() {
                let has_changed = base.functions.get(place) != Some(row) || is_new(row.function);
                if has_changed && has_name(row.function) {
                    message.rows.push(*row);
                }
            }
            for (place, row) in rows.edges.iter().enumerate() {
                let has_changed =
                    base.edges.get(place) != Some(row) || is_new(row.caller) || is_new(row.callee);
                if has_changed && has_name(row.caller) && has_name(row.callee) {
                    message.edges.push(*row);
                }
            }
        }
    }
}

fn threads(state: &State) -> Vec<ThreadRow> {
    let mut threads: Vec<ThreadRow> = state
        .threads
        .iter()
        .map(|thread| ThreadRow {
            thread: thread.number,
            name: thread.name.as_str().into(),
            native_id: thread.native_id,
            is_over: thread.is_over(),
        })
        .collect();
    if state.folds > 0 {
        let name = "ended threads".into();
        threads.push(ThreadRow { thread: FOLDED, name, native_id: 0, is_over: true });
    }
    threads
}

/// The rows of each thread. Takes time, and no lock.
fn read(state: &State) -> Vec<(u64, Rows)> {
    let mut all: Vec<(u64, Rows)> = state
        .threads
        .iter()
        .map(|thread| {
            let now = (!state.has_timer).then(clock::now);
            (thread.number, rows(thread.number, Snapshot::read(&thread.tables, now)))
        })
        .collect();
    if state.folds > 0 {
        all.push((FOLDED, rows(FOLDED, of_totals(&state.folded))));
    }
    all
}

fn of_totals(totals: &Totals) -> Snapshot {
    let moment = |counts| Moment { counts, ..Moment::default() };
    Snapshot {
        functions: totals.functions().map(|(id, counts)| (id, moment(counts))).collect(),
        edges: totals.edges().iter().map(|(pair, counts)| (*pair, moment(*counts))).collect(),
    }
}

fn rows(thread: u64, snapshot: Snapshot) -> Rows {
    let function = |(FunctionId(function), moment): (FunctionId, Moment)| {
        let counts = moment.counts;
        FunctionRow {
            thread,
            function,
            ncalls: counts.calls,
            primitive_calls: counts.calls.saturating_sub(counts.recursive_calls),
            tottime: counts.own.since(counts.own_excess).signed(),
            cumtime: counts.total.since(counts.total_excess).signed(),
            open: moment.open,
            open_tottime: moment.open_own.signed(),
            open_cumtime: moment.open_total.signed(),
        }
    };
    let edge = |((caller, callee), moment): ((FunctionId, FunctionId), Moment)| {
        let row = function((callee, moment));
        EdgeRow {
            thread,
            caller: caller.0,
            callee: callee.0,
            ncalls: row.ncalls,
            primitive_calls: row.primitive_calls,
            tottime: row.tottime,
            cumtime: row.cumtime,
            open: row.open,
            open_tottime: row.open_tottime,
            open_cumtime: row.open_cumtime,
        }
    };
    Rows {
        functions: snapshot.functions.into_iter().map(function).collect(),
        edges: snapshot.edges.into_iter().map(edge).collect(),
    }
}

/// What our own part of recording takes for one call, in ticks: tried on a recorder of nobody's. What the interpreter
/// adds to that is not in it.
fn cost_of_a_call() -> f64 {
    const CALLS: u32 = 5_000;
    const KEY: usize = 64;
    let mut recorder = Recorder::new(true);
    recorder.define(KEY, FunctionId(0), lsprof_engine::Kind::default());
    recorder.enter(KEY);
    recorder.start(Ticks::default());
    recorder.leave(KEY, Ticks::default());
    let start = clock::now();
    for _ in 0..CALLS {
        recorder.enter(KEY);
        recorder.start(clock::now());
        recorder.leave(KEY, clock::now());
    }
    clock::now().since(start).signed().max(0) as f64 / f64::from(CALLS)
}

/// What tests and the publisher call a stream: one run of one profile on one host.
pub fn stream_id(host: &str, pid: u32, number: u32) -> String {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{host}:{pid}:{number}:{nanoseconds:x}")
}
