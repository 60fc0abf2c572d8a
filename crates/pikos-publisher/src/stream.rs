//! The messages: what the recorders say now, as a full message or as a delta on the last full one.
//!
//! A message costs what has changed, and a look at what hasn't: each thread's tables are watched, and a row is encoded
//! only if it changed since the base. A [`Stream::snapshot`] is for files: a full message that nobody is sent.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lsprof_engine::{Counts, FunctionId, Numbers, Recorder, Ticks, clock};
use pikos_os::reserve;
use pikos_wire::{Added, EdgeRow, End, Finished, FunctionRow, Kind, Message, Name, Open, Recorded, VERSION};

use super::base::Base;
use super::details::Details;
use super::source::{FOLDED, Rate, Source, State, folded_row};
use super::tasks;
use super::trees::Trees;
use super::watched::WatchedThreads;

/// Address space that must be left before anything is made: at least so much, and so much for each row, in bytes.
const ROOM: u64 = 6 << 20;
const ROOM_OF_A_ROW: u64 = 400;
/// What takes no more than this, in bytes, finds place in the reserve.
const SMALL: u64 = 1 << 20;

/// The stream of one profile.
pub struct Stream {
    source: Arc<Source>,
    /// The functions that are known here, and since which clear: names are copied once.
    names: Vec<Name>,
    names_epoch: u64,
    id: String,
    seq: u64,
    began: Instant,
    /// From one message to the next.
    pub interval: Duration,
    /// Messages that could not be sent.
    pub dropped: u64,
    /// Somebody needs a full message.
    pub wants_full: bool,
    full: Option<Full>,
    /// The threads, as they were for the last message.
    watches: WatchedThreads,
    trees: Trees,
    /// Calls of the threads that are no longer kept apart, after so many folds in this epoch.
    folded_calls: Option<((u64, u64), u64)>,
    /// What our own part of recording takes for one call, in ticks; found out with the first message.
    cost: Option<f64>,
}

/// The last full message.
struct Full {
    base: Base,
    names: usize,
    /// Which update of each thread's watch it was made of.
    updates: HashMap<u64, u32>,
}

impl Stream {
    /// A stream of this profile. It tells its age from now on.
    pub fn new(source: Arc<Source>, interval: Duration) -> Self {
        source.change(|state| state.facts.started = since_epoch());
        Self::of(source, interval)
    }

    fn of(source: Arc<Source>, interval: Duration) -> Self {
        let id = {
            let facts = &source.lock().facts;
            let nanoseconds = (facts.started * 1e9) as u64;
            format!("{}:{}:{nanoseconds:x}", facts.host, facts.pid)
        };
        Self {
            source,
            names: Vec::new(),
            names_epoch: 0,
            id,
            seq: 0,
            began: Instant::now(),
            interval,
            dropped: 0,
            wants_full: true,
            full: None,
            watches: WatchedThreads::default(),
            trees: Trees::default(),
            folded_calls: None,
            cost: None,
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

    /// Whether samples are counted, not calls.
    pub fn is_sampled(&self) -> bool {
        self.source.lock().sampled.is_some()
    }

    /// The process that it is about.
    pub fn pid(&self) -> u32 {
        self.source.lock().facts.pid
    }

    /// Whether nothing is collected now.
    pub fn is_paused(&self) -> bool {
        self.source.lock().paused
    }

    /// Whether there is memory for a message, as far as the system says. Where it is short, the program needs it more.
    pub fn has_room(&self) -> bool {
        reserve::room().is_none_or(|room| room >= ROOM + self.size())
    }

    /// Whether there is memory for a file or for the last message: the reserve does for a small one.
    pub fn has_room_for_once(&self) -> bool {
        self.size() <= SMALL || self.has_room()
    }

    /// What it takes, roughly, to say everything.
    fn size(&self) -> u64 {
        let rows: usize =
            self.watches.iter().map(|(_, watch)| watch.functions().len() + watch.edges().count()).sum();
        ROOM_OF_A_ROW * (rows + self.names.len()) as u64
    }

    /// Finished calls so far, or samples.
    pub fn ncalls(&mut self) -> u64 {
        let state = self.copy_state();
        if let Some(sampled) = state.sampled() {
            return sampled.samples;
        }
        self.watches.read(&state, false);
        self.calls(&state)
    }

    /// All that is known now, for whoever writes it to a file. What is sent later doesn't build on it.
    pub fn snapshot(&mut self) -> Message {
        let state = self.copy_state();
        self.watches.read(&state, state.facts.tree);
        let mut message = self.head(&state, self.seq + 1);
        let known = self.names.len() as u32;
        let whole = || Trees::default().part(message.seq, &state, &self.watches, known, true);
        message.tree = state.facts.tree.then(whole);
        self.fill(&mut message, &state);
        message
    }

    /// Finished calls when the threads were looked at.
    fn calls(&mut self, state: &State) -> u64 {
        let which = (state.epoch, state.folds);
        if self.folded_calls.is_none_or(|(known, _)| known != which) {
            let calls = state.folded.functions().map(|(_, counts)| counts.calls).sum();
            self.folded_calls = Some((which, calls));
        }
        let folded = self.folded_calls.map_or(0, |(_, calls)| calls);
        folded + self.watches.iter().map(|(_, watch)| watch.calls()).sum::<u64>()
    }

    /// What recording is estimated to have taken, in ticks. Nobody knows a custom timer's.
    fn overhead(&mut self, state: &State) -> i64 {
        if let Some(sampled) = state.sampled() {
            return (sampled.cpu / tick(state.rate)) as i64;
        }
        if matches!(state.rate, Rate::Timer(_)) {
            return 0;
        }
        (self.calls(state) as f64 * *self.cost.get_or_insert_with(|| cost_of_a_call(state.looks.is_none())))
            as i64
    }

    /// All but the names, which go to `self.names`.
    fn copy_state(&mut self) -> State {
        let mut state = self.source.lock();
        if state.epoch != self.names_epoch {
            self.names_epoch = state.epoch;
            self.names.clear();
        }
        self.names.extend_from_slice(&state.names[self.names.len()..]);
        let names = std::mem::take(&mut state.names);
        let copy = state.clone();
        state.names = names;
        copy
    }

    /// The next message; with `end` the last one.
    pub fn next(&mut self, end: Option<End>) -> Message {
        let state = self.copy_state();
        self.trees.wants_whole |= self.wants_full;
        let has_tree = state.facts.tree && (end.is_some() || self.trees.are_due());
        self.watches.read(&state, has_tree);
        self.seq += 1;
        let mut message = self.head(&state, self.seq);
        let wants_full = end.is_some() || self.wants_full;
        if has_tree {
            let part =
                self.trees.part(self.seq, &state, &self.watches, self.names.len() as u32, end.is_some());
            message.tree = Some(part);
        }
        let carries = |full: &&Full| !wants_full && full.carries(&state, self.names.len());
        match self.full.as_ref().filter(carries) {
            Some(full) if self.is_worth_it(full) => {
                message.kind = Kind::Delta;
                message.base = full.base.seq;
                message.functions = self.names[full.names..].to_vec();
                self.collect(&state, Some(full), &mut message);
            }
            _ => {
                self.fill(&mut message, &state);
                self.wants_full = false;
                self.full = Some(self.as_full(&state));
            }
        }
        message.end = end;
        message
    }

    /// The last message took so long to be made. Whoever sends it says so, and a large tree comes less often for it.
    pub fn took(&mut self, time: Duration) {
        self.trees.took(time);
    }

    /// What every message says.
    fn head(&mut self, state: &State, seq: u64) -> Message {
        let folded = (state.folds > 0).then(folded_row);
        let (elapsed, cpu) = state.time.read();
        Message {
            v: VERSION,
            id: self.id.clone(),
            seq,
            base: seq,
            epoch: state.epoch,
            time: since_epoch(),
            age: self.age(),
            tick: tick(state.rate),
            paused: state.paused,
            interval: self.interval.as_secs_f64(),
            dropped: self.dropped,
            overhead: self.overhead(state),
            recorded: Some(Recorded {
                elapsed: elapsed.as_secs_f64(),
                cpu: cpu.as_secs_f64(),
                threads: state.threads_seen,
                gil_wait: self.waited(state),
                looks: state.looks.as_ref().map_or(0, |looks| looks.count()),
                look_interval: state.looks.as_ref().map_or(0.0, |looks| looks.interval() * tick(state.rate)),
            }),
            sampled: state.sampled(),
            labels: state.threads.iter().filter_map(|thread| thread.label_row()).collect(),
            tasks: state.coroutines.as_ref().map(|coroutines| {
                tasks::part(coroutines, self.names.len(), !matches!(state.rate, Rate::Timer(_)))
            }),
            threads: folded.into_iter().chain(state.threads.iter().map(|thread| thread.row())).collect(),
            ..Message::default()
        }
    }

    /// Seconds that all threads waited, where that is taken out of the times.
    fn waited(&self, state: &State) -> f64 {
        let threads = state.threads.iter().map(|thread| thread.tables.waited());
        let ticks = threads.fold(state.folded.sum().waited, Ticks::plus);
        ticks.0 as f64 * tick(state.rate)
    }

    /// Makes the message a full one.
    fn fill(&self, message: &mut Message, state: &State) {
        if state.folds > 0 {
            let counted = |counts: &Counts| Numbers { counts: *counts, ..Numbers::default() };
            let functions = state.folded.functions();
            let rows = functions.map(|(id, counts)| function_row(FOLDED, id, &counted(&counts)));
            message.rows.extend(rows.filter(Row::says_anything));
            let edges = state.folded.edges();
            let rows = edges.iter().map(|(pair, counts)| edge_row(FOLDED, *pair, &counted(counts)));
            message.edges.extend(rows.filter(Row::says_anything));
            Details { state, message: &mut *message }.add_folded();
        }
        self.collect(state, None, message);
        message.kind = Kind::Full;
        message.functions.clone_from(&self.names);
        message.facts = Some(state.facts.clone());
    }

    /// What was just said, for others to build on.
    fn as_full(&self, state: &State) -> Full {
        let updates = self.watches.iter().map(|(number, watch)| (number, watch.update()));
        Full { base: Base::of(self.seq, state), names: self.names.len(), updates: updates.collect() }
    }

    /// Whether a delta on this base is better than a new base: the rows that it has to repeat are the fewer ones, or most of
    /// them would come again anyway.
    fn is_worth_it(&self, full: &Full) -> bool {
        let (mut all, mut since_base, mut now) = (0_usize, 0_usize, 0_usize);
        for (number, watch) in self.watches.iter() {
            let (last, first) = (watch.update(), full.update_of(number));
            let functions = watch.functions().iter().map(|row| row.changed);
            for changed in functions.chain(watch.edges().map(|row| row.changed)) {
                all += 1;
                since_base += usize::from(changed > first);
                now += usize::from(changed == last);
            }
        }
        2 * since_base <= all || 2 * now > since_base
    }

    /// The rows of all threads that are kept apart; with a base those that changed since, or that it didn't have.
    fn collect(&self, state: &State, base: Option<&Full>, message: &mut Message) {
        // A function may have been met after the names were copied: it waits for the next message.
        let is_known = |function: FunctionId| (function.0 as usize) < self.names.len();
        let is_in_base = |function: FunctionId| base.is_some_and(|base| (function.0 as usize) < base.names);
        for thread in &state.threads {
            let Some(watch) = self.watches.get(thread.number) else { continue };
            let first = base.map_or(0, |base| base.update_of(thread.number));
            for row in watch.functions() {
                let is_old = is_in_base(row.of);
                if is_known(row.of) && (row.changed > first || !is_old) {
                    let row = function_row(thread.number, row.of, &row.numbers);
                    message.rows.extend((is_old || row.says_anything()).then_some(row));
                }
            }
            if state.tells_idleness || state.keeps_durations {
                let is_told = |changed: u32, is_old: bool| changed > first || !is_old;
                let mut details = Details { state, message };
                for (place, row) in watch.functions().iter().enumerate() {
                    if is_known(row.of) && is_told(row.changed, is_in_base(row.of)) {
                        details.add_function(thread, place, row.of, &row.numbers);
                    }
                }
                for row in watch.edges() {
                    let (caller, callee) = row.of;
                    let is_old = is_in_base(caller) && is_in_base(callee);
                    if is_known(caller) && is_known(callee) && is_told(row.changed, is_old) {
                        details.add_idle(thread.number, Some(caller), callee, &row.numbers);
                    }
                }
            }
            for row in watch.edges() {
                let (caller, callee) = row.of;
                let is_old = is_in_base(caller) && is_in_base(callee);
                if is_known(caller) && is_known(callee) && (row.changed > first || !is_old) {
                    let row = edge_row(thread.number, row.of, &row.numbers);
                    message.edges.extend((is_old || row.says_anything()).then_some(row));
                }
            }
        }
    }
}

impl Full {
    /// Whether a delta on it can say everything, now that there are so many names.
    fn carries(&self, state: &State, names: usize) -> bool {
        self.base.carries(state) && self.names <= names
    }

    /// Which update of a thread's watch it was made of; 0 of a thread that came later.
    fn update_of(&self, thread: u64) -> u32 {
        self.updates.get(&thread).copied().unwrap_or(0)
    }
}

trait Row {
    /// Whether there is anything to say of it.
    fn says_anything(&self) -> bool;
}

impl Row for FunctionRow {
    fn says_anything(&self) -> bool {
        says_anything(&self.finished, &self.open)
    }
}

impl Row for EdgeRow {
    fn says_anything(&self) -> bool {
        says_anything(&self.finished, &self.open)
    }
}

/// Of a call that has ended under other labels there may be times alone.
fn says_anything(finished: &Finished, open: &Open) -> bool {
    finished.ncalls + open.calls > 0 || finished.tottime != 0 || finished.cumtime != 0
}

fn function_row(thread: u64, function: FunctionId, numbers: &Numbers) -> FunctionRow {
    let (finished, open) = figures(numbers);
    let gil_wait = Added(numbers.counts.waited.signed());
    FunctionRow { thread, function: function.0, finished, open, gil_wait }
}

fn edge_row(thread: u64, (caller, callee): (FunctionId, FunctionId), numbers: &Numbers) -> EdgeRow {
    let (finished, open) = figures(numbers);
    EdgeRow { thread, caller: caller.0, callee: callee.0, finished, open }
}

fn figures(Numbers { counts, open }: &Numbers) -> (Finished, Open) {
    // Whoever adds open calls up takes one of them for primitive; of several stacks, the others are in here.
    let other_stacks = open.outermost.saturating_sub(1);
    let finished = Finished {
        ncalls: counts.calls,
        primitive_calls: counts.calls.saturating_sub(counts.recursive_calls) + other_stacks,
        tottime: counts.own.since(counts.own_excess).signed(),
        cumtime: counts.total.since(counts.total_excess).signed(),
    };
    (finished, Open { calls: open.calls, tottime: open.own, cumtime: open.total })
}

/// All that is known of a profile that has ended, for whoever writes it to a file.
pub fn whole(source: &Arc<Source>, end: Option<End>) -> Message {
    Message { end, ..Stream::of(Arc::clone(source), Duration::ZERO).snapshot() }
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

/// What our own part of recording takes for one call, in ticks: tried on a recorder of nobody's. What the interpreter
/// adds to report a call is not in it.
fn cost_of_a_call(is_timed: bool) -> f64 {
    const CALLS: u32 = 5_000;
    const KEY: usize = 64;
    let mut recorder = Recorder::new(true);
    recorder.define(KEY, FunctionId(0), lsprof_engine::Kind::default());
    let start = clock::now();
    recorder.count_only(!is_timed, start);
    for _ in 0..CALLS {
        recorder.enter(KEY);
        if is_timed {
            recorder.start(clock::now());
            recorder.leave(KEY, clock::now());
        } else {
            recorder.start_untimed();
            recorder.leave_untimed(KEY);
        }
    }
    clock::now().since(start).signed().max(0) as f64 / f64::from(CALLS)
}
