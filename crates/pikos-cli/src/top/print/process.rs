//! What is printed of a process, whatever it sends.

use std::borrow::Cow;

use pikos_views::{OBJECTS, Phase, Process, RecorderFacts};
use serde::Serialize;

use crate::top::state::scopes::{Ended, by_name};

/// In one line.
pub fn described(process: &Process) -> String {
    let mut text = process.title.clone();
    if let Some(pid) = process.pid {
        text += &format!("  pid {pid}");
    }
    if let Some(host) = &process.host {
        text += &format!("  on {host}");
    }
    if let Some(age) = process.age {
        text += &format!("  {age:.1} s");
    }
    match phase(process) {
        (_, Some(how)) => text += format!("  ended {how}").trim_end(),
        ("finished", None) => {}
        (word, None) => text += &format!("  {word}"),
    }
    match process.recorder {
        Some(facts) if facts.monitor == OBJECTS => format!("{text}  {OBJECTS}"),
        Some(facts) => format!("{text}  {}  {} records", facts.monitor, facts.records),
        None => match process.ncalls {
            Some(ncalls) => format!("{text}  {} functions  {ncalls} calls", process.functions),
            None => format!("{text}  {} functions", process.functions),
        },
    }
}

fn phase(process: &Process) -> (&'static str, Option<&str>) {
    match &process.phase {
        Phase::Finished => ("finished", None),
        Phase::Running => ("running", None),
        Phase::Paused => ("paused", None),
        Phase::Ended(how) => ("ended", Some(how)),
        Phase::Lost(why) => ("lost", Some(why)),
    }
}

/// In JSON.
#[derive(Serialize)]
pub struct ProcessJson<'p> {
    title: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'p str>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<f64>,
    functions: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ncalls: Option<i64>,
    tottime: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    overhead: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    threads: Vec<ThreadJson<'p>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    recorder: Option<RecorderJson>,
}

#[derive(Serialize)]
struct ThreadJson<'p> {
    /// None of several that are over.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    name: Cow<'p, str>,
    /// How many are over: 1, or several whose names have numbers in the same places.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<usize>,
    ncalls: i64,
    tottime: f64,
    /// Only where it waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    gil_wait: Option<f64>,
}

/// What JSON says of a process that is a recorder.
#[derive(Serialize)]
struct RecorderJson {
    monitor: &'static str,
    records: u64,
    dropped: u64,
}

impl From<RecorderFacts> for RecorderJson {
    fn from(facts: RecorderFacts) -> Self {
        let RecorderFacts { monitor, records, dropped, .. } = facts;
        Self { monitor, records, dropped }
    }
}

/// Those that are over are added up by their names.
fn threads(process: &Process) -> Vec<ThreadJson<'_>> {
    let (ended, alone) = by_name(process);
    let waited = |seconds: f64| (seconds > 0.0).then_some(seconds);
    let alone = alone.into_iter().map(|thread| {
        let thread = &process.threads[thread];
        ThreadJson {
            id: Some(thread.id),
            name: Cow::Borrowed(&thread.name),
            ended: thread.is_over.then_some(1),
            ncalls: thread.ncalls,
            tottime: thread.tottime,
            gil_wait: waited(thread.gil_wait),
        }
    });
    let ended = ended.into_iter().map(|Ended { name, threads }| {
        let threads = || threads.iter().map(|&thread| &process.threads[thread]);
        ThreadJson {
            id: None,
            name: Cow::Owned(name),
            ended: Some(threads().count()),
            ncalls: threads().fold(0, |sum, thread| sum.saturating_add(thread.ncalls)),
            tottime: threads().map(|thread| thread.tottime).sum(),
            gil_wait: waited(threads().map(|thread| thread.gil_wait).sum()),
        }
    });
    alone.chain(ended).collect()
}

impl<'p> From<&'p Process> for ProcessJson<'p> {
    fn from(process: &'p Process) -> Self {
        let (status, status_detail) = phase(process);
        let health = process.health.as_ref();
        Self {
            title: &process.title,
            pid: process.pid,
            host: process.host.as_deref(),
            status,
            status_detail,
            age: process.age,
            functions: process.functions,
            ncalls: process.ncalls,
            tottime: process.tottime,
            overhead: health.and_then(|health| health.overhead),
            lag: health.and_then(|health| health.lag),
            lost: health.map(|health| health.lost),
            threads: threads(process),
            recorder: process.recorder.map(RecorderJson::from),
        }
    }
}
