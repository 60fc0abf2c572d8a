//! Reads one of a profile's sample types.

use std::collections::HashMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::super::limits::MOST_BYTES;
use super::message::{Field, Fields, Malformed, THREAD, Value, numbers};
use crate::error::{Error, Result};
use crate::model::{FunctionId, Metadata, NodeId, Profile, Text, Thread, Unit};
use crate::stacks::{APPROXIMATED, StackCollector};

/// Reads a profile, packed with gzip or not.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    read_event(bytes, None)
}

/// Reads one sample type, by its name.
pub fn read_event(bytes: &[u8], event: Option<&str>) -> Result<Profile> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return ProfileReader::of(bytes)?.read(event);
    }
    let mut message = Vec::new();
    let limit = MOST_BYTES as u64 + 1;
    MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut message).map_err(|error| Error::Incomplete {
        problem: format!("the gzip that it is packed in is not sound ({error})"),
    })?;
    if message.len() > MOST_BYTES {
        return Err(Error::TooLarge { limit: MOST_BYTES });
    }
    ProfileReader::of(&message)?.read(event)
}

#[derive(Clone, Copy, Default)]
struct ValueType {
    kind: u64,
    unit: u64,
}

#[derive(Default)]
struct Location {
    address: u64,
    mapping: u64,
    /// Where its functions stand in `lines`, the innermost first.
    first_line: usize,
    lines: usize,
}

#[derive(Clone, Copy, Default)]
struct Function {
    name: u64,
    file: u64,
    line: u64,
}

/// What the message consists of; stacks are put together when all of it is known.
#[derive(Default)]
struct ProfileReader<'b> {
    whole: &'b [u8],
    types: Vec<ValueType>,
    samples: Vec<&'b [u8]>,
    mappings: HashMap<u64, u64>,
    locations: HashMap<u64, Location>,
    /// Function and line.
    lines: Vec<(u64, u64)>,
    functions: HashMap<u64, Function>,
    strings: Vec<&'b [u8]>,
    comments: Vec<u64>,
    default_type: u64,
}

impl<'b> ProfileReader<'b> {
    fn of(message: &'b [u8]) -> Result<Self> {
        let mut profile = Self { whole: message, ..Self::default() };
        for field in Fields::of(message) {
            let Field { number, value } = field.map_err(|Malformed(place)| {
                bad(place, "the file ends in the middle of a field, or this is no protobuf")
            })?;
            match (number, value) {
                (1, Value::Bytes(inner)) => {
                    let [kind, unit] = profile.fields(inner, [1, 2])?;
                    profile.types.push(ValueType { kind, unit });
                }
                (2, Value::Bytes(inner)) => profile.samples.push(inner),
                (3, Value::Bytes(inner)) => {
                    let [id, file] = profile.fields(inner, [1, 5])?;
                    profile.mappings.insert(id, file);
                }
                (4, Value::Bytes(inner)) => profile.location(inner)?,
                (5, Value::Bytes(inner)) => {
                    let [id, name, file, line] = profile.fields(inner, [1, 2, 4, 5])?;
                    profile.functions.insert(id, Function { name, file, line });
                }
                (6, Value::Bytes(text)) => profile.strings.push(text),
                (13, value) => {
                    numbers(&value, &mut profile.comments)
                        .ok_or_else(|| bad(0, "a comment is not a number"))?;
                }
                (14, Value::Number(kind)) => profile.default_type = kind,
                _ => {}
            }
        }
        if profile.types.is_empty() {
            return Err(bad(0, "it has no sample type: this is no profile of pprof"));
        }
        Ok(profile)
    }

    /// Where a piece of the message stands in it.
    fn place_of(&self, piece: &[u8]) -> usize {
        (piece.as_ptr() as usize).saturating_sub(self.whole.as_ptr() as usize)
    }

    /// Single numbers of a message; those that are not there are 0.
    fn fields<const N: usize>(&self, message: &'b [u8], wanted: [u64; N]) -> Result<[u64; N]> {
        let mut found = [0; N];
        for field in Fields::of(message) {
            let field = field.map_err(|Malformed(place)| self.malformed(message, place))?;
            if let Value::Number(value) = field.value
                && let Some(place) = wanted.iter().position(|&number| number == field.number)
            {
                found[place] = value;
            }
        }
        Ok(found)
    }

    fn location(&mut self, message: &'b [u8]) -> Result<()> {
        let [id, mapping, address] = self.fields(message, [1, 2, 3])?;
        let first_line = self.lines.len();
        for field in Fields::of(message) {
            if let Ok(Field { number: 4, value: Value::Bytes(inner) }) = field {
                let [function, line] = self.fields(inner, [1, 2])?;
                self.lines.push((function, line));
            }
        }
        let lines = self.lines.len() - first_line;
        self.locations.insert(id, Location { address, mapping, first_line, lines });
        Ok(())
    }

    fn read(mut self, event: Option<&str>) -> Result<Profile> {
        let (column, mut metadata, factor) = self.choose(event)?;
        let is_approximated =
            self.comments.iter().any(|&comment| self.text(comment).starts_with(APPROXIMATED.as_bytes()));
        let calls =
            self.types.iter().position(|kind| self.text(kind.kind) == b"calls").filter(|_| !is_approximated);
        if is_approximated {
            metadata.notes.push(format!("its {APPROXIMATED}, as a comment in it says"));
        }
        let mut stacks = Stacks {
            collector: StackCollector::default(),
            first_lines: self.first_lines(),
            ids: HashMap::new(),
        };
        let (mut locations, mut values) = (Vec::new(), Vec::new());
        for sample in std::mem::take(&mut self.samples) {
            locations.clear();
            values.clear();
            let mut thread = Thread::default();
            for field in Fields::of(sample) {
                let field = field.map_err(|Malformed(place)| self.malformed(sample, place))?;
                let to = match (field.number, &field.value) {
                    (1, _) => &mut locations,
                    (2, _) => &mut values,
                    (3, Value::Bytes(label)) => {
                        let [key, name] = self.fields(label, [1, 2])?;
                        if self.text(key) == THREAD.as_bytes() {
                            thread.name = Some(Text::from_os_bytes(self.text(name)));
                        }
                        continue;
                    }
                    _ => continue,
                };
                numbers(&field.value, to)
                    .ok_or_else(|| bad(self.place_of(sample), "a sample's numbers end too early"))?;
            }
            stacks.collector.go_on_with(thread);
            let node =
                stacks.node(&self, &locations).map_err(|problem| bad(self.place_of(sample), problem))?;
            if values.len() != self.types.len() {
                let problem = format!("a sample has {} values for {} types", values.len(), self.types.len());
                return Err(bad(self.place_of(sample), &problem));
            }
            stacks.collector.spend(node, values[column] as i64 as f64 * factor);
            if let Some(calls) = calls {
                stacks.collector.call(node, (values[calls] as i64).try_into().unwrap_or(0));
            }
        }
        Ok(stacks.collector.finish(metadata))
    }

    /// The column of the values that are read, what they are, and how many of that one is.
    fn choose(&self, event: Option<&str>) -> Result<(usize, Metadata, f64)> {
        let name = |kind: &ValueType| String::from_utf8_lossy(self.text(kind.kind)).into_owned();
        let names: Vec<String> = self.types.iter().map(name).collect();
        let column =
            match event {
                Some(wanted) => names.iter().position(|name| name == wanted).ok_or_else(|| {
                    Error::NotInFile { kind: "sample type", wanted: wanted.to_owned(), has: names.join(", ") }
                })?,
                None => {
                    let default = self
                        .types
                        .iter()
                        .position(|kind| self.default_type != 0 && kind.kind == self.default_type);
                    default.unwrap_or(names.len() - 1)
                }
            };
        let mut notes = Vec::new();
        // Beside our own calls nothing else is counted that anybody might want.
        let mut others: Vec<&str> =
            names.iter().map(String::as_str).filter(|name| *name != "calls").collect();
        others.retain(|name| *name != names[column]);
        if event.is_none() && !others.is_empty() {
            notes.push(format!(
                "the figures are {}; --event NAME reads another: {}",
                names[column],
                others.join(", ")
            ));
        }
        let (unit, factor) = match self.text(self.types[column].unit) {
            b"nanoseconds" | b"ns" => (Unit::Seconds, 1e-9),
            b"microseconds" | b"us" => (Unit::Seconds, 1e-6),
            b"milliseconds" | b"ms" => (Unit::Seconds, 1e-3),
            b"seconds" | b"s" => (Unit::Seconds, 1.0),
            b"" | b"count" => (Unit::Other(names[column].clone()), 1.0),
            unit => (Unit::Other(String::from_utf8_lossy(unit).into_owned()), 1.0),
        };
        Ok((column, Metadata { unit, notes, ..Metadata::default() }, factor))
    }

    /// The first line that is known of each function without a line of its definition.
    fn first_lines(&self) -> HashMap<u64, u64> {
        let mut first_lines: HashMap<u64, u64> = HashMap::new();
        for &(function, line) in self.lines.iter().filter(|(_, line)| *line > 0) {
            let first = first_lines.entry(function).or_insert(line);
            *first = line.min(*first);
        }
        first_lines
    }

    fn text(&self, place: u64) -> &'b [u8] {
        usize::try_from(place).ok().and_then(|place| self.strings.get(place).copied()).unwrap_or_default()
    }

    fn malformed(&self, message: &[u8], place: usize) -> Error {
        bad(self.place_of(message) + place, "a field ends too early, or this is no protobuf")
    }
}

fn bad(offset: usize, problem: &str) -> Error {
    Error::BadValue { offset, problem: problem.to_owned() }
}

/// Who is on a stack: a function by its number, or an address of a file of code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Frame {
    Function(u64),
    Address(u64, u64),
    /// Of a sample without a stack.
    Nobody,
}

struct Stacks {
    collector: StackCollector,
    first_lines: HashMap<u64, u64>,
    ids: HashMap<Frame, FunctionId>,
}

impl Stacks {
    /// The stack of a sample, whose top comes first.
    fn node(&mut self, profile: &ProfileReader<'_>, locations: &[u64]) -> Result<NodeId, &'static str> {
        let mut node = None;
        for id in locations.iter().rev() {
            let location = profile.locations.get(id).ok_or("a sample names a location that is not there")?;
            let lines = &profile.lines[location.first_line..][..location.lines];
            for &(function, _) in lines.iter().rev() {
                node = Some(self.enter(profile, node, Frame::Function(function))?);
            }
            if lines.is_empty() {
                node = Some(self.enter(profile, node, Frame::Address(location.mapping, location.address))?);
            }
        }
        match node {
            Some(node) => Ok(node),
            None => self.enter(profile, None, Frame::Nobody),
        }
    }

    fn enter(
        &mut self,
        profile: &ProfileReader<'_>,
        parent: Option<NodeId>,
        frame: Frame,
    ) -> Result<NodeId, &'static str> {
        let id = match self.ids.get(&frame) {
            Some(&id) => id,
            None => {
                let (file, line, name) = self.label(profile, frame)?;
                let id = self
                    .collector
                    .function(file, line, name)
                    .ok_or("more functions than a profile can hold")?;
                self.ids.insert(frame, id);
                id
            }
        };
        self.collector.enter(parent, id).ok_or("more stacks than a profile can hold, or a deeper one")
    }

    fn label(&self, profile: &ProfileReader<'_>, frame: Frame) -> Result<(Text, u32, Text), &'static str> {
        let text = |place| Text::from_os_bytes(profile.text(place));
        Ok(match frame {
            Frame::Function(id) => {
                let function =
                    profile.functions.get(&id).ok_or("a location names a function that is not there")?;
                let line =
                    if function.line > 0 { Some(function.line) } else { self.first_lines.get(&id).copied() };
                (
                    text(function.file),
                    line.unwrap_or(0).try_into().unwrap_or(0),
                    without_module(profile.text(function.name), profile.text(function.file)),
                )
            }
            Frame::Address(mapping, address) => {
                let file = profile.mappings.get(&mapping).map(|&file| text(file)).unwrap_or_default();
                (file, 0, format!("0x{address:x}").as_str().into())
            }
            Frame::Nobody => (Text::default(), 0, "(no stack)".into()),
        })
    }
}

/// A function's name without the module that our writer puts in front, where the file's name ends in the same words.
fn without_module(name: &[u8], file: &[u8]) -> Text {
    let Some(stem) = file.strip_suffix(b".py") else { return Text::from_os_bytes(name) };
    let stem = stem.strip_suffix(b"/__init__").unwrap_or(stem);
    let dots = name.iter().enumerate().rev().filter(|(_, byte)| **byte == b'.').map(|(place, _)| place);
    let is_module = |end: &usize| {
        let words = name[..*end].split(|&byte| byte == b'.').rev();
        let folders = stem.rsplit(|&byte| byte == b'/').map(Some).chain(std::iter::repeat(None));
        words.zip(folders).all(|(word, folder)| Some(word) == folder)
    };
    let start = dots.into_iter().find(is_module).map_or(0, |end| end + 1);
    Text::from_os_bytes(&name[start..])
}
