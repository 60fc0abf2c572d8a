//! Processes at work as a source: rates from absolute numbers, and the sum of all processes.
//!
//! What a process told is somebody else's ([`Feed`]); this keeps what only a view needs: one id
//! for a function in all processes, and what the figures were one message ago.

use std::collections::HashMap;
use std::iter::repeat_n;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pikos_client::Command;
use pstats_compat::merge::Merger;
use pstats_compat::owners::Owners;
use pstats_compat::{Profile, mine};

use super::fold::Fold;
use super::lately::Lately;
use super::source::{Query, Source};
use super::track::Track;
use crate::error::Error;
use crate::feed::{Feed, Heard, ProfileSender};
use crate::forest::{Forest, Paths};
use crate::names::Names;
use crate::picture::{
    Content, Edges, FunctionId, Label, Meaning, Mine, Phase, Picture, Process, ProcessId, ProfileContent,
    Scope, Shown, ShownEdge, ShownFunction, ShownStack, Stacks, Thread, Tree,
};
use pstats_compat::printable::printable;

/// Messages are looked for this often; with the pace of pictures, it is what a figure on screen may be older than its
/// interval.
const PACE: Duration = Duration::from_millis(15);

/// A thread that nobody has looked at for so long is no longer followed.
const FORGOTTEN: Duration = Duration::from_secs(10);
/// So many threads are followed for those who look at them.
const MOST_LOOKED_AT: usize = 32;

/// A thread that is looked at.
struct LookedAt {
    process: ProcessId,
    thread: u64,
    /// When somebody did last.
    last: Instant,
    track: Track,
}

/// Whether a function is left out, by what a filter looks at; its time goes to those that called it.
pub type Hides = Box<dyn Fn(&str) -> bool>;

/// Processes at work.
pub struct Live<F> {
    pub(super) feed: F,
    names: Names,
    /// Whether each label is of the user's own code; empty if none is. Known for so many labels of so many processes.
    own: Arc<Vec<bool>>,
    own_of: (usize, usize),
    /// Which functions are left out, by what a filter looks at, and of which labels that was asked.
    hides: Option<Hides>,
    hidden: Vec<bool>,
    /// One for each process.
    pub(super) tracks: Vec<Track>,
    /// Threads that are looked at have tracks of their own.
    threads: Vec<LookedAt>,
    pub(super) paths: Paths,
    /// Where sampled threads were, of those that somebody looked at.
    pub(super) lately: HashMap<(ProcessId, u64), Lately>,
    /// The stacks that were made last, of all functions and of the user's own alone: of what scope, and of which of each process's.
    stacks: [Option<(Scope, Vec<u64>, Stacks)>; 2],
    tick: u64,
    next_tick: Instant,
}

impl<F: Feed> Live<F> {
    /// Of all that a feed brings.
    pub fn new(feed: F) -> Self {
        let mut live = Self {
            feed,
            names: Names::default(),
            own: Arc::default(),
            own_of: (0, 0),
            hides: None,
            hidden: Vec::new(),
            tracks: Vec::new(),
            threads: Vec::new(),
            paths: Paths::default(),
            lately: HashMap::new(),
            stacks: [None, None],
            tick: 0,
            next_tick: Instant::now(),
        };
        live.track();
        live
    }

    /// Leaves functions out.
    pub fn hide(&mut self, hides: Hides) {
        self.hides = Some(hides);
        self.learn();
    }

    /// Whether nobody was heard.
    pub fn is_empty(&self) -> bool {
        self.feed.heard().is_empty()
    }

    /// What all functions are called, by their numbers.
    pub fn labels(&self) -> &Arc<Vec<Arc<Label>>> {
        self.names.labels()
    }

    /// What to look at first: the only profile, else the sum of all; where there are none, the newest recorder.
    pub fn first_scope(&self) -> Scope {
        let heard = self.feed.heard();
        let process = |place: usize| Scope::Process(ProcessId(place as u32));
        let mut profiles = (0..heard.len()).filter(|&place| heard[place].profile().is_some());
        match (profiles.next(), profiles.next()) {
            (Some(_), Some(_)) => Scope::All,
            (Some(only), None) => process(only),
            (None, _) => heard.len().checked_sub(1).map_or(Scope::All, process),
        }
    }

    /// Reads the processes that have told something new.
    fn track(&mut self) {
        let heard = self.feed.heard();
        self.tracks.resize_with(heard.len(), Track::default);
        for (track, heard) in self.tracks.iter_mut().zip(&heard) {
            track.follow(*heard, None, &mut self.names);
        }
        self.threads.retain(|looked_at| looked_at.last.elapsed() < FORGOTTEN);
        for LookedAt { process: ProcessId(place), thread, track, .. } in &mut self.threads {
            track.follow(heard[*place as usize], Some(*thread), &mut self.names);
        }
        if Instant::now() >= self.next_tick {
            let interval =
                heard.iter().filter_map(|heard| heard.sender().health().interval).fold(1.0, f64::min);
            self.next_tick = Instant::now() + Duration::from_secs_f64(interval.max(0.02));
            self.tick += 1;
        }
        self.learn();
    }

    /// Asks of new labels whose they are, and whether they are left out.
    fn learn(&mut self) {
        let labels = self.names.labels();
        if let Some(hides) = &self.hides {
            self.hidden.extend(labels[self.hidden.len()..].iter().map(|label| hides(&label.searched())));
        }
        let now = (labels.len(), self.tracks.len());
        if self.own_of == now {
            return;
        }
        self.own_of = now;
        // `python -c` has no other name.
        let ran_code = self.feed.heard().iter().any(|heard| heard.sender().title().starts_with("-c"));
        // Functions of one file mostly come together: it is asked for once.
        let files: Vec<&[Arc<Label>]> = labels.chunk_by(|a, b| a.path == b.path).collect();
        let paths = files.iter().map(|labels| labels[0].path.as_bytes());
        let owners = Owners::of_files(paths, if ran_code { "python -c" } else { "" });
        let own = || owners.own().zip(&files).flat_map(|(is_own, labels)| repeat_n(is_own, labels.len()));
        self.own = Arc::new(if owners.has_own() { own().collect() } else { Vec::new() });
    }

    /// Gives a thread that is looked at a track, if it has none.
    fn look_at(&mut self, scope: Scope) {
        let Scope::Thread(process, thread) = scope else { return };
        if process.0 as usize >= self.tracks.len() {
            return;
        }
        let last = Instant::now();
        let mut known = self.threads.iter_mut();
        match known.find(|known| (known.process, known.thread) == (process, thread)) {
            Some(known) => known.last = last,
            None => {
                if self.threads.len() >= MOST_LOOKED_AT {
                    self.threads.remove(0);
                }
                self.threads.push(LookedAt { process, thread, last, track: Track::default() });
                self.track();
            }
        }
    }

    /// The profiles that have a part in a scope: what was kept of each, and which of its threads.
    fn profiles(&self, scope: Scope) -> impl Iterator<Item = (&dyn ProfileSender, &Track, Option<u64>)> {
        self.feed.heard().into_iter().zip(&self.tracks).zip(0u32..).filter_map(
            move |((heard, track), place)| Some((heard.profile()?, track, part_of(scope, place)?)),
        )
    }

    fn edges(&self, scope: Scope, edges: Edges) -> Vec<ShownEdge> {
        if edges == Edges::None {
            return Vec::new();
        }
        let mut sums: HashMap<(FunctionId, FunctionId), Shown> = HashMap::new();
        for (sender, track, thread) in self.profiles(scope) {
            let functions = &track.profile.functions;
            let mut add = |caller: usize, callee: usize, figures: Shown| {
                let ends = (functions[caller].0, functions[callee].0);
                sums.entry(ends).or_default().add(&figures);
            };
            match edges {
                Edges::Of(id) => {
                    // A label may stand for several functions of one process.
                    let own = functions.iter().enumerate().filter(|(_, (other, _))| *other == id);
                    for (function, _) in own {
                        sender.edges(Some(function), thread, &mut add);
                    }
                }
                _ => sender.edges(None, thread, &mut add),
            }
        }
        let edge = |((caller, callee), figures)| ShownEdge { caller, callee, figures };
        sums.into_iter().map(edge).collect()
    }

    /// The stacks of a scope. A large tree comes less often than a picture is taken: then it is the same.
    fn stacks(&mut self, scope: Scope, fold: Option<Fold<'_>>, is_mine: bool) -> Stacks {
        let of = |heard: Heard<'_>| {
            heard.profile().map_or(0, |sender| 2 * sender.stacks_sequence() + u64::from(sender.has_tree()))
        };
        let state: Vec<u64> = self.feed.heard().into_iter().map(of).collect();
        match &self.stacks[usize::from(is_mine)] {
            Some((of, at, stacks)) if *of == scope && *at == state => stacks.clone(),
            _ => {
                let stacks = self.add_stacks(scope, fold);
                self.stacks[usize::from(is_mine)] = Some((scope, state, stacks.clone()));
                stacks
            }
        }
    }

    fn add_stacks(&mut self, scope: Scope, fold: Option<Fold<'_>>) -> Stacks {
        let mut paths = std::mem::take(&mut self.paths);
        let mut forest = Forest::new(&mut paths);
        let (mut has_tree, mut has_come, mut without) = (false, false, 0);
        for (sender, track, thread) in self.profiles(scope) {
            has_tree |= sender.has_tree();
            without += usize::from(!sender.has_tree());
            // Where each stands, if it can: at the bottom, of those that are folded, or on another.
            let mut places: Vec<Option<Option<u32>>> = Vec::new();
            let cut = sender.stacks(thread, &mut |parent, function, own: ShownStack| {
                let function = function.and_then(|function| track.profile.functions.get(function));
                // What stands on a function without a name waits for it.
                let below = match parent {
                    Some(parent) => places[parent as usize],
                    None => Some(None),
                };
                let place = below.zip(function).map(|(below, (function, _))| match fold {
                    Some(fold) => fold.add(&mut forest, below, *function, own),
                    None => Some(forest.add(below, *function, own)),
                });
                places.push(place);
            });
            if let Some(cut) = cut {
                has_come = true;
                forest.add_cut(cut);
            }
        }
        let stacks = match (has_come, has_tree) {
            (true, _) => Stacks::Known(Arc::new(Tree { without, ..forest.finish() })),
            (false, true) => Stacks::Awaited,
            (false, false) => Stacks::NotKept,
        };
        self.paths = paths;
        stacks
    }

    /// All processes that were ever heard of.
    pub fn processes(&self) -> Vec<Process> {
        let printable = |text: String| printable(&text).into_owned();
        let described = |(heard, track): (Heard<'_>, &Track)| {
            let sender = heard.sender();
            let profile = &track.profile;
            let is_sampled = heard.profile().is_some_and(|sender| sender.is_sampled());
            let thread = |thread: Thread| Thread {
                share: profile.share(thread.id),
                name: printable(thread.name),
                labels: thread
                    .labels
                    .into_iter()
                    .map(|(name, value)| (printable(name), printable(value)))
                    .collect(),
                ..thread
            };
            Process {
                title: printable(sender.title()),
                pid: Some(sender.pid()),
                host: sender.host().map(printable),
                phase: match sender.phase() {
                    Phase::Ended(how) => Phase::Ended(printable(how)),
                    Phase::Lost(why) => Phase::Lost(printable(why)),
                    phase => phase,
                },
                functions: profile.shown().count(),
                tottime: profile.sum.tottime,
                // A sample counts in each function of its stack: their sum says nothing.
                ncalls: Some(profile.sum.ncalls).filter(|_| !is_sampled),
                calls_per_s: profile.sum.calls_per_s,
                age: Some(track.age),
                threads: heard
                    .profile()
                    .map_or(Vec::new(), |sender| sender.threads().into_iter().map(thread).collect()),
                health: Some(sender.health()),
                recorder: match heard {
                    Heard::Profile(_) => None,
                    Heard::Records(sender) => Some(sender.facts()),
                },
            }
        };
        self.feed.heard().into_iter().zip(&self.tracks).map(described).collect()
    }

    /// The functions of a scope: a row for each that any of its processes has. Two lambdas of one line have one.
    fn functions(&self, scope: Scope, fold: Option<Fold<'_>>) -> Vec<ShownFunction> {
        let mut sums: Vec<Option<Shown>> = vec![None; self.names.labels().len()];
        let mut add = |row: ShownFunction| {
            sums[row.id.index()].get_or_insert_with(Shown::default).add(&row.figures);
        };
        for (sender, track, thread) in self.profiles(scope) {
            let own = thread.and_then(|thread| {
                let process = scope.process()?;
                self.threads.iter().find(|known| (known.process, known.thread) == (process, thread))
            });
            let track = own.map_or(track, |own| &own.track);
            match fold {
                Some(fold) => {
                    fold.functions(sender, &track.profile.functions, thread).into_iter().for_each(&mut add);
                }
                None => track.profile.shown().for_each(&mut add),
            }
        }
        let sums = (0u32..).map(FunctionId).zip(sums);
        sums.filter_map(|(id, figures)| figures.map(|figures| ShownFunction { id, figures })).collect()
    }

    /// Whether what is counted in a scope are samples. Where some count calls, the word is theirs.
    pub fn is_sampled(&self, scope: Scope) -> bool {
        let mut all = self.profiles(scope).map(|(sender, _, _)| sender.is_sampled()).peekable();
        all.peek().is_some() && all.all(|is_sampled| is_sampled)
    }

    fn content(&mut self, query: Query) -> Content {
        let recording = match query.scope {
            Scope::Process(ProcessId(place)) => self.feed.recording(place as usize),
            _ => None,
        };
        if let Some(recording) = recording {
            return Content::Recording(Arc::new(recording));
        }
        let rest = (query.mine && !self.own.is_empty()).then(|| self.names.id(&mine::elsewhere()));
        self.learn();
        let hidden = std::mem::take(&mut self.hidden);
        let fold = self.hides.is_some().then_some(Fold { is_folded: &hidden, rest: None });
        let functions = self.functions(query.scope, fold);
        let stacks = if query.tree { self.stacks(query.scope, fold, false) } else { Stacks::NotAsked };
        let mut edges = self.edges(query.scope, query.edges);
        let is_hidden = |id: FunctionId| hidden.get(id.index()) == Some(&true);
        edges.retain(|edge| !is_hidden(edge.caller) && !is_hidden(edge.callee));
        let mine = rest.map(|rest| {
            let own = self.own.iter().zip(0..).map(|(is_own, id)| !is_own || is_hidden(FunctionId(id)));
            let is_folded: Vec<bool> = own.collect();
            let fold = Some(Fold { is_folded: &is_folded, rest: Some(rest) });
            Mine {
                functions: Arc::new(self.functions(query.scope, fold)),
                stacks: if query.tree { self.stacks(query.scope, fold, true) } else { Stacks::NotAsked },
            }
        });
        self.hidden = hidden;
        let open = query.open.then(|| Arc::new(self.open_in(query.scope)));
        let tasks = query.open.then(|| Arc::new(self.tasks_in(query.scope)));
        Content::Profile(ProfileContent {
            meaning: Meaning {
                has_gil_waits: functions.iter().any(|function| function.figures.gil_wait > 0.0),
                has_cpu: functions.iter().any(|function| function.figures.cpu > 0.0),
                has_durations: functions.iter().any(|function| function.figures.max > 0.0),
                is_sampled: self.is_sampled(query.scope),
                is_live: true,
                ..Meaning::default()
            },
            labels: Arc::clone(self.names.labels()),
            own: Arc::clone(&self.own),
            functions: Arc::new(functions),
            edges: Arc::new(edges),
            edges_of: query.edges,
            stacks,
            open,
            tasks,
            mine,
        })
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
        // One process has ticks of its own: a history of it has no gaps and nothing twice.
        let own_tick = query.scope.process().and_then(|ProcessId(place)| self.tracks.get(place as usize));
        Picture {
            scope: query.scope,
            tick: own_tick.and_then(|track| track.sequence).unwrap_or(self.tick),
            processes: Arc::new(self.processes()),
            has_sum: true,
            content: self.content(query),
        }
    }

    fn profile(&self, scope: Scope) -> Result<Profile, Error> {
        let heard = self.feed.heard();
        if let Scope::Process(ProcessId(place)) | Scope::Thread(ProcessId(place), _) = scope {
            let thread = part_of(scope, place).flatten();
            let sender = heard.get(place as usize).ok_or(Error::NoProcess)?.profile();
            return sender.map(|sender| sender.profile(thread)).ok_or(Error::NoProfile);
        }
        let mut merger = Merger::new();
        for sender in heard.into_iter().filter_map(Heard::profile) {
            merger.add(sender.profile(None)).map_err(Error::Sum)?;
        }
        Ok(merger.finish())
    }

    fn command(&mut self, scope: Scope, command: &Command) -> Result<(), Error> {
        let chosen: Vec<usize> = match scope.process() {
            Some(ProcessId(place)) => vec![place as usize],
            None => {
                let takes_commands =
                    |heard: Heard<'_>| matches!(heard.sender().phase(), Phase::Running | Phase::Paused);
                let heard = self.feed.heard();
                (0..heard.len()).filter(|&place| takes_commands(heard[place])).collect()
            }
        };
        if chosen.is_empty() {
            return Err(Error::NobodyToTell);
        }
        for place in chosen {
            self.feed.command(place, command)?;
        }
        Ok(())
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

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
