//! Tasks that are under way, and the steps that blocked an event loop: what is listed, in which order, where the cursor stands.

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
    /// A task.
    Task { process: ProcessId, task: Task },
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
        let sort = self.sort;
        tasks.sort_by(|(_, a), (_, b)| sort.of(b).total_cmp(&sort.of(a)).then(a.id.cmp(&b.id)));
        let tasks = tasks.into_iter().map(|(process, task)| TaskLine::Task { process, task: task.clone() });
        self.rows.extend(tasks);
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
