//! The one thread that works with sources: it polls them, keeps histories, takes pictures, and answers what HTTP asks.
//!
//! It waits for nobody. Whoever looks at a scope has a queue; what doesn't fit is made up for by a `full`. What would take long, as
//! writing a file or a process's answer, is done elsewhere, with what was fetched here.

mod details;
mod keeper;
mod labels;
mod objects;
mod processes;
mod sent;
mod spans;
mod tasks;
mod topic;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use pikos_views::{Edges, Feed, Live, Phase, Picture, ProcessId, Profiles, Query, Recording, Scope, Source};
use pstats_compat::Profile;
use pstats_compat::model::facts;
use tokio::sync::mpsc;

use keeper::Keeper;
use labels::Labels;
use processes::{List, Row};
use sent::{Moment, Sent, json};
use topic::{Topic, event};

use crate::parse::{EventId, Scoped};

/// Pictures of one scope are at least so far apart,
const BETWEEN: Duration = Duration::from_millis(50);
/// of a sum of all so far,
const BETWEEN_SUMS: Duration = Duration::from_millis(100);
/// and of any so many times as long as one takes.
const PART: u32 = 5;
/// The list of processes is sent so often at most.
const BETWEEN_LISTS: Duration = Duration::from_millis(500);
/// Where nobody looks, messages may wait so long.
const CALM: Duration = Duration::from_millis(100);
/// Scopes are followed for so many kinds of viewers at most.
const MOST_TOPICS: usize = 512;

/// What there is to show.
#[derive(Default)]
pub struct Sources {
    /// Processes at work.
    pub live: Option<Live<Box<dyn Feed>>>,
    /// Files.
    pub files: Option<Profiles>,
}

/// How things stand, for whoever decides when to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    /// Viewers that are connected.
    pub viewers: usize,
    /// Live processes that were ever heard of.
    pub heard: usize,
    /// Whether there were any, and all of them are over.
    pub is_over: bool,
}

/// Why the desk has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Asked {
    #[error("there is no such process: `/api/processes` lists them")]
    NoProcess,
    #[error("this is a sum: name a process")]
    NotAProcess,
    #[error("there is no such function")]
    NoFunction,
    #[error("a recorder has no profile: `/api/recording` has what it told")]
    NoProfile,
    #[error("this is no recorder; `pikos-run line_memory --recording zmq app.py` runs a program with one")]
    NoRecording,
    #[error("it runs on {0}, and its source is there")]
    Elsewhere(String),
    #[error("no tasks are followed here: run the program with --tasks")]
    NoTasks,
    #[error("a file has no history: it says what came out in the end")]
    FileHistory,
    #[error("these are threads that have ended, added up: they have no history of their own")]
    NoPastThread,
    #[error(
        "so much goes on in so many threads of this process that history is kept of all of them together"
    )]
    NoPastThreads,
    #[error("this program has so many callers that what ran when is kept without them")]
    NoPastEdges,
    #[error("this is a file: there is no process to control")]
    AFile,
    #[error("this process takes no commands any more: it has ended, or can't be reached")]
    NoCommands,
    #[error("too many scopes are looked at: close some pages")]
    TooMany,
    #[error("{0}")]
    Other(String),
}

/// What HTTP asks: done between two looks at the sources.
pub type Ask = Box<dyn FnOnce(&mut Desk) + Send>;

/// Works with sources.
pub struct Desk {
    sources: Sources,
    keeper: Keeper,
    live_labels: Labels,
    file_labels: Labels,
    topics: HashMap<(Scoped, bool), Topic>,
    /// Counts up when a file was read anew.
    files_version: u64,
    /// The list of processes as it was sent last, and when.
    list: (Bytes, Instant),
    read_only: bool,
    version: &'static str,
    /// Tells this server's streams from those of the one before.
    stream: u64,
}

impl Desk {
    /// Over sources.
    pub fn new(sources: Sources, read_only: bool, version: &'static str, stream: u64) -> Self {
        let mut desk = Self {
            sources,
            keeper: Keeper::default(),
            live_labels: Labels::default(),
            file_labels: Labels::default(),
            topics: HashMap::new(),
            files_version: 0,
            list: (Bytes::new(), Instant::now()),
            read_only,
            version,
            stream,
        };
        desk.keep();
        desk
    }

    /// Works until it is told to end, or nobody can ask any more.
    pub fn run(&mut self, asks: &Receiver<Ask>, is_over: &mut dyn FnMut(Watched) -> bool) {
        let mut next_poll = Instant::now();
        loop {
            match asks.recv_timeout(next_poll.saturating_duration_since(Instant::now())) {
                Ok(ask) => {
                    ask(self);
                    // Who asks much must not keep messages waiting.
                    if Instant::now() < next_poll {
                        continue;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.poll();
            self.publish();
            let watched = self.watched();
            if is_over(watched) {
                return;
            }
            next_poll = Instant::now() + self.pace(watched.viewers);
        }
    }

    fn pace(&self, viewers: usize) -> Duration {
        match &self.sources.live {
            Some(live) if live.is_behind() => Duration::ZERO,
            Some(live) if viewers > 0 => live.pace(),
            _ => CALM,
        }
    }

    fn poll(&mut self) {
        if let Some(live) = &mut self.sources.live {
            live.poll();
        }
        if self.sources.files.as_mut().is_some_and(Source::poll) {
            self.files_version += 1;
        }
        self.keep();
    }

    fn keep(&mut self) {
        if let Some(live) = &mut self.sources.live {
            let processes = live.heard_of();
            self.keeper.follow(live, processes);
        }
    }

    fn watched(&mut self) -> Watched {
        self.topics.retain(|_, topic| !topic.is_over());
        let live = self.sources.live.as_ref();
        Watched {
            viewers: self.topics.values().map(Topic::viewers).sum(),
            heard: live.map_or(0, Live::heard_of),
            is_over: live.is_some_and(Live::is_over),
        }
    }

    /// Sends what is new to those who look.
    fn publish(&mut self) {
        let mut topics = std::mem::take(&mut self.topics);
        for (&(scoped, with_stacks), topic) in &mut topics {
            let start = Instant::now();
            if start < topic.not_before {
                continue;
            }
            let (version, epoch) = self.state(scoped);
            // Who comes back is told of all in between at once.
            if topic.viewers() > 0 && topic.version != Some(version) {
                self.show(scoped, with_stacks, topic, (version, epoch));
                let least = if scoped == Scoped::All { BETWEEN_SUMS } else { BETWEEN };
                topic.not_before = start + least.max(start.elapsed() * PART);
            }
            topic.catch_up(self.labels(scoped));
            topic.beat();
        }
        if !topics.is_empty() && self.list.1.elapsed() >= BETWEEN_LISTS {
            let list = event("processes", None, &self.processes());
            if list != self.list.0 {
                topics.values_mut().for_each(|topic| topic.tell(&list));
            }
            self.list = (list, Instant::now());
        }
        self.topics = topics;
    }

    /// Takes a picture, and sends what is new in it.
    fn show(&mut self, scoped: Scoped, with_stacks: bool, topic: &mut Topic, (version, epoch): (u64, u64)) {
        let is_first = topic.version.is_none();
        let is_void = !is_first && topic.epoch != epoch;
        (topic.version, topic.epoch) = (Some(version), epoch);
        let Ok(picture) = self.picture(scoped, Edges::None, with_stacks) else { return };
        // A recorder has none: its viewers have been told of processes.
        let Some(content) = picture.profile() else { return };
        let moment = self.moment(scoped, &picture);
        let labels = self.labels(scoped);
        if is_first {
            topic.sent = Sent::of(content, labels);
            return topic.begin(moment);
        }
        match if is_void { None } else { topic.sent.follow(moment, content, labels) } {
            Some(delta) => topic.delta(moment, &delta, labels),
            None => {
                topic.sent = Sent::of(content, labels);
                topic.reset(moment, labels);
            }
        }
    }

    fn moment(&self, scoped: Scoped, picture: &Picture) -> Moment {
        let age = match scoped {
            Scoped::Process(_) | Scoped::Thread(..) | Scoped::File(_) => {
                picture.process().and_then(|p| p.age)
            }
            Scoped::All | Scoped::Files => None,
        };
        Moment { tick: picture.tick, time: seconds_since_1970(), age }
    }

    /// What changes with every picture that differs, and with every clear.
    fn state(&self, scoped: Scoped) -> (u64, u64) {
        let of = |process: ProcessId| {
            let live = self.sources.live.as_ref()?;
            Some((live.sequence(process)?, live.epoch(process)?))
        };
        match self.meant(scoped) {
            Scoped::Process(process) | Scoped::Thread(process, _) => of(process).unwrap_or_default(),
            Scoped::All => {
                let count = self.sources.live.as_ref().map_or(0, Live::heard_of);
                let states = (0..count as u32).filter_map(|place| of(ProcessId(place)));
                // Both only grow.
                states.fold((0, 0), |sum, state| (sum.0 + 1 + state.0, sum.1 + state.1))
            }
            Scoped::Files | Scoped::File(_) => (self.files_version, self.files_version),
        }
    }

    /// `all` means files, where there is nothing else.
    fn meant(&self, scoped: Scoped) -> Scoped {
        match scoped {
            Scoped::All if self.sources.live.is_none() => Scoped::Files,
            other => other,
        }
    }

    fn labels(&self, scoped: Scoped) -> &Labels {
        match self.meant(scoped) {
            Scoped::Files | Scoped::File(_) => &self.file_labels,
            _ => &self.live_labels,
        }
    }

    /// Whether there is such a scope.
    fn check(&self, scoped: Scoped) -> Result<(), Asked> {
        let live = self.sources.live.as_ref();
        let files = self.sources.files.as_ref();
        let is_known = match scoped {
            Scoped::All => true,
            Scoped::Files => files.is_some(),
            Scoped::File(ProcessId(place)) => files.is_some_and(|files| (place as usize) < files.files()),
            Scoped::Process(process) => live.is_some_and(|live| (process.0 as usize) < live.heard_of()),
            Scoped::Thread(process, thread) => live.is_some_and(|live| live.has_thread(process, thread)),
        };
        if is_known { Ok(()) } else { Err(Asked::NoProcess) }
    }

    /// A picture of a scope; its labels are taken in.
    fn picture(&mut self, scoped: Scoped, edges: Edges, with_stacks: bool) -> Result<Picture, Asked> {
        self.check(scoped)?;
        let scope = scope(scoped);
        let of_files = matches!(self.meant(scoped), Scoped::Files | Scoped::File(_));
        let Sources { live, files } = &mut self.sources;
        if of_files {
            let files = files.as_mut().ok_or(Asked::NoProcess)?;
            let picture = files.picture(query(scope, edges, with_stacks));
            if scope == Scope::All && files.files() > 1 && !picture.has_sum {
                return Err(Asked::Other(pikos_views::Error::NoSum.to_string()));
            }
            self.name(true);
            return Ok(picture);
        }
        let live = live.as_mut().ok_or(Asked::NoProcess)?;
        let picture = live.picture(query(scope, edges, with_stacks));
        self.name(false);
        Ok(picture)
    }

    /// Takes in what functions are called.
    fn name(&mut self, of_files: bool) {
        if let Some(files) = self.sources.files.as_ref().filter(|_| of_files) {
            let fact = |name| files.fact(name).unwrap_or_default();
            self.file_labels.follow(files.labels(), fact(facts::FOLDER), fact(facts::COMMAND));
        }
        let Some(live) = self.sources.live.as_ref().filter(|_| !of_files) else { return };
        if self.live_labels.has_all(live.labels().len()) {
            return;
        }
        let folder = live.run(ProcessId(0)).map(|run| run.folder).unwrap_or_default();
        let ran_code = live.processes().iter().any(|process| process.title.starts_with("-c"));
        self.live_labels.follow(live.labels(), &folder, if ran_code { "python -c" } else { "" });
    }

    /// The list of processes.
    pub fn processes(&mut self) -> String {
        let Sources { live, files } = &mut self.sources;
        let processes = live.as_ref().map(Live::processes).unwrap_or_default();
        let files = files.as_ref();
        let shown = files.map_or_else(Arc::default, |files| files.processes());
        let rows = processes.iter().enumerate().map(|(place, process)| {
            let live = live.as_ref();
            let id = ProcessId(place as u32);
            let run = live.and_then(|live| live.run(id));
            Row::live(place, process, run.as_ref(), live.is_some_and(|live| live.has_tree(id)))
                .with_tasks(live.is_some_and(|live| live.has_tasks(id)))
        });
        let files = shown.iter().enumerate().map(|(place, file)| {
            let has_tasks = files.is_some_and(|files| files.has_tasks(ProcessId(place as u32)));
            Row::file(place, file).with_tasks(has_tasks)
        });
        json(&List {
            version: self.version,
            read_only: self.read_only,
            processes: rows.chain(files).collect(),
        })
    }

    /// The scope that is shown at first: the sum of all at work or, if there are none, of all files; if that is of one, this one.
    pub fn first(&self) -> String {
        let Sources { live, files } = &self.sources;
        let processes = live.as_ref().map(Live::processes).unwrap_or_default();
        let mut profiles = processes.iter().enumerate().filter(|(_, process)| process.recorder.is_none());
        let files = files.as_ref().map_or(0, Profiles::files);
        match (profiles.next(), profiles.next()) {
            (Some((place, _)), None) => format!("p{place}"),
            (None, _) if files == 1 => "f0".to_owned(),
            (None, _) if files == 0 && !processes.is_empty() => "p0".to_owned(),
            _ => "all".to_owned(),
        }
    }

    /// What a viewer of a scope begins with, at once: the list of processes, a `full`, and its id, from which on events follow.
    pub fn begin(&mut self, scoped: Scoped, with_stacks: bool) -> Result<String, Asked> {
        let mut topic = self.topic(scoped, with_stacks)?;
        let (id, full) = topic.whole(self.labels(scoped));
        self.topics.insert((scoped, with_stacks), topic);
        Ok(format!("{{\"id\":\"{id}\",\"processes\":{},\"full\":{full}}}", self.processes()))
    }

    /// A new viewer of a scope.
    pub fn view(
        &mut self,
        scoped: Scoped,
        with_stacks: bool,
        last: Option<EventId>,
    ) -> Result<mpsc::Receiver<Bytes>, Asked> {
        let mut topic = self.topic(scoped, with_stacks)?;
        let list = event("processes", None, &self.processes());
        let events = topic.add(last, list, self.labels(scoped));
        self.topics.insert((scoped, with_stacks), topic);
        Ok(events)
    }

    /// The viewers of a scope, taken out to be given another one; what they know is of now if nobody has looked until now.
    fn topic(&mut self, scoped: Scoped, with_stacks: bool) -> Result<Topic, Asked> {
        self.check(scoped)?;
        let key = (scoped, with_stacks);
        if !self.topics.contains_key(&key) && self.topics.len() >= MOST_TOPICS {
            return Err(Asked::TooMany);
        }
        let mut topic = self.topics.remove(&key).unwrap_or_else(|| {
            // One that ended and begins anew is another.
            self.stream = self.stream.wrapping_add(1);
            Topic::new(self.stream)
        });
        let state = self.state(scoped);
        if topic.viewers() == 0 && topic.version != Some(state.0) {
            self.show(scoped, with_stacks, &mut topic, state);
        }
        Ok(topic)
    }

    /// A `full` for who doesn't stay.
    pub fn once(&mut self, scoped: Scoped, with_stacks: bool) -> Result<String, Asked> {
        let picture = self.picture(scoped, Edges::None, with_stacks)?;
        let content = picture.profile().ok_or(Asked::NoProfile)?;
        let moment = self.moment(scoped, &picture);
        let labels = self.labels(scoped);
        Ok(Sent::of(content, labels).full(moment, labels))
    }

    /// A profile to be written, and what to call its file.
    pub fn file(&mut self, scoped: Scoped) -> Result<(Profile, String), Asked> {
        self.check(scoped)?;
        let profile = self.profile(scoped)?;
        let name = match self.meant(scoped) {
            Scoped::Process(process) | Scoped::Thread(process, _) => {
                let processes = self.sources.live.as_ref().map(Live::processes).unwrap_or_default();
                processes.get(process.0 as usize).and_then(|process| process.pid).map(|pid| pid.to_string())
            }
            Scoped::File(ProcessId(place)) => Some(format!("file-{place}")),
            Scoped::All | Scoped::Files => Some("all".to_owned()),
        };
        Ok((profile, format!("pikos-{}", name.unwrap_or_default())))
    }

    fn profile(&self, scoped: Scoped) -> Result<Profile, Asked> {
        let Sources { live, files } = &self.sources;
        let other = |error: pikos_views::Error| match error {
            pikos_views::Error::NoProfile => Asked::NoProfile,
            error => Asked::Other(error.to_string()),
        };
        match self.meant(scoped) {
            Scoped::Files => files.as_ref().ok_or(Asked::NoProcess)?.profile(Scope::All).map_err(other),
            Scoped::File(file) => {
                files.as_ref().ok_or(Asked::NoProcess)?.profile(Scope::Process(file)).map_err(other)
            }
            live_scope => {
                let scope = match live_scope {
                    Scoped::Process(process) => Scope::Process(process),
                    Scoped::Thread(process, thread) => Scope::Thread(process, thread),
                    _ => Scope::All,
                };
                live.as_ref().ok_or(Asked::NoProcess)?.profile(scope).map_err(other)
            }
        }
    }

    /// What a recorder has told, if it is one.
    fn recorded(&mut self, scoped: Scoped) -> Option<Arc<Recording>> {
        let query = |process| query(Scope::Process(process), Edges::None, false);
        let process = match scoped {
            Scoped::Process(process) => process,
            Scoped::File(file) => {
                let files = self.sources.files.as_mut()?;
                return files.picture(query(file)).recording().cloned();
            }
            _ => return None,
        };
        let live = self.sources.live.as_mut()?;
        if live.sequence(process).is_some() {
            return None;
        }
        live.picture(query(process)).recording().cloned()
    }

    /// Where a process takes commands.
    pub fn control(&self, scoped: Scoped) -> Result<String, Asked> {
        self.check(scoped)?;
        let process = match scoped {
            Scoped::Process(process) => process,
            Scoped::File(_) | Scoped::Files => return Err(Asked::AFile),
            Scoped::All | Scoped::Thread(..) => return Err(Asked::NotAProcess),
        };
        let live = self.sources.live.as_ref().ok_or(Asked::NoProcess)?;
        let is_alive = matches!(live.phase(process), Some(Phase::Running | Phase::Paused));
        let endpoint = live.run(process).and_then(|run| run.control);
        endpoint.filter(|_| is_alive).ok_or(Asked::NoCommands)
    }
}

fn scope(scoped: Scoped) -> Scope {
    match scoped {
        Scoped::All | Scoped::Files => Scope::All,
        Scoped::Process(process) | Scoped::File(process) => Scope::Process(process),
        Scoped::Thread(process, thread) => Scope::Thread(process, thread),
    }
}

fn query(scope: Scope, edges: Edges, tree: bool) -> Query {
    Query { scope, edges, tree, open: false, mine: false }
}

pub(crate) fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
