//! `--once` and `--json`: what the view would show, for scripts and pipes.

use std::io::{self, Write};

use pikos_views::{Label, Picture, Process, Row, Status};
use serde::Serialize;

use super::print_records as records;
use super::state::State;
use super::view;

/// The rows as a table of fixed columns; `top` limits them.
pub fn write_table(state: &State, top: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let picture = &state.picture;
    if let Some(memory) = state.recorder() {
        return records::write_table(state, memory, top, out);
    }
    let is_live = picture.meaning.is_live;
    let scale = view::scale(state);
    for process in picture.processes.iter() {
        writeln!(out, "{}", described(process))?;
    }
    write!(out, "{:>12} {:>10} {:>10}", "ncalls", "tottime", "cumtime")?;
    if is_live {
        write!(out, " {:>9} {:>6} {:>10}", "calls/s", "now%", "in flight")?;
    }
    writeln!(out, "  function")?;
    for row in state.rows.iter().take(top.unwrap_or(usize::MAX)) {
        let figures = &row.figures;
        let ncalls = match picture.meaning.is_counted {
            true => view::calls(figures.ncalls, figures.primitive_calls, 12),
            false => "-".to_owned(),
        };
        let time = |value| scale.time(value, 10);
        write!(out, "{ncalls:>12} {:>10} {:>10}", time(figures.tottime), time(figures.cumtime))?;
        if is_live {
            let rate = view::count(figures.calls_per_s, 9);
            write!(out, " {rate:>9} {:>6} {:>10}", view::percent(figures.share), time(figures.in_flight))?;
        }
        writeln!(out, "  {}", picture.label(row.id).searched())?;
    }
    Ok(())
}

pub(super) fn described(process: &Process) -> String {
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
    match status(process) {
        (_, Some(how)) => text += format!("  ended {how}").trim_end(),
        ("finished", None) => {}
        (word, None) => text += &format!("  {word}"),
    }
    match process.recorder {
        Some(facts) => format!("{text}  {}  {} records", facts.monitor, facts.records),
        None => format!("{text}  {} functions  {} calls", process.functions, process.ncalls),
    }
}

fn status(process: &Process) -> (&'static str, Option<&str>) {
    match &process.status {
        Status::Finished => ("finished", None),
        Status::Running => ("running", None),
        Status::Paused => ("paused", None),
        Status::Ended(how) => ("ended", Some(how)),
        Status::Lost(why) => ("lost", Some(why)),
    }
}

#[derive(Serialize)]
struct Document<'p> {
    /// What the times are: `s`, or what another tool counted.
    unit: &'p str,
    processes: Vec<ProcessRow<'p>>,
    functions: Vec<FunctionRow<'p>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    records: Option<records::Document<'p>>,
}

#[derive(Serialize)]
struct ProcessRow<'p> {
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
    threads: Vec<ThreadRow<'p>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    recorder: Option<records::ProcessFacts>,
}

#[derive(Serialize)]
struct ThreadRow<'p> {
    id: u64,
    name: &'p str,
    ncalls: i64,
    tottime: f64,
}

#[derive(Serialize)]
struct FunctionRow<'p> {
    file: &'p str,
    line: u32,
    name: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ncalls: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primitive_calls: Option<i64>,
    tottime: f64,
    cumtime: f64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    live: Option<LiveFigures>,
}

#[derive(Serialize)]
struct LiveFigures {
    in_flight: f64,
    open: u32,
    calls_per_s: f64,
    share: f64,
}

/// One JSON document.
pub fn write_json(state: &State, top: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let picture = &state.picture;
    let document = Document {
        unit: &picture.meaning.unit,
        processes: picture.processes.iter().map(process_row).collect(),
        functions: state
            .rows
            .iter()
            .take(top.unwrap_or(usize::MAX))
            .map(|row| function_row(picture, row))
            .collect(),
        records: state.recorder().map(|memory| records::document(state, memory, top)),
    };
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}

fn process_row(process: &Process) -> ProcessRow<'_> {
    let (status, status_detail) = status(process);
    let health = process.health.as_ref();
    ProcessRow {
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
            .map(|thread| ThreadRow {
                id: thread.id,
                name: &thread.name,
                ncalls: thread.ncalls,
                tottime: thread.tottime,
            })
            .collect(),
        recorder: process.recorder.map(records::ProcessFacts::from),
    }
}

fn function_row<'p>(picture: &'p Picture, row: &Row) -> FunctionRow<'p> {
    let label: &Label = picture.label(row.id);
    let figures = &row.figures;
    let is_counted = picture.meaning.is_counted;
    FunctionRow {
        file: &label.file,
        line: label.line,
        name: &label.name,
        ncalls: is_counted.then_some(figures.ncalls),
        primitive_calls: is_counted.then_some(figures.primitive_calls),
        tottime: figures.tottime,
        cumtime: figures.cumtime,
        live: picture.meaning.is_live.then_some(LiveFigures {
            in_flight: figures.in_flight,
            open: figures.open,
            calls_per_s: figures.calls_per_s,
            share: figures.share,
        }),
    }
}
