//! `pikos ps`: what is profiled live on this host.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use pikos_client::{Listener, RecordStream, Stream};
use pikos_views::{Escaped, RecorderFacts, printable};
use serde::Serialize;

use crate::args::PsArgs;
use crate::commands::listen;
use crate::error::Error;
use crate::outcome::Outcome;

/// How long two messages of each process may take; of those that send less often, the calls per second are unknown.
const PATIENCE: Duration = Duration::from_millis(1_300);
/// Where many answer one after the other, nobody is given up while they do; but not for longer than this.
const MOST_PATIENCE: Duration = Duration::from_secs(15);
/// So many that didn't answer are named.
const NAMED: usize = 10;

/// What the first message of a stream said.
#[derive(Default)]
struct First(Option<(f64, u64)>);

#[derive(Serialize)]
struct ListedJson {
    /// `profile`, or `records`.
    kind: &'static str,
    pid: u32,
    parent: Option<u32>,
    host: String,
    script: String,
    /// Seconds since the stream began.
    age: f64,
    /// Or samples.
    calls: u64,
    calls_per_s: Option<f64>,
    /// Of a recorder: what has come since it was heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<u64>,
    /// Which hook counts; of a recorder its monitor.
    hook: String,
    state: &'static str,
    endpoint: String,
}

pub fn run(args: &PsArgs) -> Result<Outcome, Error> {
    let mut listener: Listener<First> = listen::to_all(&args.from)?;
    let start = Instant::now();
    let (mut last_news, mut known) = (start, 0);
    let is_waiting = |listener: &Listener<First>, last_news: Instant| {
        let has_silent = args.from.bind.is_none() && !listener.silent().is_empty();
        start.elapsed() < PATIENCE
            || (has_silent && last_news.elapsed() < PATIENCE && start.elapsed() < MOST_PATIENCE)
    };
    while is_waiting(&listener, last_news) {
        listener.poll(Duration::from_millis(20)).map_err(Error::Listen)?;
        for stream in listener.streams_mut() {
            let (calls, _) = stream.model.sum(None);
            stream.extra.0.get_or_insert((stream.model.head().age, calls));
        }
        let is_known = |stream: &Stream<First>| rate(stream).is_some() || stream.model.end().is_some();
        let sources = listener.endpoints().count();
        let heard = listener.streams().len() + listener.recorders().len();
        if heard > known {
            (last_news, known) = (Instant::now(), heard);
        }
        if args.from.bind.is_none() && heard >= sources && listener.streams().iter().all(is_known) {
            break;
        }
    }
    let mut rows: Vec<ListedJson> =
        listener.streams().iter().filter(|stream| !stream.is_lost).map(row).collect();
    rows.extend(listener.recorders().iter().filter(|stream| !stream.is_lost).map(row_of_recorder));
    rows.sort_by_key(|row| row.pid);
    let silent = if args.from.bind.is_some() { None } else { silent(&listener) };
    let outcome = if silent.is_some() { Outcome::Failed } else { Outcome::Fine };
    let mut out = io::stdout().lock();
    if args.json {
        serde_json::to_writer(Escaped(&mut out), &rows).map_err(io::Error::from)?;
        writeln!(out)?;
    }
    if let Some(silent) = &silent {
        eprintln!("pikos: {}", printable(silent));
    }
    if args.json || (rows.is_empty() && silent.is_some()) {
        return Ok(outcome);
    }
    if rows.is_empty() {
        eprintln!("pikos: {}", listen::NOBODY);
        return Ok(Outcome::Failed);
    }
    writeln!(
        out,
        "{:>8} {:>8} {:>9} {:>11} {:<15} {:<8} SCRIPT",
        "PID", "PARENT", "AGE", "CALLS/S", "HOOK", "STATE"
    )?;
    for row in rows {
        let parent = row.parent.map_or("-".to_owned(), |parent| parent.to_string());
        let rate = row.calls_per_s.map_or("-".to_owned(), |rate| format!("{rate:.0}"));
        let (hook, script) = (printable(&row.hook), printable(&row.script));
        let age = format!("{:.1}s", row.age);
        writeln!(out, "{:>8} {parent:>8} {age:>9} {rate:>11} {hook:<15} {:<8} {script}", row.pid, row.state)?;
    }
    Ok(outcome)
}

/// Whom nothing was heard of, in a sentence.
fn silent(listener: &Listener<First>) -> Option<String> {
    let mut names: Vec<String> = listener
        .silent()
        .into_iter()
        .map(|(endpoint, pid)| pid.map_or_else(|| endpoint.to_owned(), |pid| pid.to_string()))
        .collect();
    names.sort();
    names.dedup();
    let more = if names.len() > NAMED { ", …" } else { "" };
    let processes = if names.len() == 1 { "process has" } else { "processes have" };
    let list = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    (!names.is_empty())
        .then(|| format!("{} {processes} not answered (stopped, or very busy): {list}{more}", names.len()))
}

fn row_of_recorder(stream: &RecordStream) -> ListedJson {
    let (model, head) = (&stream.model, stream.model.head());
    let argv: Vec<_> = head.argv.iter().map(|argument| argument.0.to_str_lossy()).collect();
    ListedJson {
        kind: "records",
        pid: head.pid,
        parent: None,
        host: head.host.clone(),
        script: argv.join(" "),
        age: model.age(),
        calls: 0,
        calls_per_s: None,
        records: Some(model.count()),
        hook: RecorderFacts::of(model).monitor.to_owned(),
        state: if head.end { "ended" } else { "running" },
        endpoint: stream.endpoint.clone(),
    }
}

/// Calls per second between the first message and the newest.
fn rate(stream: &Stream<First>) -> Option<f64> {
    let (age, calls) = stream.extra.0?;
    let (now, newest) = (stream.model.head().age, stream.model.sum(None).0);
    (now > age).then(|| newest.saturating_sub(calls) as f64 / (now - age))
}

fn row(stream: &Stream<First>) -> ListedJson {
    let (model, facts) = (&stream.model, stream.model.facts());
    let argv: Vec<_> = facts.argv.iter().map(|argument| argument.0.to_str_lossy()).collect();
    let sampled = model.head().sampled;
    ListedJson {
        kind: "profile",
        records: None,
        pid: facts.pid,
        parent: facts.parent,
        host: facts.host.clone(),
        script: argv.join(" "),
        age: model.head().age,
        calls: sampled.map_or_else(|| model.sum(None).0, |sampled| sampled.samples),
        // A sample counts in each function of its stack: their sum says nothing.
        calls_per_s: rate(stream).filter(|_| sampled.is_none()),
        hook: facts.hook.clone(),
        state: match () {
            () if model.end().is_some() => "ended",
            () if model.head().paused => "paused",
            () => "running",
        },
        endpoint: stream.endpoint.clone(),
    }
}
