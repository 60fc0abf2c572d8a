//! What a subscriber knows of one stream after any messages.

use pikos_wire::{CoroutineRow, End, Facts, Kind, Message, Name, TasksPart, ThreadRow, WireError, WireText};
use pstats_compat::{Calls, Distribution, Figures, Slowest};

use super::details::{KnownDetails, Threads, size};
use super::known::Known;
use super::names::KnownNames;
use super::neighbours::EdgeChains;
use super::table::KnownTable;
use super::tree::{KnownNode, KnownTrees};
use crate::applied::{Applied, MOST_ID, MOST_TEXT};

/// Functions, edges, nodes and threads that are kept at most: a process that has more is not believed.
const MOST: usize = 16_000_000;

/// Of how a stream ended so much is kept, in characters.
const MOST_DETAIL: usize = 200;

/// A stream, as far as its messages have come. Functions keep the numbers that the process gave them.
#[derive(Clone, Debug, Default)]
pub struct Model {
    /// What the newest message says beside its rows.
    pub(super) head: Message,
    pub(super) facts: Facts,
    has_facts: bool,
    /// The full message that is built on, if it has come.
    base: Option<u64>,
    lost: u64,
    pub(super) names: KnownNames,
    pub(super) functions: KnownTable<u32>,
    pub(super) edges: KnownTable<(u32, u32)>,
    /// Who calls a function, and whom it calls.
    neighbours: EdgeChains,
    pub(super) tree: KnownTrees,
    pub(super) details: KnownDetails,
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
            self.functions.clear();
            self.edges.clear();
            self.neighbours.clear();
            self.details.clear();
            self.base = None;
        }
        if message.epoch != self.head.epoch {
            self.names.clear();
            self.tree.clear();
        }
        if let Some(tree) = message.tree.take() {
            self.tree.apply(tree, message.seq);
        }
        let names = std::mem::take(&mut message.functions);
        match message.kind {
            Kind::Full => {
                self.base = Some(message.seq);
                self.names.replace(names);
                self.functions.reserve(message.rows.len());
                self.edges.reserve(message.edges.len());
                self.neighbours.reserve(message.edges.len());
            }
            Kind::Delta => self.names.add(names),
        }
        if let Some(facts) = message.facts.take() {
            self.facts = facts;
            self.has_facts = true;
        }
        for row in std::mem::take(&mut message.rows) {
            self.functions.set(row.thread, row.function, (&row).into());
        }
        for row in std::mem::take(&mut message.edges) {
            if self.edges.set(row.thread, (row.caller, row.callee), (&row).into()).is_some() {
                self.neighbours.add(row.caller, row.callee);
            }
        }
        self.details.set(message.idle.take(), message.durations.take());
        if let Some(end) = &mut message.end {
            [&mut end.how, &mut end.detail].into_iter().for_each(shorten);
        }
        self.head = message;
        Ok(Applied::Taken)
    }

    fn check(&self, message: &Message) -> Result<(), WireError> {
        let is_sound = |time: f64| time.is_finite() && time >= 0.0;
        if !(message.tick > 0.0 && message.tick <= 1.0) {
            return Err(WireError::Contradiction("a tick is 0 to 1 second long"));
        }
        let recorded = message.recorded.unwrap_or_default();
        let times = [message.age, message.time, message.interval, recorded.elapsed, recorded.cpu];
        let sampled = message.sampled.unwrap_or_default();
        let sampled = [sampled.asked, sampled.mean, sampled.deviation, sampled.cpu];
        if !times.into_iter().chain(sampled).all(is_sound) {
            return Err(WireError::Contradiction("times are not negative"));
        }
        if message.seq == 0 || message.base > message.seq {
            return Err(WireError::Contradiction("a message builds on an earlier one"));
        }
        let nodes = match &message.tree {
            Some(part) if message.epoch != self.head.epoch => {
                KnownTrees::default().check(part, message.seq)?
            }
            Some(part) => self.tree.check(part, message.seq)?,
            None => self.tree.nodes(),
        };
        let rows = message.rows.len() + message.edges.len() + message.functions.len() + message.threads.len();
        let rows = rows + message.labels.iter().map(|row| 1 + row.labels.len()).sum::<usize>();
        let durations: usize = message.durations.iter().flatten().map(size).sum();
        let rows = rows + message.idle.as_ref().map_or(0, Vec::len) + durations;
        let rows = rows + message.tasks.as_ref().map_or(0, TasksPart::rows);
        let new = rows + nodes;
        let (kept, kept_text) = match message.kind {
            Kind::Full => (0, 0),
            Kind::Delta => {
                let rows = self.functions.rows() + self.edges.rows() + self.details.size();
                (self.names.iter().len() + rows, self.names.bytes())
            }
        };
        if new + kept > MOST {
            return Err(WireError::TooMany(MOST));
        }
        if message.id.len() > MOST_ID || text_of(message) + kept_text > MOST_TEXT {
            return Err(WireError::TooMuchText(MOST_TEXT));
        }
        Ok(())
    }

    /// The stream's id.
    pub fn id(&self) -> &str {
        &self.head.id
    }

    /// About the process. Empty before the first full message.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether a full message has come: until then it isn't known whose the figures are.
    pub fn has_facts(&self) -> bool {
        self.has_facts
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
        self.names.iter()
    }

    /// A function's name.
    pub fn name(&self, function: u32) -> Option<&Name> {
        self.names.get(function)
    }

    /// What is known of a function, in all threads or in one.
    pub fn function(&self, thread: Option<u64>, function: u32) -> Option<Known> {
        self.functions.get(thread, function)
    }

    /// Edges (caller, callee), of all functions or those that begin or end at one, in all threads or in one.
    pub fn edges(&self, of: Option<u32>, thread: Option<u64>) -> Vec<((u32, u32), Known)> {
        let known = |pair: (u32, u32)| Some((pair, self.edges.get(thread, pair)?));
        match of {
            None => self.edges.keys().filter_map(known).collect(),
            Some(function) => {
                let places = self.neighbours.of(function);
                places.filter_map(|place| known(self.edges.key(place))).collect()
            }
        }
    }

    /// Whether the process keeps full stacks.
    pub fn has_tree(&self) -> bool {
        self.facts.tree
    }

    /// The full stacks, in all threads or in one; `None` before any have come. Those below stand before those above, and in front
    /// of all the bottom, which is no stack. They may be a few intervals older than the rest.
    pub fn stacks(&self, thread: Option<u64>) -> Option<Vec<KnownNode>> {
        self.tree.has_come().then(|| self.tree.stacks(thread))
    }

    /// The number of the message that has changed the stacks last; 0 while there are none.
    pub fn stacks_seq(&self) -> u64 {
        self.tree.seq()
    }

    /// Whether all that the newest stacks build on has come.
    pub fn has_all_stacks(&self) -> bool {
        self.tree.is_complete()
    }

    /// Finished calls, and ticks in all functions themselves, open calls included; in all threads or in one.
    pub fn sum(&self, thread: Option<u64>) -> (u64, i64) {
        let (calls, ticks, _) = self.functions.sum(thread);
        (calls, ticks)
    }

    /// Ticks that were waited for the GIL, where these are taken out of the times; in all threads or in one.
    pub fn gil_wait(&self, thread: Option<u64>) -> i64 {
        self.functions.sum(thread).2
    }

    /// Ticks in seconds.
    pub fn seconds(&self, ticks: i64) -> f64 {
        let ticks = if self.facts.clock == "timer" { ticks } else { ticks.max(0) };
        ticks as f64 * self.head.tick
    }

    /// Figures as a profile has them that is ended now: open calls return at this moment.
    pub fn as_ended(&self, known: &Known) -> Calls {
        Calls {
            ncalls: known.ncalls(),
            primitive_calls: known.finished.primitive_calls.saturating_add(known.open_threads),
            tottime: self.seconds(known.tottime()),
            cumtime: self.seconds(known.finished.cumtime.wrapping_add(known.open.cumtime)),
            ..Calls::default()
        }
    }

    /// Seconds that a processor had of a function itself and of all, open calls included, where that is told; in all threads or in
    /// one.
    pub fn cpu(
        &self,
        known: &Known,
        thread: Option<u64>,
        caller: Option<u32>,
        function: u32,
    ) -> Option<(f64, f64)> {
        self.cpu_of(known, thread.as_ref().map(std::slice::from_ref), caller, function)
    }

    /// The same, in all threads or in these.
    pub(super) fn cpu_of(
        &self,
        known: &Known,
        threads: Threads<'_>,
        caller: Option<u32>,
        function: u32,
    ) -> Option<(f64, f64)> {
        self.facts.cpu.then(|| {
            let (own, all) = self.details.idle(threads, caller, function);
            let cumtime = known.finished.cumtime.wrapping_add(known.open.cumtime);
            (self.seconds(known.tottime().wrapping_sub(own)), self.seconds(cumtime.wrapping_sub(all)))
        })
    }

    /// How long the finished calls of a function took, where that is kept; in all threads or in one. Where the slowest was isn't in it.
    pub fn distribution(&self, thread: Option<u64>, function: u32) -> Option<Distribution> {
        self.distribution_of(thread.as_ref().map(std::slice::from_ref), function)
    }

    /// The same, in all threads or in these.
    pub(super) fn distribution_of(&self, threads: Threads<'_>, function: u32) -> Option<Distribution> {
        let seconds = |ticks: u64| ticks as f64 * self.head.tick;
        let rows = self.details.durations(threads, function).map(|row| {
            let slowest = Slowest {
                seconds: seconds(row.max),
                at: row.max_ended.map(|ticks| self.seconds(ticks)),
                stack: Vec::new(),
            };
            let mut distribution = Distribution::new(seconds(row.min), slowest);
            for pair in row.counts.chunks_exact(2).filter(|pair| pair[1] > 0) {
                distribution.add(seconds(pair[0]), pair[1]);
            }
            distribution
        });
        let sum = rows.reduce(|mut sum, more| {
            sum.absorb(&more);
            sum
        });
        sum.filter(|sum| sum.calls() > 0)
    }

    /// A row's figures, in seconds.
    pub fn figures(&self, row: &CoroutineRow) -> Figures {
        Figures {
            started: row.started,
            inherited: row.inherited,
            steps: row.steps,
            returned: row.returned,
            raised: row.raised,
            cancelled: row.cancelled,
            dropped: row.dropped,
            never_awaited: row.never_awaited,
            run: self.seconds(row.run),
            parked: self.seconds(row.parked),
            longest: self.seconds(row.longest),
            longest_at: self.seconds(row.longest_at),
        }
    }
}

/// Cuts a text to what fits a line.
fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(MOST_DETAIL) {
        text.truncate(end);
        text.push('…');
    }
}

/// How many bytes of text a message has.
fn text_of(message: &Message) -> usize {
    let facts = message.facts.iter().flat_map(|facts| {
        let short = [
            &facts.host,
            &facts.python,
            &facts.pikos,
            &facts.clock,
            &facts.hook,
            &facts.system,
            &facts.options,
            &facts.counts,
            &facts.mode,
        ];
        let texts = facts.argv.iter().chain(&facts.command).chain([&facts.folder]).chain(&facts.control);
        let texts = texts.map(WireText::len);
        texts.chain(short.map(String::len))
    });
    let threads = message.threads.iter().map(|row| row.name.len());
    let threads = threads.chain(message.labels.iter().flat_map(|row| &row.labels).map(WireText::len));
    let end = message.end.iter().map(|end| end.how.len() + end.detail.len());
    let tasks = message.tasks.iter().map(TasksPart::bytes);
    facts.chain(threads).chain(end).chain(tasks).chain(message.functions.iter().map(Name::bytes)).sum()
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
