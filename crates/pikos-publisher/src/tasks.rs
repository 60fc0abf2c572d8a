//! What a message says of coroutines and tasks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use lsprof_engine::{CoroutineTables, FunctionId, Task, TaskState, Ticks, clock};
use pikos_wire::{Added, AddedList, CoroutineRow, SlowRow, TaskRow, TasksPart};

/// So many rows of coroutines are sent at most, ...
const COROUTINES: usize = 10_000;
/// ... and so many tasks of each kind.
const TASKS: usize = 100;
/// So many more, that made these or wait for them, ...
const RELATED: usize = 200;
/// ... and so many that wait for one.
const WAITING: usize = 8;

/// Finds the objects of the tasks that wait for each of these, by the addresses of theirs.
pub type WaitingFor = Arc<dyn Fn(&[usize]) -> Vec<Vec<usize>> + Send + Sync>;

/// The coroutines of a profile that follows them.
#[derive(Clone)]
pub struct SharedCoroutines {
    /// Their figures.
    pub tables: Arc<CoroutineTables>,
    /// Who waits for whom.
    pub waiting: WaitingFor,
    /// When recording began.
    pub began: Ticks,
    /// From how long on a step is slow.
    pub slow_from: Ticks,
}

/// All that there is to say now; of functions with smaller numbers than `known`, whose names are sent. `has_clock`: whether anybody may
/// read the clock; what goes on now has no time else.
pub fn part(coroutines: &SharedCoroutines, known: usize, has_clock: bool) -> TasksPart {
    let SharedCoroutines { tables, waiting, began, slow_from } = coroutines;
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
    let mut tasks = tables.tasks(now);
    tasks.retain(|task| task.state != TaskState::Left);
    let (chosen, awaited_by) = related(&tasks, chosen(&tasks), waiting);
    let slow = tables.slow_steps();
    TasksPart {
        began: began.signed(),
        slow_from: slow_from.signed(),
        coroutines,
        under_way: tasks.len() as u64,
        tasks: chosen
            .into_values()
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
                parent: Added(task.parent.map_or(0, |parent| parent as i64)),
                awaited_by: AddedList(awaited_by.get(&task.serial).cloned().unwrap_or_default()),
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
fn chosen(tasks: &[Task]) -> BTreeMap<u64, &Task> {
    let mut chosen: BTreeMap<u64, &Task> = BTreeMap::new();
    let orders: [fn(&Task) -> i64; 3] =
        [|task| task.since.signed(), |task| -task.longest.signed(), |task| -task.run.signed()];
    for order in orders {
        let mut sorted: Vec<&Task> = tasks.iter().collect();
        if sorted.len() > TASKS {
            sorted.select_nth_unstable_by_key(TASKS, |task| order(task));
            sorted.truncate(TASKS);
        }
        chosen.extend(sorted.into_iter().map(|task| (task.serial, task)));
    }
    chosen
}

/// These, those that made them or wait for them, as far as there is room; and who waits for which.
fn related<'t>(
    tasks: &'t [Task],
    mut chosen: BTreeMap<u64, &'t Task>,
    waiting: &WaitingFor,
) -> (BTreeMap<u64, &'t Task>, HashMap<u64, Vec<u64>>) {
    let most = chosen.len() + RELATED;
    add_parents(tasks, &mut chosen, most);
    let asked: Vec<(u64, usize)> =
        chosen.values().filter_map(|task| Some((task.serial, task.object?))).collect();
    let objects: Vec<usize> = asked.iter().map(|(_, object)| *object).collect();
    let found = if objects.is_empty() { Vec::new() } else { waiting(&objects) };
    let wanted: HashSet<usize> = found.iter().flatten().copied().collect();
    let by_object: HashMap<usize, &Task> = match wanted.is_empty() {
        true => HashMap::new(),
        false => {
            let known = tasks.iter().filter_map(|task| Some((task.object?, task)));
            known.filter(|(object, _)| wanted.contains(object)).collect()
        }
    };
    let mut awaited_by = HashMap::new();
    for ((serial, _), by) in asked.into_iter().zip(found) {
        let by: Vec<&Task> =
            by.iter().filter_map(|object| by_object.get(object).copied()).take(WAITING).collect();
        for task in &by {
            if chosen.len() < most {
                chosen.insert(task.serial, task);
            }
        }
        awaited_by.insert(serial, by.into_iter().map(|task| task.serial).collect());
    }
    add_parents(tasks, &mut chosen, most);
    (chosen, awaited_by)
}

/// Adds the parents of those that are chosen, and theirs, as far as there is room.
fn add_parents<'t>(tasks: &'t [Task], chosen: &mut BTreeMap<u64, &'t Task>, most: usize) {
    let is_absent = |chosen: &BTreeMap<u64, &Task>, task: &Task| {
        task.parent.filter(|parent| !chosen.contains_key(parent))
    };
    let mut absent: Vec<u64> = chosen.values().filter_map(|task| is_absent(chosen, task)).collect();
    if absent.is_empty() {
        return;
    }
    let by_serial: HashMap<u64, &Task> = tasks.iter().map(|task| (task.serial, task)).collect();
    while let Some(serial) = absent.pop() {
        if chosen.len() >= most {
            return;
        }
        // One that is over has no place any more, and its children stand by themselves.
        if let Some(task) = by_serial.get(&serial) {
            chosen.insert(serial, task);
            absent.extend(is_absent(chosen, task));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(serial: u64, parent: Option<u64>, since: u64) -> Task {
        Task {
            serial,
            parent,
            object: Some(serial as usize * 0x100),
            name: String::new(),
            function: FunctionId(0),
            state: TaskState::Waits,
            since: Ticks(since),
            begun: Ticks(0),
            steps: 1,
            run: Ticks(0),
            parked: Ticks(0),
            longest: Ticks(0),
            longest_at: Ticks(0),
            leaf: FunctionId(0),
        }
    }

    fn nobody() -> WaitingFor {
        Arc::new(|tasks| vec![Vec::new(); tasks.len()])
    }

    #[test]
    fn parents_of_what_is_chosen_come_with_it() {
        // 1 made 2, that made 3, and so on; the last ones have waited the longest.
        let tasks: Vec<Task> = (1..=1_000)
            .map(|serial| task(serial, Some(serial - 1).filter(|n| *n > 0), 10_000 - serial))
            .collect();
        let (found, _) = related(&tasks, chosen(&tasks), &nobody());
        assert!(found.contains_key(&1_000) && found.len() <= 3 * TASKS + RELATED, "{}", found.len());
        let alone = [task(5, Some(3), 1), task(7, Some(5), 1), task(8, Some(8), 1)];
        let last = BTreeMap::from([(7, &alone[1]), (8, &alone[2])]);
        let (found, _) = related(&alone, last, &nobody());
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [5, 7, 8], "one that is over is not there");
    }

    #[test]
    fn who_waits_comes_too_and_what_is_no_task_does_not() {
        let tasks: Vec<Task> = (1..=500).map(|serial| task(serial, None, serial)).collect();
        let waiting: WaitingFor = Arc::new(|tasks| {
            let by =
                |task: &usize| if *task == 0x100 { vec![0x1f400, 0xbad, 0x300] } else { vec![0x100; 50] };
            tasks.iter().map(by).collect()
        });
        let (found, awaited_by) = related(&tasks, BTreeMap::from([(1, &tasks[0]), (2, &tasks[1])]), &waiting);
        assert_eq!(awaited_by[&1], [500, 3]);
        assert_eq!(awaited_by[&2], [1; WAITING]);
        assert_eq!(found.into_keys().collect::<Vec<_>>(), [1, 2, 3, 500]);
    }
}
