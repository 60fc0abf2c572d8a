//! What a view shows, wherever it comes from: a file or a process at work.
//!
//! Everything here is a plain value. A function has one id for as long as its source lives, in every
//! process and thread, so a selection, a mark and a history hold while tables come and go.

use std::sync::Arc;

use pstats_compat::{Calls, EdgeDetail, Function, Text};

use crate::memory::{Facts, Memory};
use crate::printable::printable;

/// A function of a source: an index into [`Picture::labels`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

impl FunctionId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A stack of a source: the same for as long as that lives, in every process and thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackId(pub u32);

/// A process of a source, or a file: an index into [`Picture::processes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// What a table covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All processes, added up.
    All,
    Process(ProcessId),
    /// One thread, by the id that its process gives it.
    Thread(ProcessId, u64),
}

impl Scope {
    /// The process, if it is in one.
    pub fn process(self) -> Option<ProcessId> {
        match self {
            Scope::All => None,
            Scope::Process(process) | Scope::Thread(process, _) => Some(process),
        }
    }
}

/// Where a function is, safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The file as the profile has it, to open or to save.
    pub path: Text,
    pub file: Arc<str>,
    pub line: u32,
    /// The name as cProfile prints it, to save.
    pub plain_name: Text,
    /// The qualified name if it is known.
    pub name: String,
    pub is_builtin: bool,
}

impl Label {
    pub fn of(function: &Function) -> Self {
        let name = function.display_name();
        let is_builtin = function.is_builtin();
        let name = match is_builtin {
            true => name.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(&name),
            false => &name,
        };
        Self {
            path: function.file.clone(),
            file: printable(&function.file.to_str_lossy()).into(),
            line: function.line,
            plain_name: function.name.clone(),
            name: match is_builtin {
                true => printable(&format!("{{{name}}}")).into_owned(),
                false => printable(name).into_owned(),
            },
            is_builtin,
        }
    }

    /// What a filter looks at: `file:line(name)`, or a built-in's `{name}`.
    pub fn searched(&self) -> String {
        match self.is_builtin {
            true => self.name.clone(),
            false => format!("{}:{}({})", self.file, self.line, self.name),
        }
    }
}

/// What is known of a function in a scope, or the difference of two such. Times are seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    pub ncalls: i64,
    pub primitive_calls: i64,
    /// Includes the time that open activations have spent so far.
    pub tottime: f64,
    /// Includes the time that open activations have spent so far.
    pub cumtime: f64,
    /// The part of `cumtime` that is in activations which are still open.
    pub in_flight: f64,
    /// Activations that are open.
    pub open: u32,
    /// Calls per second in the last interval.
    pub calls_per_s: f64,
    /// `tottime` in the last interval, as a part of that interval's length.
    pub share: f64,
}

impl From<Calls> for Figures {
    fn from(calls: Calls) -> Self {
        let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            ncalls: count(calls.ncalls),
            primitive_calls: count(calls.primitive_calls),
            tottime: calls.tottime,
            cumtime: calls.cumtime,
            ..Self::default()
        }
    }
}

impl Figures {
    /// What was added since.
    pub fn since(&self, mark: &Figures) -> Figures {
        Figures {
            ncalls: self.ncalls.saturating_sub(mark.ncalls),
            primitive_calls: self.primitive_calls.saturating_sub(mark.primitive_calls),
            tottime: self.tottime - mark.tottime,
            cumtime: self.cumtime - mark.cumtime,
            ..*self
        }
    }

    /// Adds what another process says of the same function.
    pub fn add(&mut self, other: &Figures) {
        self.ncalls = self.ncalls.saturating_add(other.ncalls);
        self.primitive_calls = self.primitive_calls.saturating_add(other.primitive_calls);
        self.tottime += other.tottime;
        self.cumtime += other.cumtime;
        self.in_flight += other.in_flight;
        self.open = self.open.saturating_add(other.open);
        self.calls_per_s += other.calls_per_s;
        self.share += other.share;
    }
}

/// A function in a scope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub id: FunctionId,
    pub figures: Figures,
}

/// One caller of one function, in a scope.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    pub caller: FunctionId,
    pub callee: FunctionId,
    pub figures: Figures,
}

/// A stack in a scope: a function, reached by one chain of callers. Times are seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    pub id: StackId,
    /// The stack without its top: its place in [`Tree::nodes`], a smaller one.
    pub parent: Option<u32>,
    /// The function on top.
    pub function: FunctionId,
    /// Calls with this very stack, those that are open included.
    pub ncalls: i64,
    /// With exactly this stack.
    pub tottime: f64,
    /// With this stack and all above it.
    pub cumtime: f64,
    /// Since the open call with this stack began.
    pub in_flight: f64,
    /// Calls with this stack that are open: one in each thread at most.
    pub open: u32,
}

/// Full stacks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    /// Parents stand before their children.
    pub nodes: Vec<Node>,
    /// Calls that the limits on depth and nodes cut, and their time, which is that of the stacks below.
    pub cut_calls: u64,
    pub cut_seconds: f64,
    /// Processes of the scope that keep none.
    pub without: usize,
}

impl Tree {
    /// Seconds in all stacks.
    pub fn whole(&self) -> f64 {
        self.nodes.iter().filter(|node| node.parent.is_none()).map(|node| node.cumtime).sum()
    }
}

/// What a source has to say of full stacks.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Stacks {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// Nobody keeps them.
    NotKept,
    /// They are on their way.
    Awaited,
    Known(Arc<Tree>),
}

/// A thread of a process.
#[derive(Clone, Debug, PartialEq)]
pub struct Thread {
    pub id: u64,
    pub name: String,
    /// Whether it is over; its figures stay.
    pub is_over: bool,
    /// Seconds in its functions.
    pub tottime: f64,
    pub ncalls: i64,
    /// As [`Figures::share`], over all of its functions.
    pub share: f64,
}

/// A process, or a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// The script or the file, safe to print.
    pub title: String,
    pub pid: Option<u32>,
    /// Where it runs, if not here.
    pub host: Option<String>,
    pub status: Status,
    pub functions: usize,
    /// Seconds in its functions.
    pub tottime: f64,
    pub ncalls: i64,
    pub calls_per_s: f64,
    /// Seconds since it began, by its own clock.
    pub age: Option<f64>,
    pub threads: Vec<Thread>,
    pub health: Option<Health>,
    /// Of a recorder: it has no profile.
    pub recorder: Option<Facts>,
}

/// How far a process has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// A file: it says all that it will ever say.
    Finished,
    Running,
    /// Alive, and not collecting.
    Paused,
    /// It said that it ended, and how.
    Ended(String),
    /// It went without a word, or can't be reached.
    Lost(String),
}

/// How much the figures of a live process can be relied on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// The profiler's part of the time, as an estimate: 0.05 is 5 %.
    pub overhead: Option<f64>,
    /// Seconds since its last message was made.
    pub lag: Option<f64>,
    /// Messages that did not arrive.
    pub lost: u64,
    /// Seconds between its messages.
    pub interval: Option<f64>,
    /// Which hook counts.
    pub hook: Option<String>,
}

/// What the figures mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// What "time" is: `s`, or what another tool counted.
    pub unit: String,
    /// Whether anybody counted calls.
    pub is_counted: bool,
    /// Whether the counts are samples.
    pub is_sampled: bool,
    pub edges: EdgeDetail,
    /// Whether the profiler's own cost was taken out.
    pub is_compensated: bool,
    /// Whether figures still change: there are rates, and what is in flight.
    pub is_live: bool,
}

impl Default for Meaning {
    fn default() -> Self {
        Self {
            unit: "s".to_owned(),
            is_counted: true,
            is_sampled: false,
            edges: EdgeDetail::Full,
            is_compensated: false,
            is_live: false,
        }
    }
}

/// Which edges a picture holds: those of a large program are too many to copy ten times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    None,
    Of(FunctionId),
    All,
}

impl Edges {
    /// Whether all the callers and callees of a function are among them.
    pub fn cover(self, function: FunctionId) -> bool {
        self == Edges::All || self == Edges::Of(function)
    }
}

/// All that a source has to say about one scope at one moment. A clone shares the tables.
#[derive(Clone, Debug)]
pub struct Picture {
    pub scope: Scope,
    /// Counts up whenever an interval is over; two pictures of one tick differ in nothing that
    /// belongs to a history.
    pub tick: u64,
    pub meaning: Meaning,
    pub labels: Arc<Vec<Arc<Label>>>,
    pub rows: Arc<Vec<Row>>,
    pub edges: Arc<Vec<Edge>>,
    /// Which edges those are.
    pub edges_of: Edges,
    pub stacks: Stacks,
    pub processes: Arc<Vec<Process>>,
    /// Whether the processes can be added up.
    pub has_sum: bool,
    /// Of a scope that is a recorder; then there are no rows.
    pub memory: Option<Arc<Memory>>,
}

impl Default for Picture {
    fn default() -> Self {
        Self {
            scope: Scope::All,
            tick: 0,
            meaning: Meaning::default(),
            labels: Arc::default(),
            rows: Arc::default(),
            edges: Arc::default(),
            edges_of: Edges::None,
            stacks: Stacks::NotAsked,
            processes: Arc::default(),
            has_sum: true,
            memory: None,
        }
    }
}

/// What the rows of a picture add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    pub ncalls: f64,
    pub tottime: f64,
    pub calls_per_s: f64,
    /// The greatest `cumtime`.
    pub greatest: f64,
}

impl Totals {
    pub fn of(rows: &[Row]) -> Self {
        rows.iter().fold(Self::default(), |sum, Row { figures, .. }| Self {
            ncalls: sum.ncalls + figures.ncalls as f64,
            tottime: sum.tottime + figures.tottime,
            calls_per_s: sum.calls_per_s + figures.calls_per_s,
            greatest: sum.greatest.max(figures.cumtime),
        })
    }
}

impl Picture {
    pub fn label(&self, id: FunctionId) -> &Label {
        &self.labels[id.index()]
    }

    /// The process that the scope is in.
    pub fn process(&self) -> Option<&Process> {
        match self.scope.process() {
            Some(ProcessId(place)) => self.processes.get(place as usize),
            None if self.processes.len() == 1 => self.processes.first(),
            None => None,
        }
    }

    /// The thread that the scope is.
    pub fn thread(&self) -> Option<&Thread> {
        let Scope::Thread(_, id) = self.scope else { return None };
        self.process()?.threads.iter().find(|thread| thread.id == id)
    }
}
