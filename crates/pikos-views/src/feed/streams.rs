//! Live streams as what the view follows.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pikos_client::{Listener, RecordStream, Stream, labelled};
use pstats_compat::{Calls, Function, Profile};

use super::labels::Labels;
use crate::memory::{Facts, LineLabels, Memory};
use crate::picture::{Health, Status};
use crate::sources::Command;
use crate::sources::{Feed, Target, Told, ToldStack, ToldStacks, ToldThread};

/// The age of what is shown is told this often.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long a process may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Streams that are listened to.
pub struct Streams {
    listener: Listener<Labels>,
    /// Profiles and recorders as they came: a place here never means another one.
    order: Vec<Place>,
    /// Of each recorder.
    records: Vec<LineLabels>,
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
        self.order.extend((profiles..self.listener.streams().len()).map(Place::Profile));
        self.order.extend((recorders..self.listener.recorders().len()).map(Place::Recorder));
        self.records.resize_with(self.listener.recorders().len(), LineLabels::default);
        is_news
    }
}

/// Which of the listener's streams, of each kind.
#[derive(Clone, Copy)]
enum Place {
    Profile(usize),
    Recorder(usize),
}

impl Target for Stream<Labels> {
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

    fn status(&self) -> Status {
        match self.model.end() {
            Some(end) => Status::Ended(match end.how.as_str() {
                "normal" => "normally".to_owned(),
                "exit" => format!("by os._exit({})", end.detail),
                "exception" | "signal" => format!("by {}", end.detail),
                other => other.to_owned(),
            }),
            None if self.is_lost => Status::Lost("it is gone without a word: killed?".to_owned()),
            None if self.model.head().paused => Status::Paused,
            None => Status::Running,
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

    fn functions(&self) -> usize {
        self.extra.len()
    }

    fn label(&self, function: usize) -> Function {
        labelled(self.extra.name(function), Calls::default())
    }

    fn figures(&self, function: usize, thread: Option<u64>) -> Option<Told> {
        let numbers = self.extra.numbers(function).iter();
        let mut figures = numbers.filter_map(|number| self.model.function(thread, *number)).peekable();
        figures.peek()?;
        Some(figures.fold(Told::default(), |sum, figures| sum.plus(told(self, &figures))))
    }

    fn edges(&self, of: Option<usize>, thread: Option<u64>, each: &mut dyn FnMut(usize, usize, Told)) {
        let mut tell = |of: Option<u32>| {
            for ((caller, callee), figures) in self.model.edges(of, thread) {
                let places = (self.extra.place(caller), self.extra.place(callee));
                if let (Some(caller), Some(callee)) = places {
                    each(caller, callee, told(self, &figures));
                }
            }
        };
        match of {
            None => tell(None),
            Some(place) => self.extra.numbers(place).iter().for_each(|&number| tell(Some(number))),
        }
    }

    fn threads(&self) -> Vec<ToldThread> {
        let of = |row: &pikos_wire::ThreadRow| {
            let (ncalls, ticks) = self.model.sum(Some(row.thread));
            ToldThread {
                id: row.thread,
                name: row.name.0.to_str_lossy().into_owned(),
                is_over: row.is_over,
                ncalls,
                tottime: self.model.seconds(ticks),
            }
        };
        self.model.threads().iter().map(of).collect()
    }

    fn has_tree(&self) -> bool {
        self.model.has_tree()
    }

    fn stacks_sequence(&self) -> u64 {
        self.model.stacks_seq()
    }

    fn stacks(&self, thread: Option<u64>) -> Option<ToldStacks> {
        let stacks = self.model.stacks(thread)?;
        let seconds = |ticks| self.model.seconds(ticks);
        let mut told = ToldStacks::default();
        for figures in stacks.list.iter().map(|stack| &stack.figures).chain([&stacks.bottom]) {
            told.cut.0 = told.cut.0.saturating_add(figures.cut_ncalls);
            told.cut.1 += seconds(figures.cut_tottime);
        }
        let stack = |stack: &pikos_client::Stack| ToldStack {
            parent: stack.parent,
            function: self.extra.place(stack.function),
            ncalls: stack.figures.ncalls.saturating_add(stack.figures.open),
            tottime: seconds(stack.figures.tottime.wrapping_add(stack.figures.open_tottime)),
            in_flight: seconds(stack.figures.open_cumtime),
            open: u32::try_from(stack.figures.open).unwrap_or(u32::MAX),
        };
        told.list.extend(stacks.list.iter().map(stack));
        Some(told)
    }

    fn profile(&self, thread: Option<u64>) -> Profile {
        self.model.profile(thread)
    }
}

impl Target for RecordStream {
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

    fn status(&self) -> Status {
        match () {
            () if self.model.head().end => Status::Ended(String::new()),
            () if self.is_lost => Status::Lost("it is gone without a word: killed?".to_owned()),
            () => Status::Running,
        }
    }

    fn health(&self) -> Health {
        Health {
            lag: Some((seconds_since_1970() - self.model.head().time).max(0.0)),
            lost: self.model.lost().saturating_add(self.refused),
            ..Health::default()
        }
    }

    fn sequence(&self) -> u64 {
        self.model.head().seq
    }

    fn age(&self) -> f64 {
        self.model.age()
    }

    fn functions(&self) -> usize {
        0
    }

    fn label(&self, _: usize) -> Function {
        Function::new("".into(), 0, "".into(), Calls::default())
    }

    fn figures(&self, _: usize, _: Option<u64>) -> Option<Told> {
        None
    }

    fn edges(&self, _: Option<usize>, _: Option<u64>, _: &mut dyn FnMut(usize, usize, Told)) {}

    fn threads(&self) -> Vec<ToldThread> {
        Vec::new()
    }

    fn profile(&self, _thread: Option<u64>) -> Profile {
        Profile::new(Vec::new(), Vec::new())
    }

    fn recorder(&self) -> Option<Facts> {
        Some(Facts::of(&self.model))
    }
}

fn seconds_since_1970() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Figures with what is open in them, as if it returned now.
fn told(stream: &Stream<Labels>, figures: &pikos_client::Figures) -> Told {
    Told {
        calls: stream.model.as_ended(figures),
        in_flight: stream.model.seconds(figures.open_cumtime),
        open: u32::try_from(figures.open).unwrap_or(u32::MAX),
    }
}

impl Told {
    fn plus(mut self, other: Told) -> Told {
        self.calls.add(&other.calls);
        self.in_flight += other.in_flight;
        self.open = self.open.saturating_add(other.open);
        self
    }
}

impl Feed for Streams {
    fn poll(&mut self) -> bool {
        self.take(Duration::ZERO)
    }

    fn is_behind(&self) -> bool {
        self.listener.is_behind()
    }

    fn targets(&self) -> Vec<&dyn Target> {
        let target = |place: &Place| match *place {
            Place::Profile(place) => &self.listener.streams()[place] as &dyn Target,
            Place::Recorder(place) => &self.listener.recorders()[place] as &dyn Target,
        };
        self.order.iter().map(target).collect()
    }

    fn memory(&mut self, target: usize) -> Option<Memory> {
        match self.order.get(target) {
            Some(Place::Recorder(place)) => {
                Some(self.records[*place].picture(&self.listener.recorders()[*place].model))
            }
            _ => None,
        }
    }

    fn command(&mut self, target: usize, command: Command) -> Result<(), String> {
        let Some(Place::Profile(place)) = self.order.get(target) else {
            return Err("a recorder takes no commands".to_owned());
        };
        let stream = &self.listener.streams()[*place];
        let Some(endpoint) = &stream.model.facts().control else {
            return Err("it takes no commands".to_owned());
        };
        let command = match command {
            Command::Pause => pikos_wire::Command::Pause,
            Command::Resume => pikos_wire::Command::Resume,
            Command::Clear => pikos_wire::Command::Clear,
        };
        let reply = pikos_client::request(&endpoint.0.to_str_lossy(), command, PATIENCE)
            .map_err(|problem| problem.to_string())?;
        reply.error.map_or(Ok(()), Err)
    }
}
