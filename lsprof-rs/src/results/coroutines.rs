//! What is known of coroutines and tasks: for Python as rows, for files as the model that they know.

use std::collections::{BTreeMap, HashMap};

use lsprof_engine::{CoroutineCounts, FunctionId, Task, TaskState, Ticks};
use pstats_compat::{Calls, Coroutine, Figures, Function, SlowStep, Tasks};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString, PyTuple};

use crate::collect::collector::Collector;
use crate::collect::names;
use crate::ffi::struct_sequence::StructSequence;

/// The struct sequence types of coroutines.
struct Types {
    coroutine: StructSequence,
    caller: StructSequence,
    task: StructSequence,
    slow: StructSequence,
}

/// The figures of coroutines, behind `code`.
macro_rules! figures {
    ($first:expr, $last:expr) => {
        &[
            $first,
            (c"started", c"how many have begun"),
            (c"steps", c"how often one began or went on"),
            (c"run", c"seconds in steps, with all that they called or awaited"),
            (c"parked", c"seconds between steps: awaiting something, or waiting for its turn"),
            (c"elapsed", c"seconds from the first step to the end, or until now: run + parked"),
            (c"longest_step", c"seconds of the longest step, by the clock"),
            (c"longest_step_at", c"when that began: seconds since recording began"),
            (c"returned", c"how many have returned"),
            (c"raised", c"how many were ended by an exception"),
            (c"cancelled", c"how many were ended by a CancelledError"),
            (c"dropped", c"how many were closed, or freed before their end"),
            (c"never_awaited", c"how many were freed without having begun"),
            (c"inherited", c"how many were under way when recording began"),
            (c"alive", c"how many have not ended"),
            $last,
        ]
    };
}

fn types(py: Python<'_>) -> PyResult<&Types> {
    static TYPES: PyOnceLock<Types> = PyOnceLock::new();
    TYPES.get_or_try_init(py, || {
        Ok(Types {
            coroutine: StructSequence::new(
                py,
                c"_lsprof.profiler_coroutine",
                figures!(
                    (c"code", c"code object of a coroutine function, or of one that makes generators"),
                    (c"callers", c"list of profiler_coroutine_caller: the same by who awaited them first")
                ),
            )?,
            caller: StructSequence::new(
                py,
                c"_lsprof.profiler_coroutine_caller",
                figures!(
                    (c"code", c"code object or built-in's name of who awaited them first, or None"),
                    (c"is_known", c"whether there was a caller")
                ),
            )?,
            task: StructSequence::new(
                py,
                c"_lsprof.profiler_task",
                &[
                    (c"name", c"what the task is called; None if it has not said so yet"),
                    (c"code", c"code object of its coroutine"),
                    (c"state", c"'running', 'waiting', or 'left': under way when recording stopped"),
                    (c"since", c"seconds that it has been in this state"),
                    (c"run", c"seconds in steps so far"),
                    (c"parked", c"seconds between steps so far"),
                    (c"steps", c"how often it began or went on"),
                    (c"longest_step", c"seconds of its longest step"),
                    (c"longest_step_at", c"when that began: seconds since recording began"),
                    (c"began", c"when its first step began: seconds since recording began"),
                    (c"awaits", c"code object of the innermost coroutine that it awaits, or its own"),
                    (c"id", c"tells tasks of a profile apart, and grows"),
                    (c"parent", c"id of the task that made it, which may be over; None if none is known"),
                    (c"awaited_by", c"list of the ids of tasks that wait for it"),
                ],
            )?,
            slow: StructSequence::new(
                py,
                c"_lsprof.profiler_slow_step",
                &[
                    (c"at", c"when it began: seconds since recording began"),
                    (c"seconds", c"how long it was, by the clock"),
                    (c"task", c"what the task is called; None of a callback, or where it has no name"),
                    (c"code", c"code object whose step it was"),
                    (c"path", c"list of (code, seconds): the calls that took more than half of it"),
                ],
            )?,
        })
    })
}

/// The types, by name.
pub fn classes(py: Python<'_>) -> PyResult<[(&'static str, Bound<'_, PyAny>); 4]> {
    let types = types(py)?;
    let class = |class: &StructSequence| class.class().clone_ref(py).into_bound(py).into_any();
    Ok([
        ("profiler_coroutine", class(&types.coroutine)),
        ("profiler_coroutine_caller", class(&types.caller)),
        ("profiler_task", class(&types.task)),
        ("profiler_slow_step", class(&types.slow)),
    ])
}

/// How ticks become seconds.
struct Scale<'a> {
    collector: &'a Collector,
    rate: f64,
    began: Ticks,
}

impl<'a> Scale<'a> {
    fn of(collector: &'a Collector) -> Self {
        Self { collector, rate: collector.seconds_per_tick(), began: collector.followed_since() }
    }

    fn seconds(&self, ticks: Ticks) -> f64 {
        self.collector.seconds(ticks, self.rate)
    }

    /// Seconds since recording began.
    fn at(&self, moment: Ticks) -> f64 {
        if moment == Ticks::default() { 0.0 } else { self.seconds(moment.since(self.began)) }
    }

    fn figures(&self, counts: &CoroutineCounts) -> Figures {
        Figures {
            started: counts.started,
            inherited: counts.inherited,
            steps: counts.steps,
            returned: counts.returned,
            raised: counts.raised,
            cancelled: counts.cancelled,
            dropped: counts.dropped,
            never_awaited: counts.never_awaited,
            run: self.seconds(counts.run),
            parked: self.seconds(counts.parked),
            longest: self.seconds(counts.longest),
            longest_at: self.at(counts.longest_at),
        }
    }
}

/// A `profiler_coroutine` for each function whose coroutines were followed.
pub fn coroutines<'py>(py: Python<'py>, collector: &Collector) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let Some(tables) = collector.coroutines() else { return Ok(list) };
    let scale = Scale::of(collector);
    let mut by_function: BTreeMap<FunctionId, (Figures, Vec<(FunctionId, Figures)>)> = BTreeMap::new();
    for counts in tables.counts(collector.moment(py)) {
        let figures = scale.figures(&counts);
        let (sum, callers) = by_function.entry(counts.function).or_default();
        sum.add(&figures);
        callers.push((counts.caller, figures));
    }
    for (function, (sum, callers)) in by_function {
        let rows = PyList::empty(py);
        for (caller, figures) in callers {
            let is_known = caller != FunctionId::ROOT;
            let code = if is_known { collector.code(py, caller) } else { py.None().into_bound(py) };
            let is_known = is_known.into_pyobject(py)?.to_owned().into_any();
            rows.append(types(py)?.caller.make(py, fields(py, code, &figures, is_known)?)?)?;
        }
        let code = collector.code(py, function);
        list.append(types(py)?.coroutine.make(py, fields(py, code, &sum, rows.into_any())?)?)?;
    }
    Ok(list)
}

fn fields<'py>(
    py: Python<'py>,
    code: Bound<'py, PyAny>,
    figures: &Figures,
    last: Bound<'py, PyAny>,
) -> PyResult<[Bound<'py, PyAny>; 16]> {
    let count = |count: u64| count.into_pyobject(py).map(Bound::into_any);
    let time = |seconds: f64| seconds.into_pyobject(py).map(Bound::into_any);
    Ok([
        code,
        count(figures.started)?,
        count(figures.steps)?,
        time(figures.run)?,
        time(figures.parked)?,
        time(figures.elapsed())?,
        time(figures.longest)?,
        time(figures.longest_at)?,
        count(figures.returned)?,
        count(figures.raised)?,
        count(figures.cancelled)?,
        count(figures.dropped)?,
        count(figures.never_awaited)?,
        count(figures.inherited)?,
        count(figures.alive())?,
        last,
    ])
}

/// A `profiler_task` for each task that is under way, or was when recording stopped.
pub fn tasks<'py>(py: Python<'py>, collector: &Collector) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let Some(tables) = collector.coroutines() else { return Ok(list) };
    let scale = Scale::of(collector);
    let now = collector.moment(py);
    let mut tasks = tables.tasks(now);
    tasks.sort_by_key(|task| task.serial);
    for (task, awaited_by) in tasks.iter().zip(awaited_by(collector, &tasks)) {
        list.append(types(py)?.task.make(py, task_fields(py, &scale, task, &awaited_by, now)?)?)?;
    }
    Ok(list)
}

/// Which tasks wait for each of these.
fn awaited_by(collector: &Collector, tasks: &[Task]) -> Vec<Vec<u64>> {
    let is_there = |task: &&Task| task.state != TaskState::Left;
    let objects: Vec<usize> = tasks.iter().filter(is_there).filter_map(|task| task.object).collect();
    let serials: HashMap<usize, u64> =
        tasks.iter().filter(is_there).filter_map(|task| Some((task.object?, task.serial))).collect();
    let found: HashMap<usize, Vec<usize>> =
        objects.iter().copied().zip(collector.waiting_for(&objects)).collect();
    let of = |task: &Task| {
        let by = task.object.and_then(|object| found.get(&object)).map_or(&[][..], Vec::as_slice);
        by.iter().filter_map(|object| serials.get(object).copied()).collect()
    };
    tasks.iter().map(of).collect()
}

fn task_fields<'py>(
    py: Python<'py>,
    scale: &Scale<'_>,
    task: &Task,
    awaited_by: &[u64],
    now: Ticks,
) -> PyResult<[Bound<'py, PyAny>; 14]> {
    let state = match task.state {
        TaskState::Runs => "running",
        TaskState::Waits => "waiting",
        TaskState::Left => "left",
    };
    let time = |seconds: f64| seconds.into_pyobject(py).map(Bound::into_any);
    Ok([
        name(py, &task.name),
        scale.collector.code(py, task.function),
        PyString::new(py, state).into_any(),
        time(scale.seconds(now.since(task.since)))?,
        time(scale.seconds(task.run))?,
        time(scale.seconds(task.parked))?,
        task.steps.into_pyobject(py)?.into_any(),
        time(scale.seconds(task.longest))?,
        time(scale.at(task.longest_at))?,
        time(scale.at(task.begun))?,
        scale.collector.code(py, task.leaf),
        task.serial.into_pyobject(py)?.into_any(),
        task.parent.into_pyobject(py)?.into_any(),
        PyList::new(py, awaited_by)?.into_any(),
    ])
}

fn name<'py>(py: Python<'py>, name: &str) -> Bound<'py, PyAny> {
    if name.is_empty() { py.None().into_bound(py) } else { PyString::new(py, name).into_any() }
}

/// A `profiler_slow_step` for each of the longest steps that took too long.
pub fn slow_steps<'py>(py: Python<'py>, collector: &Collector) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    let Some(tables) = collector.coroutines() else { return Ok(list) };
    let scale = Scale::of(collector);
    for step in tables.slow_steps().longest() {
        let path = PyList::empty(py);
        for (function, took) in &step.path {
            let seconds = scale.seconds(*took).into_pyobject(py)?.into_any();
            path.append(PyTuple::new(py, [collector.code(py, *function), seconds])?)?;
        }
        list.append(types(py)?.slow.make(
            py,
            [
                scale.at(step.at).into_pyobject(py)?.into_any(),
                scale.seconds(step.took).into_pyobject(py)?.into_any(),
                name(py, &step.task),
                collector.code(py, step.function),
                path.into_any(),
            ],
        )?)?;
    }
    Ok(list)
}

/// The same for files. `number` gives a function of ours the number that it has there; one that has no row yet gets one, as
/// a mere caller.
pub fn for_files(
    py: Python<'_>,
    collector: &Collector,
    functions: &mut Vec<Function>,
    numbers: &mut Vec<Option<pstats_compat::FunctionId>>,
) -> PyResult<Option<Tasks>> {
    let Some((tables, followed)) = collector.coroutines().zip(collector.follows()) else { return Ok(None) };
    let scale = Scale::of(collector);
    let mut number = |function: FunctionId| -> PyResult<pstats_compat::FunctionId> {
        let id = function.0 as usize;
        if numbers.len() <= id {
            numbers.resize(id + 1, None);
        }
        if let Some(number) = numbers[id] {
            return Ok(number);
        }
        let mut open = names::function(&collector.code(py, function), Calls::default())?;
        open.caller_only = true;
        functions.push(open);
        Ok(*numbers[id].insert(pstats_compat::FunctionId((functions.len() - 1) as u32)))
    };
    let mut tasks = Tasks { slow_from: followed.slow.as_secs_f64(), ..Tasks::default() };
    for counts in tables.counts(collector.moment(py)) {
        let function = number(counts.function)?;
        let caller = match counts.caller {
            FunctionId::ROOT => None,
            caller => Some(number(caller)?),
        };
        tasks.coroutines.push(Coroutine { function, caller, figures: scale.figures(&counts) });
    }
    let slow = tables.slow_steps();
    (tasks.slow_count, tasks.slow_seconds) = (slow.count, scale.seconds(slow.took));
    for step in slow.longest() {
        let calls = step.path.iter().map(|(function, took)| Ok((number(*function)?, scale.seconds(*took))));
        let path = calls.collect::<PyResult<_>>()?;
        tasks.slow.push(SlowStep {
            at: scale.at(step.at),
            seconds: scale.seconds(step.took),
            task: (!step.task.is_empty()).then(|| step.task.as_str().into()),
            function: number(step.function)?,
            path,
        });
    }
    Ok(Some(tasks))
}
