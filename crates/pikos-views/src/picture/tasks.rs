//! Tasks that are under way, and steps that kept an event loop too long.

use pstats_compat::{Figures, longest_first};

use super::scope::FunctionId;

/// What a process says of its tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tasks<F = FunctionId> {
    /// How many are under way.
    pub under_way: u64,
    /// Those among them that somebody may want to see.
    pub list: Vec<Task<F>>,
    /// From how many seconds on a step is slow.
    pub slow_from: f64,
    /// How many slow steps there were.
    pub slow_count: u64,
    /// How many seconds they took together.
    pub slow_seconds: f64,
    /// The longest of them, the longest first.
    pub slow: Vec<SlowStep<F>>,
    /// The coroutines of each function, whoever awaited them; those that took the longest first.
    pub coroutines: Vec<(F, Figures)>,
}

/// A task that is under way. Times are in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Task<F = FunctionId> {
    /// Tells it from others of its process.
    pub id: u64,
    /// What it is called; empty if it has not said so yet.
    pub name: String,
    /// Its coroutine's function.
    pub function: F,
    /// Whether a step of it is open; else it waits.
    pub runs: bool,
    /// How long it has been so.
    pub since: f64,
    /// Time in steps.
    pub run: f64,
    /// Time between steps.
    pub parked: f64,
    /// How often it began or went on.
    pub steps: u64,
    /// Its longest step.
    pub longest: f64,
    /// The innermost function that it awaits, or its own.
    pub awaits: F,
    /// The task that made it, by its number, where that is known; it may be over.
    pub parent: Option<u64>,
    /// Those that wait for it.
    pub awaited_by: Vec<u64>,
}

/// A step that kept its loop too long.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowStep<F = FunctionId> {
    /// When it began: seconds since recording did.
    pub at: f64,
    /// How long it was.
    pub seconds: f64,
    /// The task's name; empty of a callback.
    pub task: String,
    /// The function whose step it was.
    pub function: F,
    /// The calls that took more than half of it, the outermost first.
    pub path: Vec<(F, f64)>,
}

impl<F: Copy> Tasks<F> {
    /// The same with functions by other numbers; without what is of functions that have none.
    pub fn with<G>(&self, id: impl Fn(F) -> Option<G>) -> Tasks<G> {
        let task = |task: &Task<F>| {
            Some(Task {
                id: task.id,
                name: task.name.clone(),
                function: id(task.function)?,
                runs: task.runs,
                since: task.since,
                run: task.run,
                parked: task.parked,
                steps: task.steps,
                longest: task.longest,
                awaits: id(task.awaits)?,
                parent: task.parent,
                awaited_by: task.awaited_by.clone(),
            })
        };
        let slow = |step: &SlowStep<F>| {
            let path = step.path.iter().filter_map(|(function, seconds)| Some((id(*function)?, *seconds)));
            Some(SlowStep {
                at: step.at,
                seconds: step.seconds,
                task: step.task.clone(),
                function: id(step.function)?,
                path: path.collect(),
            })
        };
        Tasks {
            under_way: self.under_way,
            list: self.list.iter().filter_map(task).collect(),
            slow_from: self.slow_from,
            slow_count: self.slow_count,
            slow_seconds: self.slow_seconds,
            slow: self.slow.iter().filter_map(slow).collect(),
            coroutines: self.coroutines.iter().filter_map(|(f, figures)| Some((id(*f)?, *figures))).collect(),
        }
    }
}

impl Tasks<usize> {
    /// What a finished profile has of them, with functions by their places in it. Nothing is under way.
    pub fn finished(known: &pstats_compat::Tasks) -> Self {
        let slow = known.slow.iter().map(|step| SlowStep {
            at: step.at,
            seconds: step.seconds,
            task: step.task.as_ref().map(|task| task.to_str_lossy().into_owned()).unwrap_or_default(),
            function: step.function.index(),
            path: step.path.iter().map(|(call, seconds)| (call.index(), *seconds)).collect(),
        });
        let coroutines =
            known.by_function().into_iter().map(|(function, figures)| (function.index(), figures));
        Self {
            slow_from: known.slow_from,
            slow_count: known.slow_count,
            slow_seconds: known.slow_seconds,
            slow: slow.collect(),
            coroutines: longest_first(coroutines.collect()),
            ..Self::default()
        }
    }
}
