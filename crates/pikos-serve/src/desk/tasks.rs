//! Tasks that are under way, steps that kept an event loop too long, and coroutines by function. In columns, and bounded, whatever a process says.

use std::collections::{BTreeSet, HashMap};

use pikos_views::{FunctionId, ProcessId, SlowStep, Task, Tasks};
use pstats_compat::formats::page::{CoroutineColumns, MOST_COROUTINES, MOST_SLOW, SlowRow, rounded, shown};
use pstats_compat::{Figures, longest_first};
use serde::Serialize;

use super::labels::{Columns, Labels};
use super::sent::json;
use super::{Asked, Desk, scope};
use crate::parse::Scoped;

/// So many tasks are told of that have been as they are the longest, as many with the longest steps, and as many that ran the longest.
const MOST: usize = 100;
/// So many more, that made these or wait for them;
const MOST_RELATED: usize = 200;
/// and so many that wait for one.
const MOST_WAITING: usize = 8;

#[derive(Serialize)]
struct Told<'l> {
    processes: Vec<Process>,
    tasks: TaskColumns,
    slow: Vec<SlowRow>,
    coroutines: CoroutineColumns,
    labels: Columns<'l>,
}

/// What is said of all tasks and slow steps of a process or file.
#[derive(Serialize)]
struct Process {
    id: String,
    under_way: u64,
    slow_from: f64,
    slow_count: u64,
    slow_seconds: f64,
}

#[derive(Default, Serialize)]
struct TaskColumns {
    process: Vec<String>,
    id: Vec<u64>,
    name: Vec<String>,
    function: Vec<u32>,
    runs: Vec<bool>,
    since: Vec<f64>,
    run: Vec<f64>,
    #[serde(rename = "await")]
    parked: Vec<f64>,
    steps: Vec<u64>,
    longest: Vec<f64>,
    awaits: Vec<u32>,
    parent: Vec<Option<u64>>,
    awaited_by: Vec<Vec<u64>>,
}

/// Those of the tasks of all processes that somebody may want to see, in the order in which they came.
fn chosen(all: &[(String, Tasks)]) -> Vec<(&str, &Task)> {
    let tasks: Vec<(&str, &Task)> =
        all.iter().flat_map(|(id, tasks)| tasks.list.iter().map(|task| (id.as_str(), task))).collect();
    let orders: [fn(&Task) -> f64; 3] = [|task| task.since, |task| task.longest, |task| task.run];
    let mut chosen = BTreeSet::new();
    for order in orders {
        let mut places: Vec<usize> = (0..tasks.len()).collect();
        places.sort_by(|&a, &b| order(tasks[b].1).total_cmp(&order(tasks[a].1)).then(a.cmp(&b)));
        chosen.extend(places.into_iter().take(MOST));
    }
    add_related(&tasks, &mut chosen);
    chosen.into_iter().map(|place| tasks[place]).collect()
}

/// Adds those that made them or wait for them, as far as there is room.
fn add_related(tasks: &[(&str, &Task)], chosen: &mut BTreeSet<usize>) {
    let places: HashMap<(&str, u64), usize> =
        tasks.iter().enumerate().map(|(place, (process, task))| ((*process, task.id), place)).collect();
    let most = chosen.len() + MOST_RELATED;
    let mut left: Vec<usize> = chosen.iter().copied().collect();
    while let Some(place) = left.pop() {
        let (process, task) = tasks[place];
        for id in task.parent.iter().chain(task.awaited_by.iter().take(MOST_WAITING)) {
            if let Some(&related) = places.get(&(process, *id))
                && chosen.len() < most
                && chosen.insert(related)
            {
                left.push(related);
            }
        }
    }
}

/// The longest slow steps of all processes, the longest first.
fn slowest(all: &[(String, Tasks)]) -> Vec<(&str, &SlowStep)> {
    let steps = all.iter().flat_map(|(id, tasks)| tasks.slow.iter().map(|step| (id.as_str(), step)));
    let mut steps: Vec<_> = steps.collect();
    steps.sort_by(|(_, one), (_, other)| other.seconds.total_cmp(&one.seconds));
    steps.truncate(MOST_SLOW);
    steps
}

/// The coroutines of all processes by function, those that took the longest first.
fn coroutines(all: &[(String, Tasks)]) -> Vec<(FunctionId, Figures)> {
    let mut sums: HashMap<FunctionId, Figures> = HashMap::new();
    for (function, figures) in all.iter().flat_map(|(_, tasks)| &tasks.coroutines) {
        sums.entry(*function).or_default().add(figures);
    }
    let mut sums = longest_first(sums.into_iter().collect());
    sums.truncate(MOST_COROUTINES);
    sums
}

fn told(all: &[(String, Tasks)], labels: &Labels) -> String {
    let process = |(id, tasks): &(String, Tasks)| Process {
        id: id.clone(),
        under_way: tasks.under_way,
        slow_from: rounded(tasks.slow_from),
        slow_count: tasks.slow_count,
        slow_seconds: rounded(tasks.slow_seconds),
    };
    let mut named = BTreeSet::new();
    let mut number = |function: FunctionId| {
        named.insert(function.0);
        function.0
    };
    let mut tasks = TaskColumns::default();
    for (process, task) in chosen(all) {
        tasks.process.push(process.to_owned());
        tasks.id.push(task.id);
        tasks.name.push(shown(&task.name));
        tasks.function.push(number(task.function));
        tasks.runs.push(task.runs);
        tasks.since.push(rounded(task.since));
        tasks.run.push(rounded(task.run));
        tasks.parked.push(rounded(task.parked));
        tasks.steps.push(task.steps);
        tasks.longest.push(rounded(task.longest));
        tasks.awaits.push(number(task.awaits));
        tasks.parent.push(task.parent);
        tasks.awaited_by.push(task.awaited_by.iter().copied().take(MOST_WAITING).collect());
    }
    let slow = slowest(all).into_iter().map(|(process, step)| {
        let function = number(step.function);
        let path = step.path.iter().map(|(call, seconds)| (number(*call), *seconds));
        SlowRow::new(step.at, step.seconds, &step.task, function, path).of_process(process)
    });
    let slow = slow.collect();
    let mut columns = CoroutineColumns::default();
    for (function, figures) in coroutines(all) {
        columns.push(number(function), &figures);
    }
    let processes = all.iter().map(process).collect();
    // A function that nobody has named yet has no row either.
    let labels = labels.of(named.into_iter().filter(|function| labels.has(*function)));
    json(&Told { processes, tasks, slow, coroutines: columns, labels })
}

impl Desk {
    /// The tasks of a scope; those of a thread's process, for a thread has none of its own.
    pub fn tasks(&mut self, scoped: Scoped) -> Result<String, Asked> {
        self.check(scoped)?;
        let scope = scope(scoped);
        let is_of_files = matches!(self.meant(scoped), Scoped::Files | Scoped::File(_));
        let all: Vec<(String, Tasks)> = if is_of_files {
            let files = self.sources.files.as_ref().ok_or(Asked::NoProcess)?;
            let id =
                scope.process().map_or_else(|| "files".to_owned(), |ProcessId(place)| format!("f{place}"));
            files.tasks(scope).into_iter().map(|tasks| (id.clone(), tasks)).collect()
        } else {
            let live = self.sources.live.as_ref().ok_or(Asked::NoProcess)?;
            let id = |ProcessId(place): ProcessId| format!("p{place}");
            live.tasks_in(scope).into_iter().map(|(process, tasks)| (id(process), tasks)).collect()
        };
        if all.is_empty() {
            return Err(Asked::NoTasks);
        }
        self.name(is_of_files);
        Ok(told(&all, self.labels(scoped)))
    }
}

#[cfg(test)]
#[path = "tasks_tests.rs"]
mod tests;
