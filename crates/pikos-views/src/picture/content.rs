//! One scope at one moment.

use std::sync::Arc;

use pstats_compat::EdgeDetail;

use super::label::Label;
use super::open::Open;
use super::process::{Process, Thread};
use super::scope::{FunctionId, ProcessId, Scope};
use super::shown::{ShownEdge, ShownFunction};
use super::tasks::Tasks;
use super::tree::Stacks;
use crate::recording::Recording;

/// What the figures of a profile mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Meaning {
    /// What "time" is: `s`, or what another tool counted.
    pub unit: String,
    /// Whether anybody counted calls.
    pub is_counted: bool,
    /// Whether the counts are samples.
    pub is_sampled: bool,
    /// What is known of callers.
    pub edges: EdgeDetail,
    /// Whether the profiler's own cost was taken out.
    pub is_compensated: bool,
    /// Whether anybody waited for the GIL, as far as it is known.
    pub has_gil_waits: bool,
    /// Whether it is known how long processors were at work.
    pub has_cpu: bool,
    /// Whether it is known how long each call took.
    pub has_durations: bool,
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
            has_gil_waits: false,
            has_cpu: false,
            has_durations: false,
            is_live: false,
        }
    }
}

/// Which edges a picture holds: those of a large program are too many to copy ten times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edges {
    /// None.
    None,
    /// Those of one function: its callers and its callees.
    Of(FunctionId),
    /// All.
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
    /// What it covers.
    pub scope: Scope,
    /// Counts up whenever an interval is over; two pictures of one tick differ in nothing that
    /// belongs to a history.
    pub tick: u64,
    /// All processes of the source, or files.
    pub processes: Arc<Vec<Process>>,
    /// Whether the processes can be added up.
    pub has_sum: bool,
    /// What is shown of the scope.
    pub content: Content,
}

/// What there is of a scope. A clone shares the tables.
#[derive(Clone, Debug)]
pub enum Content {
    /// Functions, with their calls and times.
    Profile(ProfileContent),
    /// Lines or functions of a recorder, with their memory.
    Recording(Arc<Recording>),
}

/// A profile. A clone shares the tables.
#[derive(Clone, Debug)]
pub struct ProfileContent {
    /// What its figures mean.
    pub meaning: Meaning,
    /// Those of all functions of the source, by their ids.
    pub labels: Arc<Vec<Arc<Label>>>,
    /// Whether each label is of the user's own code; empty if none is.
    pub own: Arc<Vec<bool>>,
    /// The functions of the scope.
    pub functions: Arc<Vec<ShownFunction>>,
    /// Who called whom.
    pub edges: Arc<Vec<ShownEdge>>,
    /// Which edges those are.
    pub edges_of: Edges,
    /// Full stacks.
    pub stacks: Stacks,
    /// The open calls of each thread of each process, if they were asked for.
    pub open: Option<Arc<Vec<(ProcessId, Open)>>>,
    /// The tasks of each process that follows them, if the open calls were asked for.
    pub tasks: Option<Arc<Vec<(ProcessId, Tasks)>>>,
    /// The same with the user's own functions alone, if that was asked for and there are any.
    pub mine: Option<Mine>,
}

/// A profile in which each function of others is a part of the own one that called it. A clone shares the tables.
#[derive(Clone, Debug)]
pub struct Mine {
    /// The functions of the scope.
    pub functions: Arc<Vec<ShownFunction>>,
    /// Full stacks.
    pub stacks: Stacks,
}

impl Default for ProfileContent {
    fn default() -> Self {
        Self {
            meaning: Meaning::default(),
            labels: Arc::default(),
            own: Arc::default(),
            functions: Arc::default(),
            edges: Arc::default(),
            edges_of: Edges::None,
            stacks: Stacks::NotAsked,
            open: None,
            tasks: None,
            mine: None,
        }
    }
}

impl ProfileContent {
    /// A function's label.
    pub fn label(&self, id: FunctionId) -> &Label {
        &self.labels[id.index()]
    }

    /// The functions to list: the user's own alone, if these are wanted and known.
    pub fn listed(&self, is_mine: bool) -> &Arc<Vec<ShownFunction>> {
        self.mine.as_ref().filter(|_| is_mine).map_or(&self.functions, |mine| &mine.functions)
    }

    /// The stacks to list, likewise.
    pub fn listed_stacks(&self, is_mine: bool) -> &Stacks {
        self.mine.as_ref().filter(|_| is_mine).map_or(&self.stacks, |mine| &mine.stacks)
    }

    /// Whether a function stands out: it is the user's own, or no function is.
    pub fn is_own(&self, id: FunctionId) -> bool {
        self.own.is_empty() || self.own.get(id.index()) == Some(&true)
    }
}

impl Default for Picture {
    /// Of nothing yet.
    fn default() -> Self {
        Self {
            scope: Scope::All,
            tick: 0,
            processes: Arc::default(),
            has_sum: true,
            content: Content::Profile(ProfileContent::default()),
        }
    }
}

impl Picture {
    /// The profile, if it is one.
    pub fn profile(&self) -> Option<&ProfileContent> {
        match &self.content {
            Content::Profile(profile) => Some(profile),
            Content::Recording(_) => None,
        }
    }

    /// What a recorder has told, if it is of one.
    pub fn recording(&self) -> Option<&Arc<Recording>> {
        match &self.content {
            Content::Profile(_) => None,
            Content::Recording(recording) => Some(recording),
        }
    }

    /// Whether its figures still change. Recorders are always at work.
    pub fn is_live(&self) -> bool {
        self.profile().is_none_or(|profile| profile.meaning.is_live)
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
