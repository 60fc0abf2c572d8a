//! Reads calls, and nests those of each thread.

use super::events::{Document, Event, Events, Ids, Kind};
use crate::error::{Error, Result};
use crate::model::{FunctionId, Metadata, NodeId, Profile, Text, Thread};
use crate::stacks::StackCollector;
use serde::de::DeserializeSeed;

/// Reads trace events, each thread's apart.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let mut events = Events::default();
    let mut metadata = Metadata::default();
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = Document(&mut events).deserialize(&mut json).and_then(|()| json.end());
    match read {
        // Whoever writes while a program runs closes nothing, and may leave a comma.
        Err(_) if bytes.trim_ascii_start().starts_with(b"[") && is_open(bytes) => {}
        Err(error) if error.is_eof() && bytes.trim_ascii_start().starts_with(b"[") => {
            metadata.notes.push("the file ends in the middle of an event: it may be cut short".to_owned());
        }
        read => read.map_err(|error| Error::of_json(&error))?,
    }
    if events.threads.is_empty() {
        let problem = match events.has_samples {
            true => "it has samples of a CPU profile and no calls (`X`, `B` and `E`): save it as .cpuprofile",
            false => "there are no calls among its events (`X`, `B` and `E`)",
        };
        return Err(Error::BadField { field: "traceEvents".to_owned(), problem: problem.to_owned() });
    }
    let names: Vec<&str> = events.frames.iter().map(|frame| frame.name.as_str()).collect();
    let mut calls =
        Calls { names, collector: StackCollector::default(), functions: Vec::new(), open: Vec::new() };
    for frame in &events.frames {
        let (file, line, name) = match (&frame.file, frame.line) {
            (Some(file), line) => (file.as_str().into(), line.unwrap_or(0), frame.name.as_str().into()),
            (None, _) => place_in_name(&frame.name),
        };
        let function = calls.collector.function(file, line, name);
        calls.functions.push(function.ok_or_else(too_many)?);
    }
    let mut ignored = 0;
    for thread in &mut events.threads {
        let name = events.names.get(&thread.ids);
        calls.collector.add_thread(thread_of(&thread.ids, name.map(String::as_str)));
        ignored += calls.thread(&mut thread.events)?;
    }
    metadata.notes.extend(match ignored {
        0 => None,
        1 => Some("the end of 1 call that had not begun is left out".to_owned()),
        _ => Some(format!("the ends of {ignored} calls that had not begun are left out")),
    });
    if events.has_samples {
        metadata.notes.push("samples of a CPU profile in it are left out".to_owned());
    }
    Ok(calls.collector.finish(metadata))
}

/// A thread with these ids. Some write its name in place of the number.
fn thread_of(Ids { process, thread }: &Ids, name: Option<&str>) -> Thread {
    let id = thread.parse().ok();
    let name = name.or((id.is_none()).then_some(thread)).filter(|name| !name.is_empty());
    // No program is process 0.
    let process = process.parse().ok().filter(|&process| process > 0);
    Thread { name: name.map(Text::from), process, id, ..Thread::default() }
}

/// Whether what is missing is the closing bracket, and nothing else: the last event is whole.
fn is_open(bytes: &[u8]) -> bool {
    let end = bytes.trim_ascii_end();
    end.strip_suffix(b",").unwrap_or(end).trim_ascii_end().ends_with(b"}")
}

/// A call that has begun.
struct Open {
    node: NodeId,
    frame: Option<u32>,
    /// When it ends, if that is known.
    end: Option<f64>,
}

struct Calls<'e> {
    /// Of each frame.
    names: Vec<&'e str>,
    collector: StackCollector,
    functions: Vec<FunctionId>,
    open: Vec<Open>,
}

impl Calls<'_> {
    /// One thread's calls. How many ends had no beginning.
    fn thread(&mut self, events: &mut [Event]) -> Result<usize> {
        events.sort_by(|a, b| a.at.total_cmp(&b.at));
        // Of calls that begin at once the longer one is outside; what was written between others stays there.
        let time = |event: &Event| match event.kind {
            Kind::Whole(time) => Some(time),
            Kind::Begin | Kind::End => None,
        };
        let is_beside =
            |a: &Event, b: &Event| a.at.total_cmp(&b.at).is_eq() && time(a).is_some() && time(b).is_some();
        for at_once in events.chunk_by_mut(is_beside).filter(|events| events.len() > 1) {
            at_once.sort_by(|a, b| time(b).unwrap_or(0.0).total_cmp(&time(a).unwrap_or(0.0)));
        }
        let mut at = events.first().map_or(0.0, |event| event.at);
        let mut ignored = 0;
        for event in events.iter() {
            self.close_until(&mut at, event.at);
            match event.kind {
                Kind::Begin => self.begin(event, None)?,
                Kind::Whole(time) => {
                    // What is inside ends no later than what is around it.
                    let around = self.open.iter().rev().find_map(|open| open.end);
                    let end = event.at + time;
                    self.begin(event, Some(around.map_or(end, |around| end.min(around))))?;
                }
                Kind::End => ignored += usize::from(!self.end(event.frame)),
            }
        }
        let last_end = self.open.iter().filter_map(|open| open.end).fold(at, f64::max);
        self.close_until(&mut at, last_end);
        self.open.clear();
        Ok(ignored)
    }

    /// Lets time go on until `until`, and closes what ends before.
    fn close_until(&mut self, at: &mut f64, until: f64) {
        // A call's end is a sum, and the next one's beginning a number of its own: they miss each other by their last bits.
        let last_bits = until.abs() * (2.0 * f64::EPSILON) + 1e-6;
        while let Some(top) = self.open.last() {
            let end = top.end.filter(|end| *end <= until + last_bits);
            let next = end.unwrap_or(until).max(*at);
            self.collector.spend(top.node, (next - *at) * 1e-6);
            *at = next;
            if end.is_none() {
                break;
            }
            self.open.pop();
        }
        *at = until.max(*at);
    }

    fn begin(&mut self, event: &Event, end: Option<f64>) -> Result<()> {
        let function = event.frame.and_then(|frame| self.functions.get(frame as usize).copied());
        let function = match function {
            Some(function) => function,
            None => self.collector.function(Text::default(), 0, "(no name)".into()).ok_or_else(too_many)?,
        };
        let node =
            self.collector.enter(self.open.last().map(|open| open.node), function).ok_or_else(too_many)?;
        self.collector.call(node, 1);
        self.open.push(Open { node, frame: event.frame, end });
        Ok(())
    }

    /// Closes the call of that name, with all that is open above it; without a name, the last one that has no known end. An end of
    /// some other name is nobody's: what is open goes on.
    fn end(&mut self, frame: Option<u32>) -> bool {
        let name = |frame: u32| self.names.get(frame as usize).filter(|name| !name.is_empty());
        let ended = frame.and_then(name);
        let is_it = |open: &Open| ended.is_none() || open.frame.and_then(name) == ended;
        let place = self.open.iter().rposition(|open| open.end.is_none() && is_it(open));
        match place {
            Some(place) => {
                self.open.truncate(place);
                true
            }
            None => false,
        }
    }
}

/// `name (file:line)`, as viztracer writes it, or a bare name.
fn place_in_name(name: &str) -> (Text, u32, Text) {
    let parts = || {
        let (name, place) = name.strip_suffix(')')?.rsplit_once(" (")?;
        let (file, line) = place.rsplit_once(':')?;
        Some((file.into(), line.parse().ok()?, name.into()))
    };
    parts().unwrap_or_else(|| (Text::default(), 0, name.into()))
}

fn too_many() -> Error {
    Error::BadField {
        field: "traceEvents".to_owned(),
        problem: "more stacks than a profile can hold, or a deeper one".to_owned(),
    }
}
