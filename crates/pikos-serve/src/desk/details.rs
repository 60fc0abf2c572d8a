//! What a viewer asks for once: callers, source, open calls, a recorder's memory. JSON, or a sentence that says why not.

use std::path::PathBuf;

use pikos_views::{Edges, FunctionId, LineId, ProcessId, Recording, Shown};
use pstats_compat::Function;
use pstats_compat::formats::page::{self, rounded};
use pstats_compat::model::facts;
use serde::Serialize;

use super::labels::function_of;
use super::objects::Types;
use super::sent::json;
use super::{Asked, Desk};
use crate::parse::Scoped;

#[derive(Default, Serialize)]
struct Ends {
    callers: EdgeColumns,
    callees: EdgeColumns,
}

#[derive(Default, Serialize)]
struct EdgeColumns {
    id: Vec<u32>,
    calls: Vec<i64>,
    own: Vec<f64>,
    cumulative: Vec<f64>,
}

impl EdgeColumns {
    fn push(&mut self, other: FunctionId, figures: &Shown) {
        self.id.push(other.0);
        self.calls.push(figures.ncalls);
        self.own.push(rounded(figures.tottime));
        self.cumulative.push(rounded(figures.cumtime));
    }
}

/// The two ends of a function, of its edges: caller, callee, figures.
pub fn ends(function: FunctionId, edges: impl Iterator<Item = (FunctionId, FunctionId, Shown)>) -> String {
    let mut ends = Ends::default();
    for (caller, callee, figures) in edges {
        if callee == function {
            ends.callers.push(caller, &figures);
        }
        if caller == function {
            ends.callees.push(callee, &figures);
        }
    }
    json(&ends)
}

#[derive(Serialize)]
struct Source {
    file: String,
    #[serde(flatten)]
    lines: page::Lines,
}

/// What it takes to read a function's source, away from the desk.
pub struct SourceQuestion {
    function: Function,
    folder: Option<PathBuf>,
    began: Option<i64>,
}

impl SourceQuestion {
    /// Reads it.
    pub fn answer(self) -> Result<String, String> {
        let file = page::shown_place(&self.function.file.to_str_lossy());
        if self.function.is_builtin() {
            return Err("a built-in has no Python source".to_owned());
        }
        match page::lines_of(&self.function, self.folder.as_deref(), self.began) {
            Some(lines) => Ok(json(&Source { file, lines })),
            None => Err(format!(
                "{file}: no such source can be read here; it may have moved, or have changed since"
            )),
        }
    }
}

#[derive(Serialize)]
struct Now<'l> {
    exact: bool,
    threads: Vec<NowThread<'l>>,
}

#[derive(Serialize)]
struct NowThread<'l> {
    id: u64,
    name: &'l str,
    calls: Vec<OpenCall>,
}

#[derive(Serialize)]
struct OpenCall {
    function: u32,
    since: f64,
}

impl Desk {
    /// The callers and callees of a function.
    pub fn edges(&mut self, scoped: Scoped, function: FunctionId) -> Result<String, Asked> {
        let picture = self.picture(scoped, Edges::Of(function), false)?;
        let profile = picture.profile().ok_or(Asked::NoProfile)?;
        Ok(ends(function, profile.edges.iter().map(|edge| (edge.caller, edge.callee, edge.figures))))
    }

    /// Where a function's source would be.
    pub fn source(&mut self, scoped: Scoped, function: FunctionId) -> Result<SourceQuestion, Asked> {
        let picture = self.picture(scoped, Edges::None, false)?;
        if let Some(host) = picture.process().and_then(|process| process.host.as_deref()) {
            return Err(Asked::Elsewhere(host.to_owned()));
        }
        let label = picture.profile().and_then(|profile| profile.labels.get(function.index()));
        let function = function_of(label.ok_or(Asked::NoFunction)?);
        let process = picture.scope.process();
        let run = match scoped {
            Scoped::File(_) | Scoped::Files => None,
            _ => process.or(Some(ProcessId(0))).and_then(|process| self.sources.live.as_ref()?.run(process)),
        };
        let (folder, began) = match run {
            Some(run) => (Some(run.folder).filter(|folder| !folder.is_empty()), Some(run.started as i64)),
            None => self.profile(scoped).map_or((None, None), |profile| {
                let metadata = &profile.metadata;
                (metadata.fact(facts::FOLDER).map(str::to_owned), metadata.started())
            }),
        };
        Ok(SourceQuestion { function, folder: folder.map(PathBuf::from), began })
    }

    /// The open calls of a process's threads.
    pub fn now(&mut self, scoped: Scoped) -> Result<String, Asked> {
        let (process, only) = match scoped {
            Scoped::Process(process) => (process, None),
            Scoped::Thread(process, thread) => (process, Some(thread)),
            _ => return Err(Asked::NotAProcess),
        };
        self.check(scoped)?;
        let live = self.sources.live.as_mut().ok_or(Asked::NoProcess)?;
        let processes = live.processes();
        let known = processes.get(process.0 as usize).ok_or(Asked::NoProcess)?;
        let open = live.open(process);
        let threads =
            open.iter().filter(|open| only.is_none_or(|only| only == open.thread)).map(|open| NowThread {
                id: open.thread,
                name: known
                    .threads
                    .iter()
                    .find(|thread| thread.id == open.thread)
                    .map_or("", |thread| &thread.name),
                calls: (open.calls.iter())
                    .map(|(function, since)| OpenCall { function: function.0, since: rounded(*since) })
                    .collect(),
            });
        Ok(json(&Now { exact: open.iter().all(|open| open.is_chain), threads: threads.collect() }))
    }

    /// What a recorder has told.
    pub fn recording(&mut self, scoped: Scoped) -> Result<String, Asked> {
        if !matches!(scoped, Scoped::Process(_)) {
            return Err(Asked::NotAProcess);
        }
        self.check(scoped)?;
        self.recorded(scoped).map(|recording| memory(&recording)).ok_or(Asked::NoRecording)
    }
}

#[derive(Serialize)]
struct Memory<'l> {
    memory: bool,
    functions: bool,
    records: u64,
    dropped: u64,
    age: f64,
    now: u64,
    most: u64,
    summit: Option<Summit>,
    curve: Curve,
    lines: Lines<'l>,
    #[serde(skip_serializing_if = "Option::is_none")]
    types: Option<Types<'l>>,
}

#[derive(Serialize)]
struct Summit {
    time: f64,
    rss: u64,
    /// Where: the line that had just been executed.
    line: String,
}

/// Memory over time.
#[derive(Default, Serialize)]
pub struct Curve {
    time: Vec<f64>,
    first: Vec<u64>,
    least: Vec<u64>,
    greatest: Vec<u64>,
    last: Vec<u64>,
}

#[derive(Default, Serialize)]
struct Lines<'l> {
    place: Vec<String>,
    function: Vec<&'l str>,
    source: Vec<&'l str>,
    hits: Vec<u64>,
    growth: Vec<i64>,
    own: Vec<i64>,
    /// None where records don't tell what was in use between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    spike: Option<Vec<u64>>,
    peak: Vec<u64>,
}

/// The chart of a recorder.
pub fn curve(recording: &Recording) -> Curve {
    let mut curve = Curve::default();
    for piece in recording.curve.iter() {
        curve.time.push(rounded(piece.time));
        curve.first.push(piece.first);
        curve.least.push(piece.least);
        curve.greatest.push(piece.greatest);
        curve.last.push(piece.last);
    }
    curve
}

/// File and line, as the page shows them.
fn place_of(recording: &Recording, line: LineId) -> String {
    let label = recording.label(line, false);
    page::shown_place(&format!("{}:{}", label.file, label.line))
}

fn memory(recording: &Recording) -> String {
    let mut lines = Lines::default();
    for row in recording.rows.iter() {
        let label = recording.label(row.id, false);
        lines.place.push(place_of(recording, row.id));
        lines.function.push(&label.function);
        lines.source.push(&label.source);
        lines.hits.push(row.hits);
        lines.growth.push(row.growth);
        lines.own.push(row.own);
        lines.peak.push(row.peak);
    }
    lines.spike = recording.has_spikes.then(|| recording.rows.iter().map(|row| row.spike).collect());
    json(&Memory {
        memory: recording.has_memory,
        functions: recording.is_of_functions,
        records: recording.facts.records,
        dropped: recording.facts.dropped,
        age: rounded(recording.age),
        now: recording.now.rss,
        most: recording.most.rss,
        summit: recording.summit.as_ref().map(|summit| Summit {
            time: rounded(summit.time),
            rss: summit.rss,
            line: place_of(recording, summit.line),
        }),
        curve: curve(recording),
        lines,
        types: recording.types.as_deref().map(Types::of),
    })
}
