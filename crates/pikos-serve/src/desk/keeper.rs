//! The histories of live processes: each message is taken in once, whoever looks.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use pikos_views::{Feed, FunctionId, Live, ProcessId, Shown, StackId, Thread};

use crate::history::{EdgeNumbers, Grown, Growth, History, Known, Of, Threads, in_order};

/// Memory that all histories may take.
const MOST_BYTES: usize = 24 << 20;
/// Edges of all processes together that are told apart, each in 50 bytes.
const MOST_EDGES: usize = 200_000;
/// Figures of single threads, and edges, that may be looked at in a second, of one process,
const CREDIT_PER_S: f64 = 200_000.0;
/// and at once. Where that isn't enough, the process is too large for them to be kept.
const MOST_CREDIT: f64 = 2_000_000.0;

/// The history of each process.
#[derive(Default)]
pub struct Keeper(Vec<Kept>);

struct Kept {
    history: History,
    /// Which messages were taken in: of figures and of stacks.
    sequence: Option<u64>,
    stacks_sequence: u64,
    epoch: u64,
    whole: Known,
    /// Of a process that has several.
    threads: HashMap<u64, KnownThread>,
    /// The only one that it has had, if that is so.
    only: Option<u64>,
    apart: Credit,
    edges: Credit,
    /// So many edges it may have.
    most_edges: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            history: History::default(),
            sequence: None,
            stacks_sequence: 0,
            epoch: 0,
            whole: Known::whole(),
            threads: HashMap::new(),
            only: None,
            apart: Credit::default(),
            edges: Credit::default(),
            most_edges: 0,
        }
    }
}

#[derive(Default)]
struct KnownThread {
    /// Its calls, and the time in its functions, by which is seen whether it did anything.
    sum: (i64, i64),
    /// Whether it did anything since stacks were told last.
    has_moved: bool,
    known: Known,
}

/// What may still be looked at.
struct Credit {
    left: f64,
    /// When it was given last; nothing once it was not enough.
    at: Option<Instant>,
}

impl Default for Credit {
    fn default() -> Self {
        Self { left: MOST_CREDIT, at: Some(Instant::now()) }
    }
}

impl Credit {
    /// Whether so much may be looked at. Once it may not, nothing may: a history with holes would tell lies.
    fn takes(&mut self, amount: usize) -> bool {
        let Some(at) = self.at else { return false };
        let now = Instant::now();
        let more = now.duration_since(at).as_secs_f64() * CREDIT_PER_S;
        self.left = (self.left + more).min(MOST_CREDIT) - amount as f64;
        self.at = (self.left >= 0.0).then_some(now);
        self.at.is_some()
    }

    fn is_spent(&self) -> bool {
        self.at.is_none()
    }
}

/// What is kept of a process.
pub struct Past<'k> {
    pub history: &'k History,
    /// Whether its threads are told apart.
    pub has_threads: bool,
    /// Whether callers are.
    pub has_edges: bool,
}

impl Keeper {
    /// Takes in what is new.
    pub fn follow(&mut self, live: &mut Live<Box<dyn Feed>>, processes: usize) {
        self.0.resize_with(processes, Kept::default);
        let edges: usize = self.0.iter().map(|kept| kept.history.edges.count()).sum();
        let mut room = MOST_EDGES.saturating_sub(edges);
        for (kept, process) in self.0.iter_mut().zip((0u32..).map(ProcessId)) {
            let sequence = live.sequence(process);
            if sequence.is_some() && sequence != kept.sequence {
                let before = kept.history.edges.count();
                kept.most_edges = before + room;
                kept.take(live, process);
                room = (room + before).saturating_sub(kept.history.edges.count());
                kept.sequence = sequence;
            }
        }
        let total: usize = self.0.iter().map(|kept| kept.history.bytes()).sum();
        if total > MOST_BYTES {
            // Each may have the same; what one doesn't need, others have.
            let mut left = MOST_BYTES;
            let mut order: Vec<&mut Kept> = self.0.iter_mut().collect();
            order.sort_by_key(|kept| kept.history.bytes());
            let count = order.len();
            for (place, kept) in order.into_iter().enumerate() {
                kept.history.fit(left / (count - place));
                left -= kept.history.bytes().min(left);
            }
        }
    }

    /// Those of a process, or of all.
    pub fn of(&self, process: Option<ProcessId>) -> Vec<Past<'_>> {
        let kept = match process {
            Some(ProcessId(place)) => self.0.get(place as usize..=place as usize).unwrap_or_default(),
            None => &self.0,
        };
        let past = kept.iter().map(|kept| Past {
            history: &kept.history,
            has_threads: !kept.apart.is_spent(),
            has_edges: !kept.edges.is_spent(),
        });
        past.collect()
    }
}

impl Kept {
    fn take(&mut self, live: &mut Live<Box<dyn Feed>>, process: ProcessId) {
        let Some(run) = live.run(process) else { return };
        if run.epoch != self.epoch {
            // All that is told counts from zero.
            self.epoch = run.epoch;
            (self.whole, self.only) = (Known::whole(), None);
            self.threads.clear();
        }
        let threads = live.threads(process);
        let is_apart = self.part(&threads);
        let mut changed: Vec<(usize, FunctionId)> = Vec::new();
        let mut whole = Grown::default();
        for (place, row) in live.rows(process) {
            if let Some(growth) = self.whole.grown(Of::Functions, place as u32, total(&row.figures)) {
                changed.push((place, row.id));
                whole[Of::Functions as usize].push((row.id.0, growth));
            }
        }
        self.take_edges(live, process, &changed, None, &mut whole);
        if self.edges.is_spent() && self.history.edges.count() > 0 {
            // Nobody is told of them any more.
            self.history.edges = EdgeNumbers::default();
            self.whole.forget_edges();
            self.threads.values_mut().for_each(|thread| thread.known.forget_edges());
            whole[Of::Edges as usize].clear();
        }
        let stacks_sequence = live.stacks_sequence(process);
        let has_stacks = stacks_sequence != std::mem::replace(&mut self.stacks_sequence, stacks_sequence);
        if has_stacks {
            take_stacks(live, process, None, &mut self.whole, &mut whole);
        }
        let apart = match (self.only, is_apart) {
            (Some(only), _) => Threads::Only(only),
            (None, true) => Threads::Apart(self.take_threads(live, process, threads, &changed, has_stacks)),
            (None, false) => Threads::Apart(Box::default()),
        };
        self.history.take(run.started.min(run.time), run.time, &in_order(whole), &apart);
    }

    /// Whether threads are to be told apart; what is known of the first one is its own from when there is a second.
    fn part(&mut self, threads: &[Thread]) -> bool {
        if let [thread] = threads
            && self.threads.is_empty()
            && self.only.is_none_or(|only| only == thread.id)
            && thread.id > 0
        {
            self.only = Some(thread.id);
            return false;
        }
        if let Some(first) = self.only.take() {
            let known = self.whole.clone();
            self.threads.insert(first, KnownThread { sum: (0, 0), has_moved: true, known });
        }
        !self.apart.is_spent()
    }

    fn take_threads(
        &mut self,
        live: &mut Live<Box<dyn Feed>>,
        process: ProcessId,
        threads: Vec<Thread>,
        changed: &[(usize, FunctionId)],
        has_stacks: bool,
    ) -> Box<[(u64, Grown)]> {
        let mut parts = Vec::new();
        if self.threads.len() > threads.len() {
            let listed: HashSet<u64> = threads.iter().map(|thread| thread.id).collect();
            self.threads.retain(|thread, _| listed.contains(thread));
        }
        // 0 is the sum of those that are no longer kept apart: it grows by what they had done before.
        for thread in threads.into_iter().filter(|thread| thread.id > 0) {
            let sum = (thread.ncalls, nanos(thread.tottime));
            let (was, had_moved) =
                self.threads.get(&thread.id).map_or(((0, 0), false), |known| (known.sum, known.has_moved));
            let has_moved = was != sum;
            let is_owed = has_stacks && had_moved;
            if !(has_moved || is_owed) {
                continue;
            }
            if !self.apart.takes(changed.len()) {
                self.threads.clear();
                return Box::default();
            }
            let mut own = self.threads.remove(&thread.id).unwrap_or_default();
            (own.sum, own.has_moved) = (sum, !has_stacks);
            let mut grown = Grown::default();
            let mut ran = Vec::new();
            for (place, id) in changed {
                let figures = live.row_in(process, *place, thread.id);
                let growth = figures
                    .and_then(|figures| own.known.grown(Of::Functions, *place as u32, total(&figures)));
                if let Some(growth) = growth {
                    ran.push((*place, *id));
                    grown[Of::Functions as usize].push((id.0, growth));
                }
            }
            self.take_edges(live, process, &ran, Some((thread.id, &mut own.known)), &mut grown);
            if has_stacks {
                take_stacks(live, process, Some(thread.id), &mut own.known, &mut grown);
            }
            self.threads.insert(thread.id, own);
            parts.push((thread.id, in_order(grown)));
        }
        parts.sort_unstable_by_key(|(thread, _)| *thread);
        parts.into()
    }

    /// Who called the functions that ran: what an edge counts, its callee counts as well.
    fn take_edges(
        &mut self,
        live: &Live<Box<dyn Feed>>,
        process: ProcessId,
        ran: &[(usize, FunctionId)],
        thread: Option<(u64, &mut Known)>,
        grown: &mut Grown,
    ) {
        let Self { whole, history, edges: credit, most_edges, .. } = self;
        let (thread, known) = thread.map_or((None, whole), |(thread, known)| (Some(thread), known));
        for (place, id) in ran {
            if credit.is_spent() {
                return;
            }
            let mut is_too_many = false;
            let count = live.each_caller(process, *place, thread, &mut |caller, figures| {
                let Some(number) = history.edges.number((caller.0, id.0), *most_edges) else {
                    is_too_many = true;
                    return;
                };
                let now = Growth { primitive: figures.ncalls, ..total(figures) };
                if let Some(growth) = known.grown(Of::Edges, number, now) {
                    grown[Of::Edges as usize].push((number, growth));
                }
            });
            credit.takes(if is_too_many { usize::MAX } else { count });
        }
    }
}

fn take_stacks(
    live: &mut Live<Box<dyn Feed>>,
    process: ProcessId,
    thread: Option<u64>,
    known: &mut Known,
    grown: &mut Grown,
) {
    live.each_stack(process, thread, &mut |StackId(id), own| {
        let (calls, own) = (own.ncalls, nanos(own.tottime));
        let now = Growth { calls, primitive: calls, own, cumulative: own };
        if let Some(growth) = known.grown(Of::Stacks, id, now) {
            grown[Of::Stacks as usize].push((id, growth));
        }
    });
}

fn total(figures: &Shown) -> Growth {
    Growth {
        calls: figures.ncalls,
        primitive: figures.primitive_calls,
        own: nanos(figures.tottime),
        cumulative: nanos(figures.cumtime),
    }
}

fn nanos(seconds: f64) -> i64 {
    (seconds * 1e9).round() as i64
}

#[cfg(test)]
#[path = "keeper_tests.rs"]
mod tests;
