//! What a subscriber knows of a stream of records after any messages: their sums, in memory that doesn't grow with their
//! number.

use hashbrown::HashMap;
use pikos_wire::{Records, WireError, WireText};

use super::curve::Curve;
use super::rows::{Activated, Moment, Reading, RecordRow, RowId, Rows, TextId};
use super::types::KnownTypes;
use crate::applied::{Applied, MOST_ID, MOST_TEXT};

/// A message holds the records of this time before it was sent, in seconds, or of less.
const INTERVAL: f64 = 0.05;

/// Of the range that memory was in: what is less above the highest place doesn't give it another name.
const PLATEAU: u64 = 32;

/// Memory in use, in bytes; of what is not recorded zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident.
    pub rss: u64,
    /// Virtual.
    pub vms: u64,
}

/// The place where memory rose to its greatest height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Peak {
    /// Seconds since the first message.
    pub time: f64,
    /// Resident memory then, in bytes.
    pub rss: u64,
    /// Who was at work.
    pub row: RowId,
}

/// A stream of records, as far as its messages have come.
#[derive(Default)]
pub struct RecordModel {
    /// What the newest message says beside its records.
    head: Records,
    /// When the first records were made, in seconds since 1970.
    began: f64,
    lost: u64,
    count: u64,
    texts: Texts,
    rows: Rows,
    curve: Curve,
    now: Usage,
    most: Usage,
    peak: Option<Peak>,
    types: KnownTypes,
}

/// What the columns of a message mean: places in its `columns`.
struct Layout {
    kind: Option<usize>,
    function: Option<usize>,
    line_no: Option<usize>,
    line: Option<usize>,
    file: Option<usize>,
    time: Option<usize>,
    rss: Option<usize>,
    vms: Option<usize>,
    peak: Option<usize>,
}

impl Layout {
    fn of(message: &Records) -> Self {
        let place = |name: &str| message.fields.iter().position(|field| field == name);
        Self {
            kind: place("type"),
            function: place("function"),
            line_no: place("lineNo"),
            line: place("line"),
            file: place("filename"),
            time: place("time"),
            rss: place("RSS"),
            vms: place("VMS"),
            peak: place("peak"),
        }
    }
}

impl Layout {
    /// Whether there is a time for each line: records tell it, and nothing that growth is measured by.
    fn times_lines(&self) -> bool {
        self.kind.is_none() && self.rss.is_none() && self.time.is_some()
    }
}

/// What an event tells beside what happened.
enum Told {
    Nothing,
    /// Memory, and the most resident since the event before.
    Memory(Usage, u64),
    /// The time, in nanoseconds.
    Time(u64),
}

impl RecordModel {
    /// Takes a message in. After an error nothing has changed.
    pub fn apply(&mut self, mut message: Records) -> Result<Applied, WireError> {
        self.check(&message)?;
        if self.head.seq > 0 && message.seq <= self.head.seq {
            return Ok(Applied::Old);
        }
        if self.head.seq > 0 && message.epoch != self.head.epoch {
            // All that was told is void; which messages there were is not.
            let head = std::mem::take(&mut self.head);
            *self = Self { head, lost: self.lost, began: message.time - INTERVAL, ..Self::default() };
        }
        if message.paused != self.head.paused {
            self.rows.forget_open();
        }
        let is_first = self.head.seq == 0;
        // Before the first message nothing was sent to us, so nothing is lost.
        if !is_first && message.seq > self.head.seq + 1 {
            self.lost += message.seq - self.head.seq - 1;
            self.rows.forget_open();
        }
        if is_first {
            self.began = message.time - INTERVAL;
        }
        let texts: Vec<TextId> = message.texts.drain(..).map(|text| self.texts.id(text)).collect();
        self.take(&message, &texts);
        if let Some(types) = message.types.take() {
            self.types.take(message.time, &types, &texts);
        }
        // What was dropped came after the last record of this message: then the sender had no room.
        if message.dropped != self.head.dropped {
            self.rows.forget_open();
        }
        (message.columns, message.threads, message.activations) = Default::default();
        self.head = message;
        Ok(Applied::Taken)
    }

    fn check(&self, message: &Records) -> Result<(), WireError> {
        if message.seq == 0 {
            return Err(WireError::Contradiction("messages are counted from 1"));
        }
        if !message.time.is_finite() || message.time < 0.0 {
            return Err(WireError::Contradiction("times are not negative"));
        }
        let facts = message.fields.iter().map(String::len).sum::<usize>()
            + message.argv.iter().map(WireText::len).sum::<usize>()
            + message.host.len();
        let new = message.texts.iter().filter(|text| !self.texts.has(text)).map(String::len).sum::<usize>();
        if message.id.len() > MOST_ID || facts + new + self.texts.bytes > MOST_TEXT {
            return Err(WireError::TooMuchText(MOST_TEXT));
        }
        Ok(())
    }

    fn take(&mut self, message: &Records, texts: &[TextId]) {
        let layout = Layout::of(message);
        let length = message.columns.first().map_or(0, Vec::len);
        let column = |place: Option<usize>| place.map_or(&[][..], |place| &message.columns[place]);
        let (kinds, functions, files) = (column(layout.kind), column(layout.function), column(layout.file));
        let (line_nos, lines) = (column(layout.line_no), column(layout.line));
        let times = if layout.times_lines() { column(layout.time) } else { &[] };
        let (rss, vms, peak) = (column(layout.rss), column(layout.vms), column(layout.peak));
        // Without a column, a text is empty.
        let empty = self.texts.id(String::new());
        let text = |column: &[u64], row: usize| column.get(row).map_or(empty, |place| texts[*place as usize]);
        let activations = message.activations.as_ref();
        self.rows.set_tells_ends(activations.is_some() || layout.kind.is_some());
        let span = INTERVAL.min((message.time - self.head.time).max(0.0));
        let mut next = 0;
        for row in 0..=length {
            let time = message.time - span * (length - row) as f64 / (length + 1) as f64 - self.began;
            if let Some(them) = activations {
                while next < them.len() && (them.at[next] <= row as u64 || row == length) {
                    let (function, file) = (them.function[next] as usize, them.filename[next] as usize);
                    let of = self.texts.activated(texts[function], texts[file]);
                    let (thread, rss) = (them.thread[next], them.rss[next]);
                    let timed =
                        layout.times_lines().then(|| them.time.get(next).copied().unwrap_or_default());
                    if them.line.get(next).is_some_and(|line| *line > 0) {
                        let count = them.under_way_from(next);
                        let open = (next..next + count).map(|at| {
                            let (function, file) = (them.function[at] as usize, them.filename[at] as usize);
                            let line_no = u32::try_from(them.line[at]).unwrap_or(u32::MAX);
                            (self.texts.activated(texts[function], texts[file]), line_no)
                        });
                        self.rows.set_under_way(thread, &open.collect::<Vec<_>>(), timed.unwrap_or(rss));
                        next += count;
                        continue;
                    }
                    let moment = if them.ended[next] == 0 { Moment::Begin } else { Moment::End };
                    let used = Usage { rss, vms: self.now.vms };
                    let high = them.peak.get(next).copied().unwrap_or(rss);
                    let told = timed.map_or(Told::Memory(used, high), Told::Time);
                    self.event(time, thread, of, moment, told);
                    next += 1;
                }
            }
            if row == length {
                break;
            }
            let of = self.texts.activated(text(functions, row), text(files, row));
            let line_no = line_nos.get(row).map_or(0, |line_no| u32::try_from(*line_no).unwrap_or(u32::MAX));
            let moment = match kinds.get(row) {
                None => Moment::Line { line_no, line: lines.get(row).map(|place| texts[*place as usize]) },
                Some(kind) => match self.texts.get(texts[*kind as usize]) {
                    "call" | "c_call" => Moment::Call { line_no },
                    _ => Moment::End,
                },
            };
            let at = |column: &[u64]| column.get(row).copied().unwrap_or_default();
            let high = peak.get(row).copied().unwrap_or(at(rss));
            let told = match (layout.rss, times.get(row)) {
                (Some(_), _) => Told::Memory(Usage { rss: at(rss), vms: at(vms) }, high),
                (None, Some(time)) => Told::Time(*time),
                (None, None) => Told::Nothing,
            };
            let thread = message.threads.get(row).copied().unwrap_or_default();
            self.event(time, thread, of, moment, told);
            self.count += 1;
        }
    }

    /// Takes one in.
    fn event(&mut self, time: f64, thread: u64, of: Activated, moment: Moment, told: Told) {
        let (usage, high) = match told {
            Told::Nothing => return self.rows.count(of, moment),
            Told::Time(now) => {
                // It grows as memory does, and is told apart in the same way.
                self.rows.record(thread, of, moment, Reading { rss: now, high: now });
                return;
            }
            Told::Memory(usage, high) => (usage, high),
        };
        // What there was before the first record is nobody's.
        let high = if self.most.rss == 0 { usage.rss } else { high.max(usage.rss) };
        let under_way = self.rows.record(thread, of, moment, Reading { rss: usage.rss, high });
        if high > usage.rss {
            self.curve.push(time, high);
        }
        self.curve.push(time, usage.rss);
        self.now = usage;
        self.most.vms = self.most.vms.max(usage.vms);
        if high > self.most.rss {
            self.most.rss = high;
            let least = self.curve.range().map_or(0, |(least, _)| least);
            let plateau = (high - least.min(high)) / PLATEAU;
            let is_other = self.peak.is_none_or(|peak| high - peak.rss > plateau);
            // The row that was under way has led to it. Of the first event, nobody knows what that was.
            if let Some(row) = under_way.filter(|_| is_other) {
                self.peak = Some(Peak { time, rss: high, row });
            }
        }
    }

    /// What the newest message says beside its records.
    pub fn head(&self) -> &Records {
        &self.head
    }

    /// Seconds from the first records to the newest message, by the sender's clock.
    pub fn age(&self) -> f64 {
        (self.head.time - self.began).max(0.0)
    }

    /// Messages that did not come.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Records that came.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Records of lines beyond the number that is kept.
    pub fn unlisted(&self) -> u64 {
        self.rows.unlisted()
    }

    /// Whether records are of calls and returns, not of lines.
    pub fn is_of_functions(&self) -> bool {
        Layout::of(&self.head).kind.is_some()
    }

    /// Whether records tell the memory.
    pub fn has_memory(&self) -> bool {
        Layout::of(&self.head).rss.is_some()
    }

    /// Whether rows have the time of their lines, in nanoseconds, and no memory.
    pub fn times_lines(&self) -> bool {
        Layout::of(&self.head).times_lines()
    }

    /// Whether they tell the most that was in use between two of them.
    pub fn has_spikes(&self) -> bool {
        let layout = Layout::of(&self.head);
        layout.rss.is_some() && layout.peak.is_some()
    }

    /// Types of objects, where the sender counts them.
    pub fn types(&self) -> &KnownTypes {
        &self.types
    }

    /// A row for each line or function.
    pub fn rows(&self) -> &[RecordRow] {
        self.rows.list()
    }

    /// A text.
    pub fn text(&self, text: TextId) -> &str {
        self.texts.get(text)
    }

    /// Resident memory over the seconds since the first records.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// Memory at the last record.
    pub fn now(&self) -> Usage {
        self.now
    }

    /// The most of each that a record told.
    pub fn most(&self) -> Usage {
        self.most
    }

    /// Where memory was greatest.
    pub fn peak(&self) -> Option<Peak> {
        self.peak
    }
}

/// The texts of a stream, each once.
#[derive(Default)]
struct Texts {
    list: Vec<Box<str>>,
    /// Which of them are files of libraries.
    libraries: Vec<bool>,
    by_text: HashMap<Box<str>, TextId>,
    bytes: usize,
}

impl Texts {
    fn has(&self, text: &str) -> bool {
        self.by_text.contains_key(text)
    }

    fn id(&mut self, text: String) -> TextId {
        if let Some(id) = self.by_text.get(text.as_str()) {
            return *id;
        }
        let id = TextId(self.list.len() as u32);
        self.bytes += text.len();
        self.libraries.push(is_library(&text));
        let text = text.into_boxed_str();
        self.list.push(text.clone());
        self.by_text.insert(text, id);
        id
    }

    fn get(&self, id: TextId) -> &str {
        &self.list[id.0 as usize]
    }

    fn activated(&self, function: TextId, file: TextId) -> Activated {
        Activated { function, file, is_library: self.libraries[file.0 as usize] }
    }
}

/// Whether a file is the interpreter's or an installed package's, by where such are put.
fn is_library(file: &str) -> bool {
    let is_standard = |(place, _): (usize, &str)| {
        file[place + "/lib/python".len()..].starts_with(|sign: char| sign.is_ascii_digit())
    };
    file.starts_with("<frozen ")
        || file.contains("/site-packages/")
        || file.contains("/dist-packages/")
        || file.match_indices("/lib/python").any(is_standard)
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
