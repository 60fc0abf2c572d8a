//! Processes at work as a source: rates from absolute numbers, and the sum of all processes.
//!
//! What a process told is somebody else's (`Feed`, `Told`); this keeps what only a view needs: one id
//! for a function in all processes, and what the figures were one message ago.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pstats_compat::{Calls, Function, Profile};

use super::source::{Command, Query, Source};
use crate::forest::{Forest, Part, Paths};
use crate::memory::{Facts, Memory};
use crate::names::Names;
use crate::picture::{
    Edge, Edges, Figures, FunctionId, Health, Meaning, Picture, Process, ProcessId, Row, Scope, Stacks,
    Status, Thread, Tree,
};
use crate::printable::printable;

/// Messages are looked for this often; with the pace of pictures, it is what a figure on screen may be older than its
/// interval.
const PACE: Duration = Duration::from_millis(15);

/// The figures of one function or edge, as a process tells them: all since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Told {
    pub calls: Calls,
    /// The part of `calls.cumtime` in activations that are still open, in seconds.
    pub in_flight: f64,
    pub open: u32,
}

/// A thread, and what all of its functions add up to.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldThread {
    pub id: u64,
    pub name: String,
    pub is_over: bool,
    pub ncalls: u64,
    pub tottime: f64,
}

/// A full stack, as a process tells it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ToldStack {
    /// The stack without its top, by its place: an earlier one.
    pub parent: Option<u32>,
    /// The function on top; `None` where its name did not come.
    pub function: Option<usize>,
    /// Calls, those that are open included.
    pub ncalls: u64,
    /// Seconds with exactly this stack.
    pub tottime: f64,
    /// Seconds since the open call with this stack began.
    pub in_flight: f64,
    pub open: u32,
}

/// Full stacks, and what was cut off them: calls and seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToldStacks {
    pub list: Vec<ToldStack>,
    pub cut: (u64, f64),
}

/// One process, as far as its messages have come. Functions are numbered from 0 in each process, and
/// a number never means another function.
pub trait Target {
    fn title(&self) -> String;
    fn pid(&self) -> u32;
    /// Its host, if that is not this one.
    fn host(&self) -> Option<String>;
    fn status(&self) -> Status;
    fn health(&self) -> Health;
    /// Changes with every message that was taken in.
    fn sequence(&self) -> u64;
    /// Seconds from its start to its last message, by its own clock.
    fn age(&self) -> f64;
    /// How many functions it has named.
    fn functions(&self) -> usize;
    /// The label of a function, without figures.
    fn label(&self, function: usize) -> Function;
    /// The figures of a function, in all threads or in one; `None` if it has no row there.
    fn figures(&self, function: usize, thread: Option<u64>) -> Option<Told>;
    /// Edges (caller, callee), of all functions or of those that begin or end at one.
    fn edges(&self, of: Option<usize>, thread: Option<u64>, each: &mut dyn FnMut(usize, usize, Told));
    fn threads(&self) -> Vec<ToldThread>;
    /// Whether it keeps full stacks.
    fn has_tree(&self) -> bool {
        false
    }
    /// Changes with every message that tells of them; 0 before the first.
    fn stacks_sequence(&self) -> u64 {
        0
    }
    /// Those of all threads or of one; `None` before any have come.
    fn stacks(&self, _thread: Option<u64>) -> Option<ToldStacks> {
        None
    }
    /// All that it told, as a profile; of one thread, if wanted.
    fn profile(&self, thread: Option<u64>) -> Profile;
    /// What it is, if it is a recorder: then it has no functions.
    fn recorder(&self) -> Option<Facts> {
        None
    }
}

/// Where messages come from.
pub trait Feed {
    /// Takes in what has come. True if anything has.
    fn poll(&mut self) -> bool;
    /// Whether there was too much for one time.
    fn is_behind(&self) -> bool {
        false
    }
    /// All processes that were ever heard of, in that order.
    fn targets(&self) -> Vec<&dyn Target>;
    /// What a recorder among them has told.
    fn memory(&mut self, _target: usize) -> Option<Memory> {
        None
    }
    /// Tells one of them; waits for its answer.
    fn command(&mut self, target: usize, command: Command) -> Result<(), String>;
}

/// Processes at work.
pub struct Live<F> {
    feed: F,
    names: Names,
    /// One for each target.
    tracks: Vec<Track>,
    /// The thread that is looked at has a track of its own.
    thread: Option<(ProcessId, u64, Track)>,
    paths: Paths,
    /// The stacks that were made last: of what scope, and of which of each process's.
    stacks: Option<(Scope, Vec<u64>, Stacks)>,
    tick: u64,
    next_tick: Instant,
}

/// The figures of a process at its last message, and how fast they grew before it.
#[derive(Default)]
struct Track {
    sequence: Option<u64>,
    age: f64,
    /// Each function of the process; without figures it has no row.
    functions: Vec<(FunctionId, Option<Figures>)>,
    sum: Figures,
    /// Time in each thread's functions, and the part of the last interval that this was.
    threads: HashMap<u64, (f64, f64)>,
}

impl<F: Feed> Live<F> {
    pub fn new(feed: F) -> Self {
        let mut live = Self {
            feed,
            names: Names::default(),
            tracks: Vec::new(),
            thread: None,
            paths: Paths::default(),
            stacks: None,
            tick: 0,
            next_tick: Instant::now(),
        };
        live.track();
        live
    }

    /// What to look at first: the only profile, else the sum of all; where there are none, the newest recorder.
    pub fn first_scope(&self) -> Scope {
        let targets = self.feed.targets();
        let process = |place: usize| Scope::Process(ProcessId(place as u32));
        let mut profiles = (0..targets.len()).filter(|&place| targets[place].recorder().is_none());
        match (profiles.next(), profiles.next()) {
            (Some(_), Some(_)) => Scope::All,
            (Some(only), None) => process(only),
            (None, _) => targets.len().checked_sub(1).map_or(Scope::All, process),
        }
    }

    /// Reads the targets that have told something new.
    fn track(&mut self) {
        let targets = self.feed.targets();
        self.tracks.resize_with(targets.len(), Track::default);
        for (track, target) in self.tracks.iter_mut().zip(&targets) {
            track.follow(*target, None, &mut self.names);
        }
        if let Some((ProcessId(place), thread, track)) = &mut self.thread {
            track.follow(targets[*place as usize], Some(*thread), &mut self.names);
        }
        if Instant::now() >= self.next_tick {
            let interval = targets.iter().filter_map(|target| target.health().interval).fold(1.0, f64::min);
            self.next_tick = Instant::now() + Duration::from_secs_f64(interval.max(0.02));
            self.tick += 1;
        }
    }

    /// Gives the thread that is looked at a track, and takes it from others.
    fn look_at(&mut self, scope: Scope) {
        let wanted = match scope {
            Scope::Thread(process, thread) if (process.0 as usize) < self.tracks.len() => {
                Some((process, thread))
            }
            _ => None,
        };
        let have = self.thread.as_ref().map(|(process, thread, _)| (*process, *thread));
        if wanted != have {
            self.thread = wanted.map(|(process, thread)| (process, thread, Track::default()));
            self.track();
        }
    }

    /// All functions of all processes; a row for each that any of them has.
    fn sum(&self) -> Vec<Row> {
        let mut sums: Vec<Option<Figures>> = vec![None; self.names.labels().len()];
        for track in &self.tracks {
            for row in track.rows() {
                sums[row.id.index()].get_or_insert_with(Figures::default).add(&row.figures);
            }
        }
        let rows = (0u32..).map(FunctionId).zip(sums);
        rows.filter_map(|(id, figures)| figures.map(|figures| Row { id, figures })).collect()
    }

    fn edges(&self, scope: Scope, edges: Edges) -> Vec<Edge> {
        if edges == Edges::None {
            return Vec::new();
        }
        let mut sums: HashMap<(FunctionId, FunctionId), Figures> = HashMap::new();
        for ((target, track), place) in self.feed.targets().into_iter().zip(&self.tracks).zip(0u32..) {
            let Some(thread) = part_of(scope, place) else { continue };
            let mut add = |caller: usize, callee: usize, told: Told| {
                let ends = (track.functions[caller].0, track.functions[callee].0);
                sums.entry(ends).or_default().add(&told.into());
            };
            match edges {
                Edges::Of(id) => {
                    // A label may stand for several functions of one process.
                    let own = track.functions.iter().enumerate().filter(|(_, (other, _))| *other == id);
                    for (function, _) in own {
                        target.edges(Some(function), thread, &mut add);
                    }
                }
                _ => target.edges(None, thread, &mut add),
            }
        }
        let edge = |((caller, callee), figures)| Edge { caller, callee, figures };
        sums.into_iter().map(edge).collect()
    }

    /// The stacks of a scope. A large tree comes less often than a picture is taken: then it is the same.
    fn stacks(&mut self, scope: Scope) -> Stacks {
        let of = |target: &dyn Target| 2 * target.stacks_sequence() + u64::from(target.has_tree());
        let state: Vec<u64> = self.feed.targets().into_iter().map(of).collect();
        match &self.stacks {
            Some((of, at, stacks)) if *of == scope && *at == state => stacks.clone(),
            _ => {
                let stacks = self.add_stacks(scope);
                self.stacks = Some((scope, state, stacks.clone()));
                stacks
            }
        }
    }

    fn add_stacks(&mut self, scope: Scope) -> Stacks {
        let mut forest = Forest::new(&mut self.paths);
        let (mut has_tree, mut has_come, mut without) = (false, false, 0);
        for ((target, track), place) in self.feed.targets().into_iter().zip(&self.tracks).zip(0u32..) {
            let Some(thread) = part_of(scope, place) else { continue };
            has_tree |= target.has_tree();
            without += usize::from(!target.has_tree());
            let Some(told) = target.stacks(thread) else { continue };
            has_come = true;
            forest.add_cut(told.cut.0, told.cut.1);
            let mut places: Vec<Option<u32>> = Vec::with_capacity(told.list.len());
            for stack in &told.list {
                let function = stack.function.and_then(|function| track.functions.get(function));
                // What stands on a function without a name waits for it.
                let below = stack.parent.map(|parent| places[parent as usize]);
                let place = match (function, below) {
                    (None, _) | (_, Some(None)) => None,
                    (Some((function, _)), below) => {
                        let ToldStack { ncalls, tottime, in_flight, open, .. } = *stack;
                        let part = Part { ncalls, tottime, in_flight, open };
                        Some(forest.add(below.flatten(), *function, part))
                    }
                };
                places.push(place);
            }
        }
        match (has_come, has_tree) {
            (true, _) => Stacks::Known(Arc::new(Tree { without, ..forest.finish() })),
            (false, true) => Stacks::Awaited,
            (false, false) => Stacks::NotKept,
        }
    }

    fn processes(&self) -> Vec<Process> {
        let printable = |text: String| printable(&text).into_owned();
        let described = |(target, track): (&dyn Target, &Track)| {
            let thread = |told: ToldThread| Thread {
                id: told.id,
                name: printable(told.name),
                is_over: told.is_over,
                tottime: told.tottime,
                ncalls: i64::try_from(told.ncalls).unwrap_or(i64::MAX),
                share: track.threads.get(&told.id).map_or(0.0, |(_, share)| *share),
            };
            Process {
                title: printable(target.title()),
                pid: Some(target.pid()),
                host: target.host().map(printable),
                status: match target.status() {
                    Status::Ended(how) => Status::Ended(printable(how)),
                    Status::Lost(why) => Status::Lost(printable(why)),
                    status => status,
                },
                functions: track.rows().count(),
                tottime: track.sum.tottime,
                ncalls: track.sum.ncalls,
                calls_per_s: track.sum.calls_per_s,
                age: Some(track.age),
                threads: target.threads().into_iter().map(thread).collect(),
                health: Some(target.health()),
                recorder: target.recorder(),
            }
        };
        self.feed.targets().into_iter().zip(&self.tracks).map(described).collect()
    }
}

impl<F: Feed> Source for Live<F> {
    fn poll(&mut self) -> bool {
        let has_news = self.feed.poll();
        if has_news {
            self.track();
        }
        has_news
    }

    fn is_behind(&self) -> bool {
        self.feed.is_behind()
    }

    fn pace(&self) -> Duration {
        PACE
    }

    fn picture(&mut self, query: Query) -> Picture {
        self.look_at(query.scope);
        let rows = match query.scope {
            Scope::All => self.sum(),
            Scope::Process(ProcessId(place)) | Scope::Thread(ProcessId(place), _) => {
                let of_thread = self.thread.as_ref().map(|(_, _, track)| track);
                let track = of_thread.or_else(|| self.tracks.get(place as usize));
                track.map_or(Vec::new(), |track| track.rows().collect())
            }
        };
        // One process has ticks of its own: a history of it has no gaps and nothing twice.
        let own_tick = query.scope.process().and_then(|ProcessId(place)| self.tracks.get(place as usize));
        Picture {
            scope: query.scope,
            tick: own_tick.and_then(|track| track.sequence).unwrap_or(self.tick),
            meaning: Meaning { is_live: true, ..Meaning::default() },
            labels: Arc::clone(self.names.labels()),
            rows: Arc::new(unique(rows)),
            edges: Arc::new(self.edges(query.scope, query.edges)),
            edges_of: query.edges,
            stacks: if query.tree { self.stacks(query.scope) } else { Stacks::NotAsked },
            processes: Arc::new(self.processes()),
            has_sum: true,
            memory: match query.scope {
                Scope::Process(ProcessId(place)) => self.feed.memory(place as usize).map(Arc::new),
                _ => None,
            },
        }
    }

    fn profile(&self, scope: Scope) -> Result<Profile, String> {
        let targets = self.feed.targets();
        if let Scope::Process(ProcessId(place)) | Scope::Thread(ProcessId(place), _) = scope {
            let thread = part_of(scope, place).flatten();
            return match targets.get(place as usize) {
                Some(target) => Ok(target.profile(thread)),
                None => Err("there is no such process".to_owned()),
            };
        }
        let mut merger = pstats_compat::merge::Merger::new();
        for target in targets {
            merger.add(target.profile(None)).map_err(|error| error.to_string())?;
        }
        Ok(merger.finish())
    }

    fn command(&mut self, scope: Scope, command: Command) -> Result<(), String> {
        let targets = self.feed.targets();
        let is_alive = |target: &dyn Target| matches!(target.status(), Status::Running | Status::Paused);
        let chosen: Vec<usize> = match scope.process() {
            Some(ProcessId(place)) => vec![place as usize],
            None => {
                let takes_commands = |target: &dyn Target| target.recorder().is_none() && is_alive(target);
                (0..targets.len()).filter(|&place| takes_commands(targets[place])).collect()
            }
        };
        if chosen.is_empty() {
            return Err("there is no process to tell".to_owned());
        }
        for place in chosen {
            self.feed.command(place, command)?;
        }
        Ok(())
    }
}

impl Track {
    /// Takes the figures of a new message, and how much they grew since the last.
    fn follow(&mut self, target: &dyn Target, thread: Option<u64>, names: &mut Names) {
        let (sequence, age) = (target.sequence(), target.age());
        if self.sequence == Some(sequence) {
            return;
        }
        self.functions.reserve_exact(target.functions() - self.functions.len());
        for function in self.functions.len()..target.functions() {
            self.functions.push((names.id(&target.label(function)), None));
        }
        let elapsed = age - self.age;
        // Nobody knows when what the first message tells came about.
        let has_rates = self.sequence.is_some() && elapsed > 0.0;
        let rate = |amount: f64| if has_rates { amount.max(0.0) / elapsed } else { 0.0 };
        self.sum = Figures::default();
        for (place, (_, figures)) in self.functions.iter_mut().enumerate() {
            let was = figures.unwrap_or_default();
            *figures = target.figures(place, thread).map(|told| {
                let now = Figures::from(told);
                // What was cleared meanwhile counts from zero.
                let new = if now.ncalls < was.ncalls { now.ncalls } else { now.ncalls - was.ncalls };
                Figures { calls_per_s: rate(new as f64), share: rate(now.tottime - was.tottime), ..now }
            });
            if let Some(figures) = figures {
                self.sum.add(figures);
            }
        }
        for told in target.threads() {
            let (was, share) = self.threads.entry(told.id).or_default();
            *share = rate(told.tottime - *was);
            *was = told.tottime;
        }
        (self.sequence, self.age) = (Some(sequence), age);
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        self.functions.iter().filter_map(|(id, figures)| Some(Row { id: *id, figures: (*figures)? }))
    }
}

impl From<Told> for Figures {
    fn from(told: Told) -> Self {
        Self { in_flight: told.in_flight, open: told.open, ..told.calls.into() }
    }
}

/// Which threads of a process are in a scope: all, or one; `None` if the process isn't.
fn part_of(scope: Scope, process: u32) -> Option<Option<u64>> {
    match scope {
        Scope::All => Some(None),
        Scope::Process(ProcessId(wanted)) if wanted == process => Some(None),
        Scope::Thread(ProcessId(wanted), thread) if wanted == process => Some(Some(thread)),
        _ => None,
    }
}

/// Adds up what has one label in one process: two lambdas of one line.
fn unique(mut rows: Vec<Row>) -> Vec<Row> {
    rows.sort_by_key(|row| row.id);
    rows.dedup_by(|next, kept| {
        let is_same = next.id == kept.id;
        if is_same {
            kept.figures.add(&next.figures);
        }
        is_same
    });
    rows
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
