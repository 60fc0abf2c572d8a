//! What a subscriber knows of one stream after any messages.

use std::collections::{BTreeMap, HashMap};

use pstats_compat::{Calls, Edge, Function, FunctionId, Profile};

use crate::message::{EdgeRow, End, Facts, FunctionRow, Kind, Message, Name, ThreadRow, WireError};

/// Functions, edges and threads that are kept at most: a process that has more is not believed.
const MOST: usize = 16_000_000;

/// Figures, in ticks: finished calls, and open ones beside them. Sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Finished calls.
    pub ncalls: u64,
    /// Those that were not recursive.
    pub primitive_calls: u64,
    /// Ticks in the function itself, in finished calls.
    pub tottime: i64,
    /// Ticks in it and all that it called, in finished outermost calls.
    pub cumtime: i64,
    /// Calls that are open.
    pub open: u64,
    /// In how many threads any is.
    pub open_threads: u64,
    /// Ticks in the function itself in open calls so far.
    pub open_tottime: i64,
    /// Ticks since the outermost open call began.
    pub open_cumtime: i64,
}

impl Figures {
    /// `self + other`, wrapping: a hostile process may send anything.
    fn plus(self, other: Figures) -> Figures {
        Figures {
            ncalls: self.ncalls.wrapping_add(other.ncalls),
            primitive_calls: self.primitive_calls.wrapping_add(other.primitive_calls),
            tottime: self.tottime.wrapping_add(other.tottime),
            cumtime: self.cumtime.wrapping_add(other.cumtime),
            open: self.open.wrapping_add(other.open),
            open_threads: self.open_threads.wrapping_add(other.open_threads),
            open_tottime: self.open_tottime.wrapping_add(other.open_tottime),
            open_cumtime: self.open_cumtime.wrapping_add(other.open_cumtime),
        }
    }

    fn minus(self, other: Figures) -> Figures {
        Figures {
            ncalls: self.ncalls.wrapping_sub(other.ncalls),
            primitive_calls: self.primitive_calls.wrapping_sub(other.primitive_calls),
            tottime: self.tottime.wrapping_sub(other.tottime),
            cumtime: self.cumtime.wrapping_sub(other.cumtime),
            open: self.open.wrapping_sub(other.open),
            open_threads: self.open_threads.wrapping_sub(other.open_threads),
            open_tottime: self.open_tottime.wrapping_sub(other.open_tottime),
            open_cumtime: self.open_cumtime.wrapping_sub(other.open_cumtime),
        }
    }
}

impl From<&FunctionRow> for Figures {
    fn from(row: &FunctionRow) -> Self {
        Self {
            ncalls: row.ncalls,
            primitive_calls: row.primitive_calls,
            tottime: row.tottime,
            cumtime: row.cumtime,
            open: row.open,
            open_threads: u64::from(row.open > 0),
            open_tottime: row.open_tottime,
            open_cumtime: row.open_cumtime,
        }
    }
}

impl From<&EdgeRow> for Figures {
    fn from(row: &EdgeRow) -> Self {
        Self {
            ncalls: row.ncalls,
            primitive_calls: row.primitive_calls,
            tottime: row.tottime,
            cumtime: row.cumtime,
            open: row.open,
            open_threads: u64::from(row.open > 0),
            open_tottime: row.open_tottime,
            open_cumtime: row.open_cumtime,
        }
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was taken in.
    Taken,
    /// It is older than what is known.
    Old,
}

/// A stream, as far as its messages have come. Functions keep the numbers that the process gave them.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// What the newest message says beside its rows.
    head: Message,
    facts: Facts,
    /// The full message that is built on, if it has come.
    base: Option<u64>,
    lost: u64,
    names: BTreeMap<u32, Name>,
    functions: Table<u32>,
    edges: Table<(u32, u32)>,
    /// Who calls a function, and whom it calls.
    neighbours: HashMap<u32, Vec<(u32, u32)>>,
}

/// Rows by thread, and their sums over all threads.
#[derive(Clone, Debug)]
struct Table<K> {
    rows: HashMap<(u64, K), Figures>,
    sums: HashMap<K, Figures>,
    threads: HashMap<u64, Figures>,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self { rows: HashMap::new(), sums: HashMap::new(), threads: HashMap::new() }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Table<K> {
    /// True if the key is new.
    fn set(&mut self, thread: u64, key: K, figures: Figures) -> bool {
        let old = self.rows.insert((thread, key), figures).unwrap_or_default();
        let of_thread = self.threads.entry(thread).or_default();
        *of_thread = of_thread.plus(figures).minus(old);
        let known = self.sums.len();
        let sum = self.sums.entry(key).or_default();
        *sum = sum.plus(figures).minus(old);
        self.sums.len() > known
    }

    fn get(&self, thread: Option<u64>, key: K) -> Option<&Figures> {
        match thread {
            None => self.sums.get(&key),
            Some(thread) => self.rows.get(&(thread, key)),
        }
    }
}

impl Model {
    /// Takes a message in. After an error nothing has changed.
    pub fn apply(&mut self, mut message: Message) -> Result<Applied, WireError> {
        self.check(&message)?;
        if self.head.seq > 0 && message.seq <= self.head.seq {
            return Ok(Applied::Old);
        }
        // Before the first message nothing was sent to us, so nothing is lost.
        if self.head.seq > 0 {
            self.lost += message.seq - self.head.seq - 1;
        }
        if message.kind == Kind::Full || message.epoch != self.head.epoch {
            self.names.clear();
            self.functions = Table::default();
            self.edges = Table::default();
            self.neighbours.clear();
            self.base = None;
        }
        if message.kind == Kind::Full {
            self.base = Some(message.seq);
        }
        if let Some(facts) = message.facts.take() {
            self.facts = facts;
        }
        for name in std::mem::take(&mut message.functions) {
            self.names.insert(name.function, name);
        }
        for row in std::mem::take(&mut message.rows) {
            self.functions.set(row.thread, row.function, (&row).into());
        }
        for row in std::mem::take(&mut message.edges) {
            let pair = (row.caller, row.callee);
            if self.edges.set(row.thread, pair, (&row).into()) {
                self.neighbours.entry(row.caller).or_default().push(pair);
                if row.caller != row.callee {
                    self.neighbours.entry(row.callee).or_default().push(pair);
                }
            }
        }
        self.head = message;
        Ok(Applied::Taken)
    }

    fn check(&self, message: &Message) -> Result<(), WireError> {
        let is_sound = |time: f64| time.is_finite() && time >= 0.0;
        if !(message.tick > 0.0 && message.tick <= 1.0) {
            return Err(WireError::Contradiction("a tick is 0 to 1 second long"));
        }
        if ![message.age, message.time, message.interval].into_iter().all(is_sound) {
            return Err(WireError::Contradiction("times are not negative"));
        }
        if message.seq == 0 || message.base > message.seq {
            return Err(WireError::Contradiction("a message builds on an earlier one"));
        }
        let new = message.rows.len() + message.edges.len() + message.functions.len() + message.threads.len();
        let kept = match message.kind {
            Kind::Full => 0,
            Kind::Delta => self.names.len() + self.functions.rows.len() + self.edges.rows.len(),
        };
        if new + kept > MOST { Err(WireError::TooMany(MOST)) } else { Ok(()) }
    }

    /// The stream's id.
    pub fn id(&self) -> &str {
        &self.head.id
    }

    /// About the process. Empty before the first full message.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The newest message's number; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.head.seq
    }

    /// What the newest message says beside its rows: `time`, `age`, `interval`, `paused` and so on.
    pub fn head(&self) -> &Message {
        &self.head
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<&End> {
        self.head.end.as_ref()
    }

    /// Messages that did not come.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether all that the newest message builds on has come.
    pub fn is_complete(&self) -> bool {
        self.base == Some(self.head.base)
    }

    /// The threads.
    pub fn threads(&self) -> &[ThreadRow] {
        &self.head.threads
    }

    /// All functions that have a name, by their numbers.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Name> {
        self.names.values()
    }

    /// A function's name.
    pub fn name(&self, function: u32) -> Option<&Name> {
        self.names.get(&function)
    }

    /// A function's figures, in all threads or in one.
    pub fn function(&self, thread: Option<u64>, function: u32) -> Option<&Figures> {
        self.functions.get(thread, function)
    }

    /// Edges (caller, callee), of all functions or those that begin or end at one, in all threads or in one.
    pub fn edges(&self, of: Option<u32>, thread: Option<u64>) -> Vec<((u32, u32), Figures)> {
        let figures = |pair: &(u32, u32)| Some((*pair, *self.edges.get(thread, *pair)?));
        match of {
            None => self.edges.sums.keys().filter_map(figures).collect(),
            Some(function) => {
                self.neighbours.get(&function).into_iter().flatten().filter_map(figures).collect()
            }
        }
    }

    /// Finished calls, and ticks in all functions themselves, open calls included; in all threads or in one.
    pub fn sum(&self, thread: Option<u64>) -> (u64, i64) {
        let of_threads = self
            .functions
            .threads
            .iter()
            .filter(|(number, _)| thread.is_none_or(|thread| thread == **number));
        of_threads.fold((0_u64, 0_i64), |(calls, ticks), (_, figures)| {
            let own = figures.tottime.wrapping_add(figures.open_tottime);
            (calls.wrapping_add(figures.ncalls), ticks.wrapping_add(own))
        })
    }

    /// Ticks in seconds.
    pub fn seconds(&self, ticks: i64) -> f64 {
        let ticks = if self.facts.clock == "timer" { ticks } else { ticks.max(0) };
        ticks as f64 * self.head.tick
    }

    /// Figures as a profile has them that is ended now: open calls return at this moment.
    pub fn as_ended(&self, figures: &Figures) -> Calls {
        Calls {
            ncalls: figures.ncalls.saturating_add(figures.open),
            primitive_calls: figures.primitive_calls.saturating_add(figures.open_threads),
            tottime: self.seconds(figures.tottime.wrapping_add(figures.open_tottime)),
            cumtime: self.seconds(figures.cumtime.wrapping_add(figures.open_cumtime)),
        }
    }

    /// All of it as a profile, as if it was ended now; of one thread, if wanted. After the last message this is what the
    /// process itself saved.
    pub fn profile(&self, thread: Option<u64>) -> Profile {
        let mut places: HashMap<u32, FunctionId> = HashMap::new();
        let mut functions = Vec::new();
        for name in self.names.values() {
            let Some(calls) = self.function(thread, name.function).map(|figures| self.as_ended(figures))
            else {
                continue;
            };
            if calls.ncalls > 0 {
                places.insert(name.function, FunctionId(functions.len() as u32));
                functions.push(labelled(name, calls));
            }
        }
        let edges = self.edges(None, thread).into_iter().filter_map(|((caller, callee), figures)| {
            let calls = self.as_ended(&figures);
            let (caller, callee) = (*places.get(&caller)?, *places.get(&callee)?);
            (calls.ncalls > 0).then_some(Edge { caller, callee, calls })
        });
        let mut edges: Vec<Edge> = edges.collect();
        edges.sort_by_key(|edge| (edge.caller, edge.callee));
        let mut profile = Profile::new(functions, edges);
        profile.metadata.compensated = self.facts.compensated;
        profile.merge_labels();
        profile
    }
}

/// A function of a profile.
pub fn labelled(name: &Name, calls: Calls) -> Function {
    let mut function = Function::new(name.file.0.clone(), name.line, name.name.0.clone(), calls);
    function.qualname = name.qualname.as_ref().map(|qualname| qualname.0.clone());
    function
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
