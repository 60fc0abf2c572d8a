//! What a message says of coroutines and tasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use lsprof_engine::{CoroutineTables, FunctionId, Task, TaskState, Ticks, clock};
use pikos_wire::{CoroutineRow, SlowRow, TaskRow, TasksPart};

/// So many rows of coroutines are sent at most, ...
const COROUTINES: usize = 10_000;
/// ... and so many tasks of each kind.
const TASKS: usize = 100;

/// The coroutines of a profile that follows them.
#[derive(Clone)]
pub struct SharedCoroutines {
    /// Their figures.
    pub tables: Arc<CoroutineTables>,
    /// When recording began.
    pub began: Ticks,
    /// From how long on a step is slow.
    pub slow_from: Ticks,
}

/// All that there is to say now; of functions with smaller numbers than `known`, whose names are sent. `has_clock`: whether anybody may
/// read the clock; what goes on now has no time else.
pub fn part(coroutines: &SharedCoroutines, known: usize, has_clock: bool) -> TasksPart {
    let SharedCoroutines { tables, began, slow_from } = coroutines;
    let now = if has_clock { clock::now() } else { Ticks::default() };
    let is_known = |function: FunctionId| (function.0 as usize) < known;
    let at = |moment: Ticks| if moment == Ticks::default() { 0 } else { moment.since(*began).signed() };
    let mut coroutines: Vec<CoroutineRow> = tables
        .counts(now)
        .into_iter()
        .filter(|row| is_known(row.function))
        .map(|row| CoroutineRow {
            function: row.function.0,
            caller: Some(row.caller).filter(|caller| is_known(*caller)).map(|caller| caller.0),
            started: row.started,
            inherited: row.inherited,
            steps: row.steps,
            returned: row.returned,
            raised: row.raised,
            cancelled: row.cancelled,
            dropped: row.dropped,
            never_awaited: row.never_awaited,
            run: row.run.signed(),
            parked: row.parked.signed(),
            longest: row.longest.signed(),
            longest_at: at(row.longest_at),
        })
        .collect();
    if coroutines.len() > COROUTINES {
        coroutines.sort_by_key(|row| std::cmp::Reverse(row.run.saturating_add(row.parked)));
        coroutines.truncate(COROUTINES);
    }
    let tasks = tables.tasks(now);
    let slow = tables.slow_steps();
    TasksPart {
        began: began.signed(),
        slow_from: slow_from.signed(),
        coroutines,
        under_way: tasks.iter().filter(|task| task.state != TaskState::Left).count() as u64,
        tasks: chosen(&tasks)
            .filter(|task| is_known(task.function) && is_known(task.leaf))
            .map(|task| TaskRow {
                task: task.serial,
                name: task.name.as_str().into(),
                function: task.function.0,
                runs: task.state == TaskState::Runs,
                since: now.since(task.since).signed().max(0),
                steps: task.steps,
                run: task.run.signed(),
                parked: task.parked.signed(),
                longest: task.longest.signed(),
                longest_at: at(task.longest_at),
                awaits: task.leaf.0,
            })
            .collect(),
        slow_count: slow.count,
        slow_ticks: slow.took.signed(),
        slow: slow
            .longest()
            .iter()
            .filter(|step| is_known(step.function))
            .map(|step| {
                let calls = || step.path.iter().filter(|(function, _)| is_known(*function));
                SlowRow {
                    at: at(step.at),
                    ticks: step.took.signed(),
                    task: step.task.as_str().into(),
                    function: step.function.0,
                    path: calls().map(|(function, _)| function.0).collect(),
                    times: calls().map(|(_, took)| took.signed()).collect(),
                }
            })
            .collect(),
    }
}

/// The tasks that somebody wants to see: those that have been as they are the longest, those with the longest steps, and those that
/// have run the longest.
fn chosen(tasks: &[Task]) -> impl Iterator<Item = &Task> {
    let mut chosen: BTreeMap<u64, &Task> = BTreeMap::new();
    let orders: [fn(&Task) -> i64; 3] =
        [|task| task.since.signed(), |task| -task.longest.signed(), |task| -task.run.signed()];
    for order in orders {
        let mut sorted: Vec<&Task> = tasks.iter().filter(|task| task.state != TaskState::Left).collect();
        if sorted.len() > TASKS {
            sorted.select_nth_unstable_by_key(TASKS, |task| order(task));
            sorted.truncate(TASKS);
        }
        chosen.extend(sorted.into_iter().map(|task| (task.serial, task)));
    }
    chosen.into_values()
}
