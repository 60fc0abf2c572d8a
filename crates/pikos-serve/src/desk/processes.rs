//! The list of processes and files.

use pikos_views::{Phase, Process, Run, Thread};
use serde::Serialize;

use super::sent::rate;

#[derive(Serialize)]
pub struct List<'l> {
    pub version: &'static str,
    pub read_only: bool,
    pub processes: Vec<Row<'l>>,
}

/// A process, a recorder or a file.
#[derive(Serialize)]
pub struct Row<'l> {
    id: String,
    kind: &'static str,
    pid: Option<u32>,
    parent: Option<u32>,
    host: Option<&'l str>,
    title: &'l str,
    phase: &'static str,
    how: Option<&'l str>,
    functions: usize,
    own: f64,
    calls: Option<i64>,
    calls_per_s: f64,
    age: Option<f64>,
    elapsed: Option<f64>,
    cpu: Option<f64>,
    overhead: Option<f64>,
    lag: Option<f64>,
    lost: Option<u64>,
    interval: Option<f64>,
    hook: Option<&'l str>,
    stacks: bool,
    /// Whether it has tasks or coroutines that were followed.
    tasks: bool,
    threads: Vec<ThreadRow<'l>>,
    recorder: Option<Recorder>,
}

#[derive(Serialize)]
struct ThreadRow<'l> {
    id: u64,
    name: &'l str,
    over: bool,
    own: f64,
    calls: i64,
    share: f64,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    labels: &'l [(String, String)],
}

#[derive(Serialize)]
struct Recorder {
    monitor: &'static str,
    records: u64,
    dropped: u64,
    rss: Option<u64>,
}

impl<'l> Row<'l> {
    /// Of a live process, with what it said of its run.
    pub fn live(place: usize, process: &'l Process, run: Option<&Run>, stacks: bool) -> Self {
        let kind = if process.recorder.is_some() { "recorder" } else { "live" };
        Self {
            parent: run.and_then(|run| run.parent),
            elapsed: run.map(|run| hundredths(run.elapsed)),
            cpu: run.map(|run| hundredths(run.cpu)),
            stacks,
            ..Self::new(format!("p{place}"), kind, process)
        }
    }

    /// Of a file; one of objects alone is what a recorder told.
    pub fn file(place: usize, process: &'l Process) -> Self {
        let kind = if process.recorder.is_some() { "recorder" } else { "file" };
        Self { stacks: true, ..Self::new(format!("f{place}"), kind, process) }
    }

    /// The same, with whether tasks are followed.
    pub fn with_tasks(self, tasks: bool) -> Self {
        Self { tasks, ..self }
    }

    fn new(id: String, kind: &'static str, process: &'l Process) -> Self {
        let (phase, how) = match &process.phase {
            Phase::Finished => ("file", None),
            Phase::Running => ("running", None),
            Phase::Paused => ("paused", None),
            Phase::Ended(how) => ("ended", Some(how.as_str()).filter(|how| !how.is_empty())),
            Phase::Lost(why) => ("lost", Some(why.as_str())),
        };
        // What is over is not late.
        let is_over = matches!(phase, "ended" | "lost" | "file");
        let health = process.health.as_ref();
        let thread = |thread: &'l Thread| ThreadRow {
            id: thread.id,
            name: &thread.name,
            over: thread.is_over,
            own: rate(thread.tottime),
            calls: thread.ncalls,
            labels: &thread.labels,
            share: if is_over { 0.0 } else { rate(thread.share) },
        };
        Self {
            id,
            kind,
            pid: process.pid,
            parent: None,
            host: process.host.as_deref(),
            title: &process.title,
            phase,
            how,
            functions: process.functions,
            own: rate(process.tottime),
            calls: process.ncalls,
            calls_per_s: if is_over { 0.0 } else { rate(process.calls_per_s) },
            age: process.age.map(hundredths),
            elapsed: None,
            cpu: None,
            overhead: health.and_then(|health| health.overhead).map(rate),
            lag: health
                .and_then(|health| health.lag)
                .filter(|_| !is_over)
                .map(|lag| (lag * 10.0).round() / 10.0),
            lost: health.map(|health| health.lost),
            interval: health.and_then(|health| health.interval),
            hook: health.and_then(|health| health.hook.as_deref()),
            stacks: false,
            tasks: false,
            threads: process.threads.iter().map(thread).collect(),
            recorder: process.recorder.map(|facts| Recorder {
                monitor: facts.monitor,
                records: facts.records,
                dropped: facts.dropped,
                rss: facts.rss,
            }),
        }
    }
}

fn hundredths(seconds: f64) -> f64 {
    if seconds.is_finite() { (seconds * 100.0).round() / 100.0 } else { 0.0 }
}
