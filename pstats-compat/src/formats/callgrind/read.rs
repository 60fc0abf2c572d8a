//! Reads what any writer of the format wrote.
//!
//! Unknown header lines are skipped, as the format asks; an unknown line in the body is an error.

use super::events::{Events, NoEvent};
use super::functions::{Functions, Place};
use super::inclusive;
use super::names::{Mention, Names, Unnamed};
use super::numbers::{relative, signed, sum, unsigned, words};
use super::totals::{Fault, Totals};
use super::writer::Writer;
use crate::error::{Error, Result};
use crate::model::{Calls, Edge, EdgeDetail, FunctionId, IdMap, Profile, Text};

/// Reads a callgrind file. The first event is taken as the time.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    read_event(bytes, None)
}

/// Reads one event of a callgrind file; without a name, the first.
pub fn read_event(bytes: &[u8], event: Option<&str>) -> Result<Profile> {
    let mut reader = CallgrindReader::new(event);
    match reader.lines(bytes) {
        // Whether `-3` is a cost or a difference shows only where another can be nothing but a difference.
        Err(_) if reader.saw_relative_cost && !reader.costs_are_relative => {
            let mut reader = CallgrindReader { costs_are_relative: true, ..CallgrindReader::new(event) };
            reader.lines(bytes)?;
            reader.finish(bytes)
        }
        read => {
            read?;
            reader.finish(bytes)
        }
    }
}

#[derive(Clone, Copy)]
struct Call {
    callee: FunctionId,
    count: u64,
}

/// The columns that may stand before the costs.
#[derive(Clone, Copy, PartialEq)]
enum Column {
    Line,
    /// An instruction's address, or the number of a basic block.
    Other,
}

/// Those of a file that doesn't say.
const LINES_ONLY: [Column; 1] = [Column::Line];

struct CallgrindReader<'a> {
    line_number: usize,
    profile: Profile,
    wanted: Option<&'a str>,
    saw_header: bool,
    writer: Writer,
    events: Events,
    /// How many of the profile's unit one of the event's is.
    factor: f64,
    totals: Totals,
    columns: Vec<Column>,
    /// The last value of each column, for `+3`, `-2` and `*`.
    positions: Vec<i128>,
    costs: Vec<i128>,
    costs_are_relative: bool,
    saw_relative_cost: bool,
    /// `fl`, `fi`, `fe`, `cfi`, `cfl`, `jfi` share one number space; `fn`, `cfn` and `jfn` another; `ob` and `cob` a third.
    files: Names,
    names: Names,
    objects: Names,
    functions: Functions,
    /// Where the code is that the next costs are of.
    place: Place,
    /// The block that is open, and where its function is; which one that is is known once its first line number is.
    open: Option<(Mention, Place)>,
    function: Option<FunctionId>,
    callee_object: Option<Text>,
    callee_file: Option<Text>,
    callee: Option<Mention>,
    /// A `calls=` line that waits for its cost line.
    call: Option<Call>,
    /// `jump=` and `jcnd=` are followed by a position without cost.
    skip_next: bool,
    edges: IdMap<(FunctionId, FunctionId), usize>,
}

impl<'a> CallgrindReader<'a> {
    fn new(wanted: Option<&'a str>) -> Self {
        Self {
            line_number: 0,
            profile: Profile::default(),
            wanted,
            saw_header: false,
            writer: Writer::default(),
            events: Events::default(),
            factor: 1.0,
            totals: Totals::default(),
            columns: LINES_ONLY.to_vec(),
            positions: vec![0],
            costs: Vec::new(),
            costs_are_relative: false,
            saw_relative_cost: false,
            files: Names::default(),
            names: Names::default(),
            objects: Names::default(),
            functions: Functions::default(),
            place: Place::default(),
            open: None,
            function: None,
            callee_object: None,
            callee_file: None,
            callee: None,
            call: None,
            skip_next: false,
            edges: IdMap::default(),
        }
    }

    fn lines(&mut self, bytes: &[u8]) -> Result<()> {
        for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            self.line_number = index + 1;
            self.line(line.trim_ascii())?;
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        match line {
            [] | [b'#', ..] => return Ok(()),
            [b'0'..=b'9' | b'+' | b'-' | b'*', ..] => return self.cost_line(line),
            _ => {}
        }
        let Some(split) = line.iter().position(|&byte| byte == b'=' || byte == b':') else {
            return Err(self.bad("expected a cost, a name or a header"));
        };
        let (key, value) = (&line[..split], line[split + 1..].trim_ascii());
        if line[split] == b':' {
            return self.header(key, value);
        }
        match key {
            b"fl" => {
                self.place.file = self.file(value)?;
                self.place.is_certain = true;
                self.open = None;
                self.function = None;
            }
            // Code of another file that was put into the open function: its cost is the function's. Who names no file from
            // here on means this one.
            b"fi" | b"fe" => {
                self.place.file = self.file(value)?;
                self.place.is_certain = false;
            }
            b"fn" => {
                let mention = self.function_name(value)?;
                self.open = Some((mention, self.place.clone()));
                self.function = None;
                (self.callee_object, self.callee_file, self.callee) = (None, None, None);
            }
            b"ob" => self.place.object = self.object(value)?,
            b"cfi" | b"cfl" => {
                self.callee_file = Some(self.file(value)?).filter(|file| !file.as_bytes().is_empty())
            }
            b"cfn" => self.callee = Some(self.function_name(value)?),
            b"cob" => self.callee_object = Some(self.object(value)?),
            b"calls" => self.calls(value)?,
            // Where a jump leads: not a call, but its names may get their numbers here.
            b"jfi" => drop(self.file(value)?),
            b"jfn" => drop(self.function_name(value)?),
            b"job" => drop(self.object(value)?),
            b"jump" | b"jcnd" => self.skip_next = true,
            _ => return Err(self.bad(&format!("unknown key `{}`", String::from_utf8_lossy(key)))),
        }
        Ok(())
    }

    fn header(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        match key {
            b"version" if value != b"1" => {
                return Err(self.bad("unknown version of the format; only version 1 can be read"));
            }
            b"creator" => self.writer = Writer::of_creator(value),
            b"event" => {
                if value == b"ns : Nanoseconds" && self.writer == Writer::Other {
                    self.writer = Writer::Pyprof2calltree;
                }
                self.events.long_name(value);
            }
            b"cmd" => self.profile.metadata.title = Some(Text::from_os_bytes(value)),
            b"part" => self.positions.fill(0),
            b"positions" => self.position_columns(value)?,
            b"events" => self.event_columns(value)?,
            b"totals" => {
                let said = self.said(value);
                self.totals.totals(said, self.events.name()).map_err(|fault| self.incomplete(fault))?;
            }
            b"summary" => {
                let said = self.said(value);
                self.totals.summary(said);
            }
            _ => {}
        }
        self.saw_header = true;
        Ok(())
    }

    fn position_columns(&mut self, value: &[u8]) -> Result<()> {
        let mut columns = Vec::new();
        for word in words(value) {
            columns.push(match word {
                b"line" => Column::Line,
                b"instr" | b"addr" | b"bb" => Column::Other,
                _ => return Err(self.bad("`positions:` names something other than `instr`, `bb` and `line`")),
            });
        }
        if columns.is_empty() || columns.len() > 3 {
            return Err(self.bad("`positions:` must name `instr`, `bb` or `line`, each once at most"));
        }
        self.positions = vec![0; columns.len()];
        self.columns = columns;
        Ok(())
    }

    fn event_columns(&mut self, value: &[u8]) -> Result<()> {
        let unit_before = self.events.column().map(|_| self.profile.metadata.unit.clone());
        let listed = self.events.list(value, self.wanted);
        match listed {
            Err(NoEvent::NoneNamed) => return Err(self.bad("`events:` names no event")),
            Err(NoEvent::NotAmong(has)) => {
                let wanted = self.wanted.unwrap_or_default().to_owned();
                return Err(Error::NotInFile { kind: "event", wanted, has });
            }
            Ok(()) => {}
        }
        let (unit, factor) = self.events.unit(self.writer);
        if unit_before.is_some_and(|before| before != unit) {
            return Err(self.bad(&format!(
                "this part of the file counts {unit}, and the one before it {}: read one event of all with --event",
                self.profile.metadata.unit
            )));
        }
        self.profile.metadata.unit = unit;
        self.factor = factor;
        Ok(())
    }

    /// The figure of the event that is read in a line of all events' figures. Those at its end may be left out if they are 0.
    fn said(&self, value: &[u8]) -> Option<i128> {
        let column = self.events.column()?;
        words(value).next()?;
        words(value).nth(column).map_or(Some(0), sum)
    }

    fn calls(&mut self, value: &[u8]) -> Result<()> {
        let mut words = words(value);
        let Some(count) = words.next().and_then(unsigned) else {
            return Err(self.bad("`calls=` has no count"));
        };
        let Some(callee) = self.callee.take() else {
            return Err(self.bad("`calls=` has no `cfn=` before it"));
        };
        // Where the callee begins. It says nothing about where the next costs are, and may be left out.
        let line = self.columns.iter().zip(&self.positions).zip(words).find_map(|((column, last), word)| {
            (*column == Column::Line)
                .then(|| relative(word, *last).and_then(|line| u32::try_from(line).ok()))?
        });
        let line = line.unwrap_or(0);
        let place = Place {
            object: self.callee_object.take().unwrap_or_else(|| self.place.object.clone()),
            is_certain: self.callee_file.is_some() || self.place.is_certain,
            file: self.callee_file.take().unwrap_or_else(|| self.place.file.clone()),
        };
        let callee = self.function_id(&callee, &place, line)?;
        self.functions.begins_at(callee, line);
        self.call = Some(Call { callee, count });
        Ok(())
    }

    fn cost_line(&mut self, line: &[u8]) -> Result<()> {
        let mut words = words(line);
        for last in &mut self.positions {
            let Some(word) = words.next() else {
                return Err(bad(self.line_number, "a cost line without a position"));
            };
            match relative(word, *last).filter(|position| *position >= 0) {
                Some(position) => *last = position,
                None => return Err(bad(self.line_number, "the position is not a number")),
            }
        }
        if std::mem::take(&mut self.skip_next) {
            return Ok(());
        }
        let Some(column) = self.events.column() else {
            return Err(self.bad("a cost comes before `events:`"));
        };
        let cost = match self.costs_are_relative {
            true => self.relative_cost(words, column)?,
            // Costs may be left out at the end of a line: they are 0.
            false => words.nth(column).map_or(Ok(0), |word| self.cost(word))?,
        };
        let function = self.open_function()?;
        let seconds = cost as f64 * self.factor;
        let Some(Call { callee, count }) = self.call.take() else {
            self.totals.add(cost);
            self.functions.list[function.index()].calls.tottime += seconds;
            return Ok(());
        };
        self.totals.saw_call();
        let calls = Calls {
            ncalls: count,
            primitive_calls: count,
            tottime: 0.0,
            cumtime: seconds,
            ..Calls::default()
        };
        let next = self.profile.edges.len();
        let place = *self.edges.entry((function, callee)).or_insert(next);
        if place == next {
            self.profile.edges.push(Edge { caller: function, callee, calls });
        } else {
            self.profile.edges[place].calls.add(&calls);
        }
        Ok(())
    }

    fn cost(&mut self, word: &[u8]) -> Result<i128> {
        match word {
            b"." => Ok(0),
            [b'+' | b'*', ..] => {
                self.saw_relative_cost = true;
                Err(self.bad("the cost is not a whole number"))
            }
            _ => signed(word).ok_or_else(|| self.bad("the cost is not a whole number")),
        }
    }

    /// Some shorten costs as all shorten positions: `+3` and `-2` on top of the last cost, `*` for the same.
    fn relative_cost<'w>(&mut self, words: impl Iterator<Item = &'w [u8]>, column: usize) -> Result<i128> {
        let mut cost = 0;
        for (place, word) in words.take(column + 1).enumerate() {
            if self.costs.len() == place {
                self.costs.push(0);
            }
            let Some(new) = relative(word, self.costs[place]) else {
                return Err(self.bad("the cost is not a whole number"));
            };
            self.costs[place] = new;
            if place == column {
                cost = new;
            }
        }
        Ok(cost)
    }

    /// The function whose block this is, made when its first line is known.
    fn open_function(&mut self) -> Result<FunctionId> {
        let line = self.columns.iter().position(|column| *column == Column::Line);
        let line = u32::try_from(line.map_or(0, |column| self.positions[column]))
            .map_err(|_| self.bad("the line number is too large"))?;
        let id = match (self.function, &self.open) {
            (Some(id), _) => id,
            (None, None) => return Err(self.bad("a cost comes before any `fn=`")),
            (None, Some((mention, place))) => {
                let (mention, place) = (mention.clone(), place.clone());
                self.function_id(&mention, &place, line)?
            }
        };
        self.function = Some(id);
        self.functions.has_code_at(id, &self.place.file, line);
        Ok(id)
    }

    fn function_id(&mut self, mention: &Mention, place: &Place, line: u32) -> Result<FunctionId> {
        let line = self.writer.names_definitions().then_some(line);
        let found = self.functions.find(mention, place, line);
        found.ok_or_else(|| self.bad("more functions than a profile can hold"))
    }

    fn file(&mut self, value: &[u8]) -> Result<Text> {
        self.files.mention(value).map(|mention| mention.text).map_err(|unnamed| self.unnamed(unnamed))
    }

    fn object(&mut self, value: &[u8]) -> Result<Text> {
        self.objects.mention(value).map(|mention| mention.text).map_err(|unnamed| self.unnamed(unnamed))
    }

    fn function_name(&mut self, value: &[u8]) -> Result<Mention> {
        self.names.mention(value).map_err(|unnamed| self.unnamed(unnamed))
    }

    fn finish(mut self, bytes: &[u8]) -> Result<Profile> {
        if self.call.is_some() {
            return Err(self.bad("the file ends after `calls=`, without the cost of those calls"));
        }
        if !self.saw_header {
            return Err(self.bad("no header: this is not a callgrind file"));
        }
        if self.events.column().is_none() {
            return Err(self.bad("the file ends before `events:`, which say what it counts"));
        }
        match self.totals.finish(self.writer, self.events.name(), bytes) {
            Err(Fault::Doubtful(note)) => self.profile.metadata.notes.push(note),
            whole => whole.map_err(|fault| self.incomplete(fault))?,
        }
        let others = self.events.others();
        if self.wanted.is_none() && !others.is_empty() {
            self.profile.metadata.notes.push(format!(
                "the figures are {}; --event NAME reads another: {}",
                self.events.name(),
                others.join(", ")
            ));
        }
        self.profile.metadata.edges = EdgeDetail::CallsAndCumtime;
        self.profile.metadata.rounded_to = self.factor;
        self.profile.functions = self.functions.finish(self.writer);
        inclusive::fill(&mut self.profile);
        Ok(self.profile)
    }

    fn incomplete(&self, fault: Fault) -> Error {
        let (Fault::CutShort(problem) | Fault::Doubtful(problem)) = fault;
        Error::Incomplete { problem }
    }

    fn unnamed(&self, Unnamed(number): Unnamed) -> Error {
        self.bad(&format!("number {number} has no name yet"))
    }

    fn bad(&self, problem: &str) -> Error {
        bad(self.line_number, problem)
    }
}

fn bad(line: usize, problem: &str) -> Error {
    Error::BadLine { line, problem: problem.to_owned() }
}
