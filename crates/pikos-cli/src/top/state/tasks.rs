//! Tasks that are under way, and the steps that blocked an event loop: what is listed, in which order, where the cursor stands.

use std::collections::HashMap;

use pikos_views::{FunctionId, ProcessId, ProfileContent, SlowStep, Task};

use super::cursor::{Cursor, Motion};
use super::filter::Filter;

/// Kinds of slow steps that are listed at most, above the tasks.
const SLOW: usize = 5;

/// What tasks are sorted by, the greatest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskSort {
    /// How long they have waited.
    #[default]
    Wait,
    /// Their longest step.
    LongestStep,
    /// How long they have run.
    Run,
}

impl TaskSort {
    const ALL: [Self; 3] = [Self::Wait, Self::LongestStep, Self::Run];

    fn of(self, task: &Task) -> f64 {
        match self {
            Self::Wait if task.runs => 0.0,
            Self::Wait => task.since,
            Self::LongestStep => task.longest,
            Self::Run => task.run,
        }
    }
}

/// What a task is called, or its number.
pub fn called(task: &Task) -> String {
    if task.name.is_empty() { format!("#{}", task.id) } else { task.name.clone() }
}

/// The places of these tasks, the greatest first, each with its depth: below the one that made it, where that is there as well, and then
/// what counts is the greatest of all that stand below. In a flat list each counts for itself.
fn ordered(
    tasks: &[(ProcessId, &Task)],
    greatness: impl Fn(&Task) -> f64,
    is_flat: bool,
) -> Vec<(usize, usize)> {
    let mut oldest_first: Vec<usize> = (0..tasks.len()).collect();
    oldest_first.sort_by_key(|at| (tasks[*at].1.id, tasks[*at].0));
    let places: HashMap<(ProcessId, u64), usize> =
        oldest_first.iter().map(|at| ((tasks[*at].0, tasks[*at].1.id), *at)).collect();
    let parent = |at: usize| {
        let (process, task) = tasks[at];
        // Numbers grow: a circle is nonsense.
        let parent = task.parent.filter(|parent| !is_flat && *parent < task.id)?;
        places.get(&(process, parent)).copied()
    };
    let mut ranks: Vec<f64> = tasks.iter().map(|(_, task)| greatness(task)).collect();
    let mut below: Vec<Vec<usize>> = vec![Vec::new(); tasks.len()];
    let mut roots = Vec::new();
    for at in oldest_first.into_iter().rev() {
        match parent(at) {
            Some(parent) => {
                ranks[parent] = ranks[parent].max(ranks[at]);
                below[parent].push(at);
            }
            None => roots.push(at),
        }
    }
    // The last one is taken first.
    let sort = |siblings: &mut Vec<usize>| {
        siblings.sort_by(|a, b| ranks[*a].total_cmp(&ranks[*b]).then(tasks[*b].1.id.cmp(&tasks[*a].1.id)));
    };
    sort(&mut roots);
    let mut left: Vec<(usize, usize)> = roots.into_iter().map(|at| (at, 0)).collect();
    let mut ordered = Vec::new();
    while let Some((at, depth)) = left.pop() {
        ordered.push((at, depth));
        let mut children = std::mem::take(&mut below[at]);
        sort(&mut children);
        left.extend(children.into_iter().map(|at| (at, depth + 1)));
    }
    ordered
}

/// Whether two steps took their time in the same calls.
fn is_alike(one: &SlowStep, other: &SlowStep) -> bool {
    one.function == other.function
        && one.path.len() == other.path.len()
        && one.path.iter().zip(&other.path).all(|((a, _), (b, _))| a == b)
}

/// What is on screen of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TasksScreen {
    pub rows: Vec<TaskLine>,
    pub cursor: Cursor,
    pub sort: TaskSort,
    /// Whether tasks don't stand below those that made them.
    pub is_flat: bool,
    /// How many tasks are under way, and from how long on a step is slow, if tasks are followed at all.
    pub under_way: Option<(u64, f64)>,
    /// How many slow steps there were.
    pub slow_count: u64,
}

/// A row of it.
#[derive(Clone, Debug, PartialEq)]
pub enum TaskLine {
    /// A step that was slow: the longest of so many that took their time in the same calls.
    Slow { process: ProcessId, step: SlowStep, count: usize },
    /// A call in the slow step above: how deep, and how long it took.
    Call { depth: usize, function: FunctionId, seconds: f64 },
    /// Between the two.
    Heading,
    /// A task: how many stand above it that made each other, and what those are called that wait for it.
    Task { process: ProcessId, task: Task, depth: usize, awaited_by: Vec<String> },
}

impl TasksScreen {
    /// Lists anew: what has a function that the one filter finds, and none that the other finds.
    pub fn fill(
        &mut self,
        profile: &ProfileContent,
        include: Option<&Filter>,
        exclude: Option<&Filter>,
        page: usize,
    ) {
        let all = profile.tasks.as_deref().map_or(&[][..], Vec::as_slice);
        let shown = |functions: &mut dyn Iterator<Item = FunctionId>| {
            let functions: Vec<_> = functions.collect();
            include.is_none_or(|filter| functions.iter().any(|function| filter.finds(*function)))
                && !exclude.is_some_and(|filter| functions.iter().any(|function| filter.finds(*function)))
        };
        self.rows.clear();
        self.under_way = None;
        self.slow_count = 0;
        let mut slow = Vec::new();
        let mut tasks = Vec::new();
        for (process, of) in all {
            let (count, from) = self.under_way.unwrap_or_default();
            self.under_way = Some((count.saturating_add(of.under_way), of.slow_from.max(from)));
            self.slow_count = self.slow_count.saturating_add(of.slow_count);
            let is_shown = |step: &&SlowStep| {
                shown(&mut [step.function].into_iter().chain(step.path.iter().map(|(function, _)| *function)))
            };
            slow.extend(of.slow.iter().filter(is_shown).map(|step| (*process, step)));
            let is_shown = |task: &&Task| shown(&mut [task.function, task.awaits].into_iter());
            tasks.extend(of.list.iter().filter(is_shown).map(|task| (*process, task)));
        }
        slow.sort_by(|(_, a), (_, b)| b.seconds.total_cmp(&a.seconds));
        let mut groups: Vec<(ProcessId, &SlowStep, usize)> = Vec::new();
        for (process, step) in slow {
            match groups.iter_mut().find(|(of, longest, _)| *of == process && is_alike(longest, step)) {
                Some((.., count)) => *count += 1,
                None => groups.push((process, step, 1)),
            }
        }
        for (process, step, count) in groups.into_iter().take(SLOW) {
            self.rows.push(TaskLine::Slow { process, step: step.clone(), count });
            let calls = step.path.iter().skip_while(|(function, _)| *function == step.function);
            self.rows.extend(calls.enumerate().map(|(depth, (function, seconds))| TaskLine::Call {
                depth,
                function: *function,
                seconds: *seconds,
            }));
        }
        if !self.rows.is_empty() {
            self.rows.push(TaskLine::Heading);
        }
        let known: HashMap<(ProcessId, u64), &Task> = all
            .iter()
            .flat_map(|(process, of)| of.list.iter().map(|task| ((*process, task.id), task)))
            .collect();
        let sort = self.sort;
        for (at, depth) in ordered(&tasks, |task| sort.of(task), self.is_flat) {
            let (process, task) = tasks[at];
            let by = task.awaited_by.iter();
            let awaited_by =
                by.map(|id| known.get(&(process, *id)).map_or_else(|| format!("#{id}"), |task| called(task)));
            let awaited_by = awaited_by.collect();
            self.rows.push(TaskLine::Task { process, task: task.clone(), depth, awaited_by });
        }
        self.cursor.keep(self.rows.len(), page);
    }

    /// Moves the cursor.
    pub fn go(&mut self, motion: Motion, page: usize) {
        self.cursor.go(motion, self.rows.len(), page);
    }

    /// Sorts by the next column, or by the one before.
    pub fn sort_by_neighbour(&mut self, is_next: bool) {
        let all = TaskSort::ALL;
        let at = all.iter().position(|sort| *sort == self.sort).unwrap_or(0);
        self.sort = all[if is_next { (at + 1) % all.len() } else { (at + all.len() - 1) % all.len() }];
    }

    /// The function of the row that keys are for.
    pub fn current(&self) -> Option<FunctionId> {
        match self.rows.get(self.cursor.current())? {
            TaskLine::Slow { step, .. } => Some(step.function),
            TaskLine::Call { function, .. } => Some(*function),
            TaskLine::Task { task, .. } => Some(task.function),
            TaskLine::Heading => None,
        }
    }
}
