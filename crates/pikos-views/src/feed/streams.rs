//! Live streams as what the view follows.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pikos_client::{Command, Known, Listener, RecordStream, Stream, ThreadRow, WireText, labelled};
use pstats_compat::{Calls, Cut, Figures, Function, Profile, longest_first};

use super::labels::Labels;
use super::sender::{Feed, Heard, ProfileSender, RecordSender, Run, Sender};
use crate::error::Error;
use crate::picture::{Health, Phase, Shown, ShownStack, SlowStep, Task, Tasks, Thread};
use crate::recording::{Lines, RecorderFacts, Recording};

/// The age of what is shown is told this often.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a process may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// So many of the tasks that wait for one are shown.
const MOST_WAITING: usize = 8;

/// Streams that are listened to.
pub struct Streams {
    listener: Listener<Labels>,
    /// Profiles and recorders as they came: a place here never means another one.
    order: Vec<Told>,
    /// Of each recorder, what its lines are.
    records: Vec<Lines>,
    /// Processes that went without a word.
    lost: usize,
    /// When there was news last.
    shown: Instant,
}

impl Streams {
    /// Follows what it hears.
    pub fn new(listener: Listener<Labels>) -> Self {
        Self { listener, order: Vec::new(), records: Vec::new(), lost: 0, shown: Instant::now() }
    }

    /// Waits for the first messages: until all that there are have told something, at most so long.
    pub fn await_first(&mut self, patience: Duration) {
        let start = Instant::now();
        while start.elapsed() < patience {
            self.take(Duration::from_millis(20));
            let sources = self.listener.endpoints().count();
            if sources > 0 && self.order.len() >= sources {
                break;
            }
        }
    }

    fn take(&mut self, timeout: Duration) -> bool {
        // If the folder can't be read any more, nothing new is found in it; what is known stays on the screen.
        let has_news = self.listener.poll(timeout).unwrap_or(false);
        let lost = self.listener.streams().iter().filter(|stream| stream.is_lost).count()
            + self.listener.recorders().iter().filter(|stream| stream.is_lost).count();
        // Where nothing comes, the figures get older, and that is news as well.
        let has_aged = self.shown.elapsed() >= HEARTBEAT;
        let is_news = has_news || has_aged || lost != self.lost;
        if is_news {
            (self.lost, self.shown) = (lost, Instant::now());
        }
        for stream in self.listener.streams_mut() {
            let Stream { model, extra, .. } = stream;
            extra.follow(model.head().epoch, model.names());
        }
        let recorders = self.records.len();
        let profiles = self.order.len() - recorders;
        self.order.extend((profiles..self.listener.streams().len()).map(Told::Profile));
        self.order.extend((recorders..self.listener.recorders().len()).map(Told::Records));
        self.records.resize_with(self.listener.recorders().len(), Lines::default);
        is_news
    }
}

/// Which of the listener's streams, of each kind.
#[derive(Clone, Copy)]
enum Told {
    Profile(usize),
    Records(usize),
}

impl Sender for Stream<Labels> {
    fn title(&self) -> String {
        let argv = &self.model.facts().argv;
        argv.iter().map(|argument| argument.0.to_str_lossy()).collect::<Vec<_>>().join(" ")
    }

    fn pid(&self) -> u32 {
        self.model.facts().pid
    }

    fn host(&self) -> Option<String> {
        self.endpoint.starts_with("tcp://").then(|| self.model.facts().host.clone())
    }

    fn phase(&self) -> Phase {
        match self.model.end() {
            Some(end) => Phase::Ended(match end.how.as_str() {
                "normal" => "normally".to_owned(),
                "exit" => format!("by os._exit({})", end.detail),
                "exception" | "signal" => format!("by {}", end.detail),
                other => other.to_owned(),
            }),
            None if self.is_lost => Phase::Lost("it vanished: killed?".to_owned()),
            None if self.model.head().paused => Phase::Paused,
            None => Phase::Running,
        }
    }

    fn health(&self) -> Health {
        let (head, facts) = (self.model.head(), self.model.facts());
        let (_, ticks) = self.model.sum(None);
        Health {
            overhead: (ticks > 0 && head.overhead > 0).then(|| head.overhead as f64 / ticks as f64),
            lag: Some((seconds_since_1970() - head.time).max(0.0)),
            lost: self.model.lost().saturating_add(head.dropped).saturating_add(self.refused),
            interval: Some(head.interval),
            hook: (!facts.hook.is_empty()).then(|| facts.hook.clone()),
        }
    }

    fn sequence(&self) -> u64 {
        self.model.seq()
    }

    fn age(&self) -> f64 {
        self.model.head().age
    }
}

impl ProfileSender for Stream<Labels> {
    fn functions(&self) -> usize {
        self.extra.len()
    }

    fn label(&self, function: usize) -> Function {
        labelled(self.extra.name(function), Calls::default())
    }

    fn figures(&self, function: usize, thread: Option<u64>) -> Option<Shown> {
        let numbers = self.extra.numbers(function).iter();
        let known = numbers.filter_map(|&number| Some((number, self.model.function(thread, number)?)));
        let mut known = known.peekable();
        known.peek()?;
        Some(known.fold(Shown::default(), |mut sum, (number, known)| {
            let durations = self.model.distribution(thread, number);
            let cpu = self.model.cpu(&known, thread, None, number).map_or(0.0, |(own, _)| own);
            let figures = Shown { cpu, ..shown(self, &known) };
            sum.add(&figures.with_durations(durations.as_ref()));
            sum
        }))
    }

    fn edges(&self, of: Option<usize>, thread: Option<u64>, each: &mut dyn FnMut(usize, usize, Shown)) {
        let mut tell = |of: Option<u32>| {
            for ((caller, callee), known) in self.model.edges(of, thread) {
                let places = (self.extra.place(caller), self.extra.place(callee));
                if let (Some(caller), Some(callee)) = places {
                    each(caller, callee, shown(self, &known));
                }
            }
        };
        match of {
            None => tell(None),
            Some(place) => self.extra.numbers(place).iter().for_each(|&number| tell(Some(number))),
        }
    }

    fn threads(&self) -> Vec<Thread> {
        let labels: HashMap<u64, &[WireText]> =
            self.model.head().labels.iter().map(|row| (row.thread, &row.labels[..])).collect();
        let pairs = |texts: &[WireText]| {
            let text = |text: &WireText| text.0.to_str_lossy().into_owned();
            texts.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
        };
        let of = |row: &ThreadRow| {
            let (ncalls, ticks) = self.model.sum(Some(row.thread));
            Thread {
                id: row.thread,
                name: row.name.0.to_str_lossy().into_owned(),
                labels: labels.get(&row.thread).map_or_else(Vec::new, |texts| pairs(texts)),
                is_over: row.is_over,
                ncalls: signed(ncalls),
                tottime: self.model.seconds(ticks),
                gil_wait: self.model.seconds(self.model.gil_wait(Some(row.thread))),
                share: 0.0,
            }
        };
        self.model.threads().iter().map(of).collect()
    }

    fn run(&self) -> Run {
        let (head, facts) = (self.model.head(), self.model.facts());
        let recorded = head.recorded.unwrap_or_default();
        Run {
            parent: facts.parent,
            epoch: self.epoch(),
            time: head.time,
            started: facts.started,
            elapsed: recorded.elapsed,
            cpu: recorded.cpu,
            folder: facts.folder.0.to_str_lossy().into_owned(),
            control: facts.control.as_ref().map(|endpoint| endpoint.0.to_str_lossy().into_owned()),
        }
    }

    fn epoch(&self) -> u64 {
        self.model.head().epoch
    }

    fn has_tree(&self) -> bool {
        self.model.has_tree()
    }

    fn stacks_sequence(&self) -> u64 {
        self.model.stacks_seq()
    }

    fn stacks(
        &self,
        thread: Option<u64>,
        each: &mut dyn FnMut(Option<u32>, Option<usize>, ShownStack),
    ) -> Option<Cut> {
        let nodes = self.model.stacks(thread)?;
        let seconds = |ticks| self.model.seconds(ticks);
        let mut cut = Cut::default();
        for node in &nodes {
            cut.calls = cut.calls.saturating_add(node.figures.cut_ncalls);
            cut.seconds += seconds(node.figures.cut_tottime);
        }
        // The first is the bottom, which is no stack.
        for node in nodes.iter().skip(1) {
            let figures = &node.figures;
            let own = ShownStack {
                ncalls: signed(figures.ncalls.saturating_add(figures.open.calls)),
                tottime: seconds(figures.tottime.wrapping_add(figures.open.tottime)),
                in_flight: seconds(figures.open.cumtime),
                open: u32::try_from(figures.open.calls).unwrap_or(u32::MAX),
            };
            each(node.parent.checked_sub(1), self.extra.place(node.function), own);
        }
        Some(cut)
    }

    fn has_tasks(&self) -> bool {
        self.model.head().tasks.is_some()
    }

    fn tasks(&self) -> Option<Tasks<usize>> {
        let (model, part) = (&self.model, self.model.head().tasks.as_ref()?);
        let mut coroutines: HashMap<u32, Figures> = HashMap::new();
        for row in &part.coroutines {
            coroutines.entry(row.function).or_default().add(&model.figures(row));
        }
        let told = Tasks {
            under_way: part.under_way,
            list: part
                .tasks
                .iter()
                .map(|row| Task {
                    id: row.task,
                    name: row.name.0.to_string(),
                    function: row.function,
                    runs: row.runs,
                    since: model.seconds(row.since),
                    run: model.seconds(row.run),
                    parked: model.seconds(row.parked),
                    steps: row.steps,
                    longest: model.seconds(row.longest),
                    awaits: row.awaits,
                    parent: u64::try_from(row.parent.0).ok().filter(|parent| *parent != 0),
                    awaited_by: row.awaited_by.0.iter().copied().take(MOST_WAITING).collect(),
                })
                .collect(),
            slow_from: model.seconds(part.slow_from),
            slow_count: part.slow_count,
            slow_seconds: model.seconds(part.slow_ticks),
            slow: part
                .slow
                .iter()
                .map(|row| SlowStep {
                    at: model.seconds(row.at),
                    seconds: model.seconds(row.ticks),
                    task: row.task.0.to_string(),
                    function: row.function,
                    path: row
                        .path
                        .iter()
                        .zip(&row.times)
                        .map(|(function, ticks)| (*function, model.seconds(*ticks)))
                        .collect(),
                })
                .collect(),
            coroutines: longest_first(coroutines.into_iter().collect()),
        };
        Some(told.with(|number| self.extra.place(number)))
    }

    fn is_sampled(&self) -> bool {
        self.model.facts().is_sampled()
    }

    fn profile(&self, thread: Option<u64>) -> Profile {
        self.model.profile(thread)
    }
}

impl Sender for RecordStream {
    fn title(&self) -> String {
        let argv = &self.model.head().argv;
        argv.iter().map(|argument| argument.0.to_str_lossy()).collect::<Vec<_>>().join(" ")
    }

    fn pid(&self) -> u32 {
        self.model.head().pid
    }

    fn host(&self) -> Option<String> {
        self.endpoint.starts_with("tcp://").then(|| self.model.head().host.clone())
    }

    fn phase(&self) -> Phase {
        match () {
            () if self.model.head().end => Phase::Ended(String::new()),
            () if self.is_lost => Phase::Lost("it vanished: killed?".to_owned()),
            () if self.model.head().paused => Phase::Paused,
            () => Phase::Running,
        }
    }

    fn health(&self) -> Health {
        Health {
            lag: Some((seconds_since_1970() - self.model.head().time).max(0.0)),
            lost: self.model.lost().saturating_add(self.refused),
            interval: Some(self.model.head().interval).filter(|interval| *interval > 0.0),
            ..Health::default()
        }
    }

    fn sequence(&self) -> u64 {
        self.model.head().seq
    }

    fn age(&self) -> f64 {
        self.model.age()
    }
}

impl RecordSender for RecordStream {
    fn facts(&self) -> RecorderFacts {
        RecorderFacts::of(&self.model)
    }
}

fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Figures with what is open in them, as if it returned now.
fn shown(stream: &Stream<Labels>, known: &Known) -> Shown {
    Shown {
        in_flight: stream.model.seconds(known.open.cumtime),
        open: u32::try_from(known.open.calls).unwrap_or(u32::MAX),
        gil_wait: stream.model.seconds(known.gil_wait),
        ..stream.model.as_ended(known).into()
    }
}

impl Feed for Streams {
    fn poll(&mut self) -> bool {
        self.take(Duration::ZERO)
    }

    fn is_behind(&self) -> bool {
        self.listener.is_behind()
    }

    fn is_over(&self) -> bool {
        self.listener.is_over()
    }

    fn heard(&self) -> Vec<Heard<'_>> {
        (0..self.order.len()).filter_map(|place| self.heard_at(place)).collect()
    }

    fn heard_at(&self, place: usize) -> Option<Heard<'_>> {
        Some(match *self.order.get(place)? {
            Told::Profile(place) => Heard::Profile(&self.listener.streams()[place]),
            Told::Records(place) => Heard::Records(&self.listener.recorders()[place]),
        })
    }

    fn recording(&mut self, place: usize) -> Option<Recording> {
        match self.order.get(place) {
            Some(Told::Records(place)) => {
                Some(self.records[*place].picture(&self.listener.recorders()[*place].model))
            }
            _ => None,
        }
    }

    fn command(&mut self, place: usize, command: &Command) -> Result<(), Error> {
        let control = match self.order.get(place) {
            Some(Told::Profile(place)) => {
                let facts = self.listener.streams()[*place].model.facts();
                facts.control.as_ref().map(|endpoint| endpoint.0.to_str_lossy().into_owned())
            }
            Some(Told::Records(place)) => {
                let control = &self.listener.recorders()[*place].model.head().control;
                Some(control.clone()).filter(|control| !control.is_empty())
            }
            None => return Err(Error::NoProcess),
        };
        let reply = pikos_client::request(&control.ok_or(Error::NoCommands)?, command.clone(), PATIENCE)?;
        reply.error.map_or(Ok(()), |problem| Err(Error::Refused(problem)))
    }
}
