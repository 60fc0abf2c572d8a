//! What a view shows of a recorder: memory over time, and the lines and functions that made it grow. Plain values.

use std::sync::Arc;

use pikos_client::{RecordModel, Usage};
use pstats_compat::{Objects, Text};

use pstats_compat::printable::printable;

use crate::types::ShownTypes;

/// A line or a function of a recorder: an index into [`Recording::lines`] or [`Recording::functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineId(pub u32);

impl LineId {
    /// The place of its label.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a line or a function is, safe to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineLabel {
    /// The file as the recorder has it, to open.
    pub path: Text,
    /// The file.
    pub file: Arc<str>,
    /// The line; of a function its first.
    pub line: u32,
    /// The function's name.
    pub function: String,
    /// The line's text without its indentation; empty if it isn't known.
    pub source: String,
}

impl LineLabel {
    /// What a filter looks at, and the line's text as well.
    pub fn searched(&self) -> String {
        format!("{}:{}({}) {}", self.file, self.line, self.function, self.source)
    }
}

/// What is shown of a line or a function. Bytes; growth and its own part are nanoseconds where records tell times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShownLine {
    /// Which.
    pub id: LineId,
    /// How often it was reached, or called.
    pub hits: u64,
    /// What memory grew by while it was executed, with all that it called.
    pub growth: i64,
    /// The part of it that is neither in lines of what it called nor, of a library, in its caller's own.
    pub own: i64,
    /// The most in use while it was executed.
    pub peak: u64,
    /// The most that it had in use for a while, beyond what there was before and after.
    pub spike: u64,
    /// The same of its own part.
    pub own_spike: u64,
}

/// A piece of the curve: memory from this second on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Piece {
    /// Seconds from the first record.
    pub time: f64,
    /// The first figure, in bytes.
    pub first: u64,
    /// The least.
    pub least: u64,
    /// The greatest.
    pub greatest: u64,
    /// The last.
    pub last: u64,
}

/// The place where memory was greatest.
#[derive(Clone, Debug, PartialEq)]
pub struct Summit {
    /// Seconds from the first record.
    pub time: f64,
    /// Resident memory then, in bytes.
    pub rss: u64,
    /// Who was at work.
    pub line: LineId,
}

/// All that a recorder has told.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Counts up when the recorder is cleared: lines have other numbers then.
    pub epoch: u64,
    /// Whether its records are of calls and returns; else of lines.
    pub is_of_functions: bool,
    /// Whether they tell the memory; else there are only hits.
    pub has_memory: bool,
    /// Whether rows have times, in nanoseconds, in place of bytes.
    pub has_times: bool,
    /// Whether they tell what was in use between them; else there are no spikes.
    pub has_spikes: bool,
    /// What a list of processes says of it.
    pub facts: RecorderFacts,
    /// Seconds from the first record to the last message.
    pub age: f64,
    /// Recording at the last record.
    pub now: Usage,
    /// The most of each.
    pub most: Usage,
    /// Where it was.
    pub summit: Option<Summit>,
    /// Memory over time, in its order.
    pub curve: Arc<[Piece]>,
    /// The labels of lines.
    pub lines: Arc<Vec<Arc<LineLabel>>>,
    /// Those of functions.
    pub functions: Arc<Vec<Arc<LineLabel>>>,
    /// The function of each line.
    pub function_of: Arc<Vec<LineId>>,
    /// What is shown of each line.
    pub rows: Arc<Vec<ShownLine>>,
    /// Types of objects, where it counts those.
    pub types: Option<Arc<ShownTypes>>,
}

impl ShownLine {
    /// What has happened since it was like that. A peak is of all the time.
    fn since(self, was: Self) -> Self {
        Self {
            hits: self.hits.saturating_sub(was.hits),
            growth: self.growth.wrapping_sub(was.growth),
            own: self.own.wrapping_sub(was.own),
            ..self
        }
    }
}

impl Recording {
    /// Only what has changed since its rows were these: lines keep their places.
    pub fn since(&self, marked: &[ShownLine]) -> Self {
        let change = |row: &ShownLine| marked.get(row.id.index()).map_or(*row, |was| row.since(*was));
        Self { rows: Arc::new(self.rows.iter().map(change).collect()), ..self.clone() }
    }

    /// A line's label, or a function's.
    pub fn label(&self, id: LineId, by_function: bool) -> &LineLabel {
        if by_function { &self.functions[id.index()] } else { &self.lines[id.index()] }
    }

    /// The rows of functions: what their lines add up to. A function's growth is that of its activations.
    pub fn function_rows(&self) -> Vec<ShownLine> {
        let mut rows: Vec<ShownLine> = (0..self.functions.len() as u32)
            .map(|id| ShownLine {
                id: LineId(id),
                hits: 0,
                growth: 0,
                own: 0,
                peak: 0,
                spike: 0,
                own_spike: 0,
            })
            .collect();
        for line in self.rows.iter() {
            let row = &mut rows[self.function_of[line.id.index()].index()];
            row.hits = row.hits.saturating_add(line.hits);
            row.growth = row.growth.wrapping_add(line.growth);
            row.own = row.own.wrapping_add(line.own);
            row.peak = row.peak.max(line.peak);
            row.spike = row.spike.max(line.spike);
            row.own_spike = row.own_spike.max(line.own_spike);
        }
        rows
    }
}

/// The monitor that counts objects.
pub const OBJECTS: &str = "objects";

/// What a list of processes says of a recorder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecorderFacts {
    /// Its monitor, as `pikos-run` names it.
    pub monitor: &'static str,
    /// Records that came.
    pub records: u64,
    /// Records that the sender dropped.
    pub dropped: u64,
    /// Records of lines for which there was no place here.
    pub unlisted: u64,
    /// Resident memory, in bytes.
    pub rss: Option<u64>,
}

impl Recording {
    /// Of a file that has objects by type, and nothing else.
    pub fn of_objects(objects: &Objects) -> Self {
        let types = Some(ShownTypes::of_file(objects));
        Self { facts: RecorderFacts::OF_OBJECTS, types, ..Self::default() }
    }
}

impl RecorderFacts {
    /// Of a file of objects.
    pub const OF_OBJECTS: Self = Self { monitor: OBJECTS, records: 0, dropped: 0, unlisted: 0, rss: None };

    /// Of a stream of records.
    pub fn of(model: &RecordModel) -> Self {
        let has_memory = model.has_memory();
        Self {
            monitor: match (model.is_of_functions(), has_memory) {
                _ if model.types().is_told() => OBJECTS,
                (true, true) => "function_memory",
                (true, false) => "functions",
                (false, true) => "line_memory",
                (false, false) => "lines",
            },
            records: model.count(),
            dropped: model.head().dropped,
            unlisted: model.unlisted(),
            rss: has_memory.then(|| model.now().rss),
        }
    }
}

/// The labels of a recorder, each made once, and a picture of it.
#[derive(Default)]
pub struct Lines {
    epoch: u64,
    lines: Arc<Vec<Arc<LineLabel>>>,
    functions: Arc<Vec<Arc<LineLabel>>>,
    function_of: Arc<Vec<LineId>>,
    by_function: std::collections::HashMap<pikos_client::Activated, LineId>,
}

impl Lines {
    /// All that it has told by now.
    pub fn picture(&mut self, model: &RecordModel) -> Recording {
        let epoch = model.head().epoch;
        if epoch != self.epoch {
            *self = Self { epoch, ..Self::default() };
        }
        self.follow(model);
        let rows = (0u32..).zip(model.rows()).map(|(id, row)| ShownLine {
            id: LineId(id),
            hits: row.hits,
            growth: row.growth,
            own: row.own,
            peak: row.peak,
            spike: row.spike,
            own_spike: row.own_spike,
        });
        let pieces = model.curve().cells().map(|(time, cell)| Piece {
            time,
            first: cell.first,
            least: cell.least,
            greatest: cell.greatest,
            last: cell.last,
        });
        let summit =
            |peak: pikos_client::Peak| Summit { time: peak.time, rss: peak.rss, line: LineId(peak.row.0) };
        Recording {
            epoch,
            is_of_functions: model.is_of_functions(),
            has_memory: model.has_memory(),
            has_times: model.times_lines(),
            has_spikes: model.has_spikes(),
            facts: RecorderFacts::of(model),
            age: model.age(),
            now: model.now(),
            most: model.most(),
            summit: model.peak().map(summit),
            curve: pieces.collect(),
            lines: Arc::clone(&self.lines),
            functions: Arc::clone(&self.functions),
            function_of: Arc::clone(&self.function_of),
            rows: Arc::new(rows.collect()),
            types: ShownTypes::of(model),
        }
    }

    fn follow(&mut self, model: &RecordModel) {
        let rows = &model.rows()[self.lines.len()..];
        if rows.is_empty() {
            return;
        }
        let lines = Arc::make_mut(&mut self.lines);
        let functions = Arc::make_mut(&mut self.functions);
        let function_of = Arc::make_mut(&mut self.function_of);
        for row in rows {
            let path: Text = model.text(row.of.file).into();
            // Lines of one file mostly come together.
            let last = lines.last().filter(|last: &&Arc<LineLabel>| last.path == path);
            let (path, file) = match last {
                Some(last) => (last.path.clone(), Arc::clone(&last.file)),
                None => {
                    let file = printable(model.text(row.of.file)).into();
                    (path, file)
                }
            };
            let text = row.line.map_or("", |line| model.text(line));
            let label = Arc::new(LineLabel {
                path,
                file,
                line: row.line_no,
                function: printable(model.text(row.of.function)).into_owned(),
                source: printable(&text.trim().replace('\t', " ")).into_owned(),
            });
            let function = *self.by_function.entry(row.of).or_insert_with(|| {
                functions.push(Arc::new(LineLabel { source: String::new(), ..(*label).clone() }));
                LineId(functions.len() as u32 - 1)
            });
            lines.push(label);
            function_of.push(function);
        }
    }
}
