//! Coroutines, and the steps that kept an event loop too long: in columns, and bounded, whatever a profile has.

use serde::Serialize;

use super::functions::{Chosen, rounded, shown};
use crate::model::{Figures, FunctionId, Tasks, longest_first};

/// So many of the longest slow steps are told of,
pub const MOST_SLOW: usize = 200;
/// so many calls in one,
const MOST_CALLS: usize = 64;
/// and so many functions whose coroutines took the longest.
pub const MOST_COROUTINES: usize = 1_000;

/// What a page shows of them.
#[derive(Serialize)]
pub struct Followed {
    slow_from: f64,
    slow_count: u64,
    slow_seconds: f64,
    slow: Vec<SlowRow>,
    coroutines: CoroutineColumns,
}

/// A step that kept its loop too long.
#[derive(Serialize)]
pub struct SlowRow {
    /// Whose it was, where there may be several.
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<String>,
    at: f64,
    seconds: f64,
    /// Of a callback there is none.
    task: Option<String>,
    function: u32,
    path: Vec<(u32, f64)>,
}

impl SlowRow {
    /// One that began `at` so many seconds after recording did; functions by their numbers in the page.
    pub fn new(
        at: f64,
        seconds: f64,
        task: &str,
        function: u32,
        path: impl Iterator<Item = (u32, f64)>,
    ) -> Self {
        Self {
            process: None,
            at: rounded(at),
            seconds: rounded(seconds),
            task: (!task.is_empty()).then(|| shown(task)),
            function,
            path: path.take(MOST_CALLS).map(|(call, seconds)| (call, rounded(seconds))).collect(),
        }
    }

    /// The same, and whose it was.
    pub fn of_process(self, process: &str) -> Self {
        Self { process: Some(process.to_owned()), ..self }
    }
}

/// Coroutines by function.
#[derive(Default, Serialize)]
pub struct CoroutineColumns {
    function: Vec<u32>,
    started: Vec<u64>,
    steps: Vec<u64>,
    run: Vec<f64>,
    #[serde(rename = "await")]
    parked: Vec<f64>,
    longest: Vec<f64>,
    longest_at: Vec<f64>,
    returned: Vec<u64>,
    raised: Vec<u64>,
    cancelled: Vec<u64>,
    dropped: Vec<u64>,
    never_awaited: Vec<u64>,
    alive: Vec<u64>,
}

impl CoroutineColumns {
    /// Adds those of a function, by its number in the page.
    pub fn push(&mut self, function: u32, figures: &Figures) {
        self.function.push(function);
        self.started.push(figures.started);
        self.steps.push(figures.steps);
        self.run.push(rounded(figures.run));
        self.parked.push(rounded(figures.parked));
        self.longest.push(rounded(figures.longest));
        self.longest_at.push(rounded(figures.longest_at));
        self.returned.push(figures.returned);
        self.raised.push(figures.raised);
        self.cancelled.push(figures.cancelled);
        self.dropped.push(figures.dropped);
        self.never_awaited.push(figures.never_awaited);
        self.alive.push(figures.alive());
    }
}

/// What is told of a profile's tasks, before the functions in it have numbers.
pub struct Kept<'p> {
    tasks: &'p Tasks,
    coroutines: Vec<(FunctionId, Figures)>,
}

impl<'p> Kept<'p> {
    /// The longest of them.
    pub fn of(tasks: &'p Tasks) -> Self {
        let mut coroutines = longest_first(tasks.by_function());
        coroutines.truncate(MOST_COROUTINES);
        Self { tasks, coroutines }
    }

    /// The places of all functions that are named in it.
    pub fn functions(&self) -> impl Iterator<Item = usize> {
        let steps = self.tasks.slow.iter().take(MOST_SLOW).flat_map(|step| {
            let calls = step.path.iter().take(MOST_CALLS).map(|(call, _)| *call);
            [step.function].into_iter().chain(calls)
        });
        steps.chain(self.coroutines.iter().map(|(function, _)| *function)).map(FunctionId::index)
    }

    /// As a page has it.
    pub fn told(&self, chosen: &Chosen) -> Followed {
        let number = |function: FunctionId| chosen.number(function.index());
        let slow = self.tasks.slow.iter().take(MOST_SLOW).map(|step| {
            let task = step.task.as_ref().map(|task| task.to_str_lossy()).unwrap_or_default();
            let path = step.path.iter().map(|(call, seconds)| (number(*call), *seconds));
            SlowRow::new(step.at, step.seconds, &task, number(step.function), path)
        });
        let slow = slow.collect();
        let mut coroutines = CoroutineColumns::default();
        for (function, figures) in &self.coroutines {
            coroutines.push(number(*function), figures);
        }
        Followed {
            slow_from: rounded(self.tasks.slow_from),
            slow_count: self.tasks.slow_count,
            slow_seconds: rounded(self.tasks.slow_seconds),
            slow,
            coroutines,
        }
    }
}
