//! Reads callgrind of three writers: our own, pyprof2calltree's and valgrind's.
//!
//! Unknown header lines are skipped, as the format asks; an unknown line in the body is an error.

use std::collections::HashMap;

use super::write::CREATOR;
use crate::error::{Error, Result};
use crate::model::{Calls, Edge, EdgeDetail, Function, FunctionId, IdMap, Profile, Text, Unit};

/// Reads a callgrind file. The first event is taken as the time.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let mut reader = CallgrindReader::default();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        reader.line_number = index + 1;
        reader.line(line.trim_ascii())?;
    }
    reader.finish()
}

/// How a writer uses lines.
#[derive(Clone, Copy, Default, PartialEq)]
enum Lines {
    /// A cost line names the line of a statement.
    #[default]
    OfStatements,
    /// Every line of a block is the one where its function is defined, so it tells two functions
    /// of one name apart.
    OfDefinitions,
}

#[derive(Clone, Copy)]
struct Call {
    callee: FunctionId,
    count: u64,
}

#[derive(Default)]
struct CallgrindReader {
    line_number: usize,
    profile: Profile,
    saw_header: bool,
    lines: Lines,
    /// Columns before the costs in a cost line, and which of them is the line.
    positions: usize,
    line_column: usize,
    /// Seconds for one unit of the first event.
    factor: Option<f64>,
    /// `fl`, `fi`, `fe`, `cfi`, `cfl` share one number space; `fn` and `cfn` another; `ob` and
    /// `cob` a third.
    files: HashMap<u64, Text>,
    names: HashMap<u64, Text>,
    objects: HashMap<u64, Text>,
    file: Text,
    /// The block that is open; its function is known once its first line number is.
    name: Option<Text>,
    function: Option<FunctionId>,
    callee_file: Option<Text>,
    callee_name: Option<Text>,
    /// A `calls=` line that waits for its cost line.
    call: Option<Call>,
    /// The last value of each position column, for `+3`, `-2` and `*`.
    last_positions: [u64; 2],
    /// `jump=` and `jcnd=` are followed by a position without cost.
    skip_next: bool,
    ids: HashMap<(Text, Text, u32), FunctionId>,
    edges: IdMap<(FunctionId, FunctionId), usize>,
}

impl CallgrindReader {
    fn line(&mut self, line: &[u8]) -> Result<()> {
        if line.is_empty() || line[0] == b'#' {
            return Ok(());
        }
        if line[0].is_ascii_digit() || matches!(line[0], b'+' | b'-' | b'*') {
            return self.costs(line);
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
                self.file = named(&mut self.files, value, self.line_number)?;
                self.name = None;
                self.function = None;
            }
            // Code inlined from another file: the cost still belongs to the open function.
            b"fi" | b"fe" => {
                named(&mut self.files, value, self.line_number)?;
            }
            b"fn" => {
                self.name = Some(named(&mut self.names, value, self.line_number)?);
                self.function = None;
            }
            b"cfi" | b"cfl" => {
                self.callee_file = Some(named(&mut self.files, value, self.line_number)?);
            }
            b"cfn" => self.callee_name = Some(named(&mut self.names, value, self.line_number)?),
            b"ob" | b"cob" => {
                named(&mut self.objects, value, self.line_number)?;
            }
            b"calls" => self.calls(value)?,
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
            b"creator" if value == CREATOR.as_bytes() => self.lines = Lines::OfDefinitions,
            // pyprof2calltree does not name itself; this line is its signature (and ours).
            b"event" if value == b"ns : Nanoseconds" => self.lines = Lines::OfDefinitions,
            b"cmd" => self.profile.metadata.title = Some(Text::from_os_bytes(value)),
            b"positions" => {
                let columns: Vec<&[u8]> = words(value).collect();
                let line = columns.iter().position(|&column| column == b"line");
                match (columns.len(), line) {
                    (1 | 2, Some(line)) => (self.positions, self.line_column) = (columns.len(), line),
                    _ => return Err(self.bad("`positions:` must name `line`, and at most one more")),
                }
            }
            b"events" => {
                let Some(event) = words(value).next() else {
                    return Err(self.bad("`events:` names no event"));
                };
                let event = String::from_utf8_lossy(event).into_owned();
                let seconds = match event.to_ascii_lowercase().as_str() {
                    "ns" | "nanoseconds" => Some(1e-9),
                    "us" | "microseconds" => Some(1e-6),
                    "ms" | "milliseconds" => Some(1e-3),
                    "s" | "seconds" => Some(1.0),
                    _ => None,
                };
                if seconds.is_none() {
                    self.profile.metadata.unit = Unit::Other(event);
                }
                self.factor = Some(seconds.unwrap_or(1.0));
            }
            _ => {}
        }
        self.saw_header = true;
        Ok(())
    }

    fn calls(&mut self, value: &[u8]) -> Result<()> {
        let mut words = words(value);
        let count = words.next().and_then(number);
        let Some(count) = count else {
            return Err(self.bad("`calls=` has no count"));
        };
        let Some(name) = self.callee_name.take() else {
            return Err(self.bad("`calls=` has no `cfn=` before it"));
        };
        // The line stands last in the target's position, whatever stands before it.
        let line = match words.nth(self.line_column).and_then(number).map(u32::try_from) {
            Some(Ok(line)) => line,
            // Relative targets (`+3`) and none: the callee's own block says its line.
            _ => 0,
        };
        let file = self.callee_file.take().unwrap_or_else(|| self.file.clone());
        let callee = self.function_id(file, name, line)?;
        self.call = Some(Call { callee, count });
        Ok(())
    }

    fn costs(&mut self, line: &[u8]) -> Result<()> {
        let mut words = words(line);
        for column in 0..self.positions.max(1) {
            let Some(word) = words.next() else {
                return Err(self.bad("a cost line without a position"));
            };
            let last = self.last_positions[column];
            let position = match word {
                b"*" => Some(last),
                [b'+', offset @ ..] => number(offset).and_then(|by| last.checked_add(by)),
                [b'-', offset @ ..] => number(offset).and_then(|by| last.checked_sub(by)),
                _ => number(word),
            };
            match position {
                Some(position) => self.last_positions[column] = position,
                None => return Err(self.bad("the position is not a number")),
            }
        }
        if std::mem::take(&mut self.skip_next) {
            return Ok(());
        }
        let Some(factor) = self.factor else {
            return Err(self.bad("a cost comes before `events:`"));
        };
        // Costs may be left out at the end of a line: they are 0.
        let cost = match words.next() {
            Some(word) => number(word).ok_or_else(|| self.bad("the cost is not a whole number"))? as f64,
            None => 0.0,
        };
        let function = self.open_function()?;
        match self.call.take() {
            None => self.profile.functions[function.index()].calls.tottime += cost * factor,
            Some(Call { callee, count }) => {
                let calls =
                    Calls { ncalls: count, primitive_calls: count, tottime: 0.0, cumtime: cost * factor };
                let next = self.profile.edges.len();
                let place = *self.edges.entry((function, callee)).or_insert(next);
                if place == next {
                    self.profile.edges.push(Edge { caller: function, callee, calls });
                } else {
                    self.profile.edges[place].calls.add(&calls);
                }
            }
        }
        Ok(())
    }

    /// The function whose block this is, made when its first line is known.
    fn open_function(&mut self) -> Result<FunctionId> {
        if let Some(id) = self.function {
            return Ok(id);
        }
        let Some(name) = self.name.clone() else {
            return Err(self.bad("a cost comes before any `fn=`"));
        };
        let line = u32::try_from(self.last_positions[self.line_column])
            .map_err(|_| self.bad("the line number is too large"))?;
        let id = self.function_id(self.file.clone(), name, line)?;
        self.function = Some(id);
        Ok(id)
    }

    fn function_id(&mut self, file: Text, name: Text, line: u32) -> Result<FunctionId> {
        let next = u32::try_from(self.profile.functions.len())
            .map_err(|_| self.bad("more than 4,294,967,295 functions"))?;
        let key_line = if self.lines == Lines::OfDefinitions { line } else { 0 };
        let id = *self.ids.entry((file.clone(), name.clone(), key_line)).or_insert(FunctionId(next));
        if id.0 == next {
            self.profile.functions.push(Function::new(file, line, name, Calls::default()));
        } else if self.profile.functions[id.index()].line == 0 {
            self.profile.functions[id.index()].line = line;
        }
        Ok(id)
    }

    /// What the format leaves to be computed: calls and cumulative time.
    fn finish(mut self) -> Result<Profile> {
        if self.call.is_some() {
            return Err(self.bad("the file ends after `calls=`, without the cost of those calls"));
        }
        if !self.saw_header {
            return Err(self.bad("no header: this is not a callgrind file"));
        }
        self.profile.metadata.edges = EdgeDetail::CallsAndCumtime;
        for function in &mut self.profile.functions {
            function.calls.cumtime = function.calls.tottime;
            if self.lines == Lines::OfDefinitions {
                strip_suffix(function);
            }
        }
        for edge in &self.profile.edges {
            let callee = &mut self.profile.functions[edge.callee.index()].calls;
            callee.ncalls = callee.ncalls.saturating_add(edge.calls.ncalls);
            callee.primitive_calls = callee.ncalls;
            if edge.caller != edge.callee {
                self.profile.functions[edge.caller.index()].calls.cumtime += edge.calls.cumtime;
            }
        }
        Ok(self.profile)
    }

    fn bad(&self, problem: &str) -> Error {
        Error::BadLine { line: self.line_number, problem: problem.to_owned() }
    }
}

/// Takes the line off a name to which the writer had added it: both pyprof2calltree and we write
/// `name:line` where a file has two functions of one name.
fn strip_suffix(function: &mut Function) {
    let suffix = format!(":{}", function.line);
    if let Some(name) = function.name.as_bytes().strip_suffix(suffix.as_bytes()) {
        function.name = name.to_vec().into();
    }
}

/// A name, `(7) name` which also defines number 7, or `(7)` which refers to it.
fn named(names: &mut HashMap<u64, Text>, value: &[u8], line: usize) -> Result<Text> {
    let compressed = value
        .strip_prefix(b"(")
        .and_then(|rest| Some(rest.split_at(rest.iter().position(|&byte| byte == b')')?)))
        .and_then(|(digits, rest)| Some((number(digits)?, rest[1..].trim_ascii())));
    match compressed {
        None => Ok(Text::from_os_bytes(value)),
        Some((key, b"")) => names
            .get(&key)
            .cloned()
            .ok_or_else(|| Error::BadLine { line, problem: format!("number {key} has no name yet") }),
        Some((key, name)) => {
            let name = Text::from_os_bytes(name);
            names.insert(key, name.clone());
            Ok(name)
        }
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// Decimal, or hexadecimal after `0x`, as instruction addresses are.
fn number(word: &[u8]) -> Option<u64> {
    let word = std::str::from_utf8(word).ok()?;
    match word.strip_prefix("0x") {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16).ok(),
        None if word.starts_with('+') => None,
        None => word.parse().ok(),
    }
}
