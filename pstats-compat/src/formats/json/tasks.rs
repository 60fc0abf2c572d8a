//! Coroutines, and steps that kept a loop too long.

use serde::{Deserialize, Serialize};

use crate::model::{Coroutine, Figures, FunctionId, SlowStep, Tasks};

#[derive(Serialize, Deserialize)]
pub struct CoroutineRow {
    function: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    caller: Option<u32>,
    started: u64,
    steps: u64,
    run: f64,
    #[serde(rename = "await")]
    parked: f64,
    #[serde(default)]
    elapsed: f64,
    longest_step: f64,
    longest_step_at: f64,
    returned: u64,
    raised: u64,
    cancelled: u64,
    dropped: u64,
    never_awaited: u64,
    inherited: u64,
    #[serde(default)]
    alive: u64,
}

#[derive(Serialize, Deserialize)]
pub struct SlowSteps {
    from: f64,
    count: u64,
    seconds: f64,
    longest: Vec<SlowRow>,
}

#[derive(Serialize, Deserialize)]
struct SlowRow {
    at: f64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    function: u32,
    path: Vec<SlowCall>,
}

#[derive(Serialize, Deserialize)]
struct SlowCall {
    function: u32,
    seconds: f64,
}

/// The rows to be written.
pub fn coroutines(tasks: &Tasks) -> Vec<CoroutineRow> {
    let row = |row: &Coroutine| {
        let figures = &row.figures;
        CoroutineRow {
            function: row.function.0,
            caller: row.caller.map(|caller| caller.0),
            started: figures.started,
            steps: figures.steps,
            run: figures.run,
            parked: figures.parked,
            elapsed: figures.elapsed(),
            longest_step: figures.longest,
            longest_step_at: figures.longest_at,
            returned: figures.returned,
            raised: figures.raised,
            cancelled: figures.cancelled,
            dropped: figures.dropped,
            never_awaited: figures.never_awaited,
            inherited: figures.inherited,
            alive: figures.alive(),
        }
    };
    tasks.coroutines.iter().map(row).collect()
}

/// What was read.
pub fn of(rows: Vec<CoroutineRow>, slow: Option<SlowSteps>) -> Tasks {
    let row = |row: CoroutineRow| Coroutine {
        function: FunctionId(row.function),
        caller: row.caller.map(FunctionId),
        figures: Figures {
            started: row.started,
            inherited: row.inherited,
            steps: row.steps,
            returned: row.returned,
            raised: row.raised,
            cancelled: row.cancelled,
            dropped: row.dropped,
            never_awaited: row.never_awaited,
            run: row.run,
            parked: row.parked,
            longest: row.longest_step,
            longest_at: row.longest_step_at,
        },
    };
    let coroutines = rows.into_iter().map(row).collect();
    let Some(slow) = slow else { return Tasks { coroutines, ..Tasks::default() } };
    let step = |row: SlowRow| SlowStep {
        at: row.at,
        seconds: row.seconds,
        task: row.task.map(|task| task.as_str().into()),
        function: FunctionId(row.function),
        path: row.path.iter().map(|call| (FunctionId(call.function), call.seconds)).collect(),
    };
    Tasks {
        coroutines,
        slow: slow.longest.into_iter().map(step).collect(),
        slow_count: slow.count,
        slow_seconds: slow.seconds,
        slow_from: slow.from,
    }
}

impl SlowSteps {
    /// Those to be written.
    pub fn of(tasks: &Tasks) -> Self {
        let call = |&(function, seconds): &(FunctionId, f64)| SlowCall { function: function.0, seconds };
        let row = |step: &SlowStep| SlowRow {
            at: step.at,
            seconds: step.seconds,
            task: step.task.as_ref().map(|task| task.to_str_lossy().into_owned()),
            function: step.function.0,
            path: step.path.iter().map(call).collect(),
        };
        Self {
            from: tasks.slow_from,
            count: tasks.slow_count,
            seconds: tasks.slow_seconds,
            longest: tasks.slow.iter().map(row).collect(),
        }
    }
}
