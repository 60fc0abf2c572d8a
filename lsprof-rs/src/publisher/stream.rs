//! The messages: what the recorders say now, as a full message or as a delta on the last full one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lsprof_engine::{Counts, FunctionId, Numbers, Reader, Reading, Totals, clock};
use pikos_wire::{EdgeRow, End, FunctionRow, Kind, Message, ThreadRow, VERSION};

use super::source::{Rate, Source, State, folded_row};

/// After so long a full message comes anyway.
const FULL_EVERY: Duration = Duration::from_secs(10);

/// The number of the row of threads that were added together.
const FOLDED: u64 = 0;

/// The stream of one profile.
pub struct Stream {
    source: Arc<Source>,
    reader: Reader,
    id: String,
    seq: u64,
    began: Instant,
    /// From one message to the next.
    pub interval: Duration,
    /// Messages that could not be sent.
    pub dropped: u64,
    /// Somebody needs a full message.
    pub wants_full: bool,
    base: Option<Base>,
}

/// The last full message.
struct Base {
    seq: u64,
    epoch: u64,
    folds: u64,
    names: usize,
    at: Instant,
    /// By thread, in the order in which its tables keep them: later readings have the same order.
    threads: HashMap<u64, BaseRows>,
}

/// A thread's rows in the last full message; `None` for those that have changed since.
#[derive(Default)]
struct BaseRows {
    functions: Vec<Option<FunctionRow>>,
    edges: Vec<Option<EdgeRow>>,
}

/// A thread's rows.
#[derive(Clone, Default)]
pub struct Rows {
    /// By function.
    pub functions: Vec<FunctionRow>,
    /// By caller and callee.
    pub edges: Vec<EdgeRow>,
}

impl Stream {
    /// A stream of this profile. It tells its age from now on.
    pub fn new(source: Arc<Source>, interval: Duration) -> Self {
        let now = since_epoch();
        let id = {
            let mut state = source.lock();
            state.facts.started = now;
            let nanoseconds = (now * 1e9) as u64;
            format!("{}:{}:{nanoseconds:x}", state.facts.host, state.facts.pid)
        };
        Self {
            source,
            reader: Reader::default(),
            id,
            seq: 0,
            began: Instant::now(),
            interval,
            dropped: 0,
            wants_full: true,
            base: None,
        }
    }

    /// Tells it apart from all others.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Messages made so far.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Seconds since it began.
    pub fn age(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Whether nothing is collected now.
    pub fn is_paused(&self) -> bool {
        self.source.lock().paused
    }

    /// Finished calls so far.
    pub fn ncalls(&mut self) -> u64 {
        let state = self.source.lock().clone();
        self.read(&state).iter().flat_map(|(_, rows)| &rows.functions).map(|row| row.ncalls).sum()
    }

    /// All that is known now, for whoever writes it to a file.
    pub fn look(&mut self) -> (State, Vec<(ThreadRow, Rows)>) {
        let state = self.source.lock().clone();
        let rows = self.read(&state);
        (state, rows)
    }

    /// The next message; with `end` the last one.
    pub fn next(&mut self, end: Option<End>) -> Message {
        let (state, threads) = self.look();
        self.seq += 1;
        let mut message = Message {
            v: VERSION,
            id: self.id.clone(),
            seq: self.seq,
            base: self.seq,
            epoch: state.epoch,
            time: since_epoch(),
            age: self.age(),
            tick: tick(state.rate),
            paused: state.paused,
            interval: self.interval.as_secs_f64(),
            dropped: self.dropped,
            threads: threads.iter().map(|(row, _)| row.clone()).collect(),
            ..Message::default()
        };
        match self.base.as_mut().filter(|base| base.carries(&state, end.is_some() || self.wants_full)) {
            Some(base) => {
                let (rows, edges) = base.changes(&threads);
                let all: usize =
                    threads.iter().map(|(_, rows)| rows.functions.len() + rows.edges.len()).sum();
                if 2 * (rows.len() + edges.len()) <= all {
                    message.kind = Kind::Delta;
                    message.base = base.seq;
                    message.functions = state.names[base.names..].to_vec();
                    (message.rows, message.edges) = (rows, edges);
                } else {
                    self.fill(&mut message, state, threads);
                }
            }
            None => self.fill(&mut message, state, threads),
        }
        message.end = end;
        message
    }

    /// Makes the message a full one.
    fn fill(&mut self, message: &mut Message, state: State, threads: Vec<(ThreadRow, Rows)>) {
        for (_, rows) in &threads {
            message.rows.extend(rows.functions.iter().filter(|row| row.has_calls()));
            message.edges.extend(rows.edges.iter().filter(|row| row.has_calls()));
        }
        self.wants_full = false;
        self.base = Some(Base {
            seq: self.seq,
            epoch: state.epoch,
            folds: state.folds,
            names: state.names.len(),
            at: Instant::now(),
            threads: threads.into_iter().map(|(row, rows)| (row.thread, rows.into())).collect(),
        });
        message.kind = Kind::Full;
        message.functions = state.names;
        message.facts = Some(state.facts);
    }

    fn read(&mut self, state: &State) -> Vec<(ThreadRow, Rows)> {
        let clock = match state.rate {
            Rate::Timer(_) => None,
            _ => Some(clock::now as fn() -> lsprof_engine::Ticks),
        };
        let mut threads = Vec::with_capacity(state.threads.len() + 1);
        if state.folds > 0 {
            threads.push((folded_row(), rows_of_totals(&state.folded)));
        }
        for thread in &state.threads {
            let reading = self.reader.read(&thread.tables, clock);
            threads.push((thread.row(), rows(thread.number, &reading)));
        }
        // A function may have been met after the names were copied: it waits for the next message, and so does what
        // comes after it, so that places stay.
        let is_new = |function: u32| function as usize >= state.names.len();
        for (_, rows) in &mut threads {
            let known = rows.functions.iter().position(|row| is_new(row.function));
            rows.functions.truncate(known.unwrap_or(usize::MAX));
            let known = rows.edges.iter().position(|row| is_new(row.caller) || is_new(row.callee));
            rows.edges.truncate(known.unwrap_or(usize::MAX));
        }
        threads
    }
}

impl Base {
    /// Whether a delta on it can say everything.
    fn carries(&self, state: &State, wants_full: bool) -> bool {
        !wants_full
            && self.epoch == state.epoch
            && self.folds == state.folds
            && self.names <= state.names.len()
            && self.at.elapsed() < FULL_EVERY
    }

    /// The rows that differ from its own, or did so before: a row that was in one delta is in all later ones, so that
    /// nobody has to keep the base beside what came after it.
    fn changes(&mut self, threads: &[(ThreadRow, Rows)]) -> (Vec<FunctionRow>, Vec<EdgeRow>) {
        let (mut functions, mut edges) = (Vec::new(), Vec::new());
        for (thread, rows) in threads {
            let before = self.threads.entry(thread.thread).or_default();
            collect_changes(&mut before.functions, &rows.functions, &mut functions);
            collect_changes(&mut before.edges, &rows.edges, &mut edges);
        }
        (functions, edges)
    }
}

impl From<Rows> for BaseRows {
    fn from(rows: Rows) -> Self {
        Self {
            functions: rows.functions.into_iter().map(Some).collect(),
            edges: rows.edges.into_iter().map(Some).collect(),
        }
    }
}

trait Row: Copy + PartialEq {
    /// Whether there is anything to say of it.
    fn has_calls(&self) -> bool;
}

impl Row for FunctionRow {
    fn has_calls(&self) -> bool {
        self.ncalls + self.open > 0
    }
}

impl Row for EdgeRow {
    fn has_calls(&self) -> bool {
        self.ncalls + self.open > 0
    }
}

fn collect_changes<T: Row>(before: &mut Vec<Option<T>>, now: &[T], changed: &mut Vec<T>) {
    let known = before.len();
    for (at, row) in now.iter().enumerate() {
        let is_changed = if at < known { before[at].as_ref() != Some(row) } else { row.has_calls() };
        if is_changed {
            changed.push(*row);
        }
        match before.get_mut(at) {
            Some(before) if is_changed => *before = None,
            Some(_) => {}
            None => before.push((!is_changed).then_some(*row)),
        }
    }
}

fn rows(thread: u64, reading: &Reading) -> Rows {
    Rows {
        functions: reading.functions.iter().map(|(id, numbers)| function_row(thread, *id, numbers)).collect(),
        edges: reading.edges.iter().map(|(pair, numbers)| edge_row(thread, *pair, numbers)).collect(),
    }
}

fn rows_of_totals(totals: &Totals) -> Rows {
    let finished = |counts: &Counts| Numbers { counts: *counts, ..Numbers::default() };
    Rows {
        functions: totals
            .functions()
            .map(|(id, counts)| function_row(FOLDED, id, &finished(&counts)))
            .collect(),
        edges: totals
            .edges()
            .iter()
            .map(|(pair, counts)| edge_row(FOLDED, *pair, &finished(counts)))
            .collect(),
    }
}

fn function_row(thread: u64, function: FunctionId, numbers: &Numbers) -> FunctionRow {
    let Numbers { counts, open } = numbers;
    FunctionRow {
        thread,
        function: function.0,
        ncalls: counts.calls,
        primitive_calls: counts.calls.saturating_sub(counts.recursive_calls),
        tottime: counts.own.since(counts.own_excess).signed(),
        cumtime: counts.total.since(counts.total_excess).signed(),
        open: open.calls,
        open_tottime: open.own,
        open_cumtime: open.total,
    }
}

fn edge_row(thread: u64, (caller, callee): (FunctionId, FunctionId), numbers: &Numbers) -> EdgeRow {
    let row = function_row(thread, callee, numbers);
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
}

/// Seconds of one tick.
pub fn tick(rate: Rate) -> f64 {
    match rate {
        Rate::Clock => clock::seconds_per_tick(),
        Rate::Fixed(seconds) | Rate::Timer(seconds) => seconds,
    }
}

/// Seconds since 1970.
pub fn since_epoch() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
