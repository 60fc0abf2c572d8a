//! What is printed of a process, whatever it sends.

use pikos_views::{Phase, Process, RecorderFacts};
use serde::Serialize;

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
        Some(facts) => format!("{text}  {}  {} records", facts.monitor, facts.records),
        None => format!("{text}  {} functions  {} calls", process.functions, process.ncalls),
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
    ncalls: i64,
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
    id: u64,
    name: &'p str,
    ncalls: i64,
    tottime: f64,
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
            threads: (process.threads.iter())
                .map(|thread| ThreadJson {
                    id: thread.id,
                    name: &thread.name,
                    ncalls: thread.ncalls,
                    tottime: thread.tottime,
                })
                .collect(),
            recorder: process.recorder.map(RecorderJson::from),
        }
    }
}
