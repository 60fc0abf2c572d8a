//! What `perf script` prints of a recording with stacks (`perf record -g`).
//!
//! ```text
//! python 4242 [001] 12.345678:     250000 cycles:u:
//!         7f00ab12 PyObject_Call+0x12 (/usr/lib/libpython3.13.so)
//!         7f00cd34 py::run:/srv/app.py (/tmp/perf-4242.map)
//! ```
//!
//! A sample is a line that says who, when and what, the frames from the top down, and an empty line. Each counts as one, whatever its
//! period. Below all stands the command, which is also what the thread is called. Python's own frames are those that CPython's perf support names (`python -X perf`).

use crate::error::{Error, Result};
use crate::model::{Metadata, Profile, Text, Thread, Unit};
use crate::stacks::StackCollector;

const TOO_MANY: &str = "more stacks than a profile can hold, or a deeper one";

/// Whether a text looks like it: a line that is the head of a sample, and one that is a frame, not far from the beginning.
pub fn looks_like_it(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(1 << 14)];
    let mut lines =
        start.split(|&byte| byte == b'\n').skip_while(|line| line.is_empty() || line.starts_with(b"#"));
    let is_head = lines.next().and_then(head).is_some_and(|head| !head.event.is_empty());
    is_head
        && lines
            .next()
            .is_some_and(|line| line.starts_with(b"\t") || line.starts_with(b" ") || line.is_empty())
}

/// Reads the stacks.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let mut collector = StackCollector::default();
    let mut sample: Option<Sample<'_>> = None;
    let mut events: Vec<&[u8]> = Vec::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let bad = |problem: &str| Error::BadLine { line: index + 1, problem: problem.to_owned() };
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"#") {
            continue;
        }
        if line.trim_ascii().is_empty() {
            finish(&mut collector, sample.take()).ok_or_else(|| bad(TOO_MANY))?;
            continue;
        }
        let is_indented = line.starts_with(b"\t") || line.starts_with(b" ");
        if let Some(sample) = sample.as_mut().filter(|_| is_indented) {
            sample.frames.push(
                frame(line.trim_ascii()).ok_or_else(|| bad("neither a frame nor the head of a sample"))?,
            );
            continue;
        }
        finish(&mut collector, sample.take()).ok_or_else(|| bad(TOO_MANY))?;
        let head = head(line).ok_or_else(|| bad("neither a frame nor the head of a sample"))?;
        if !events.contains(&head.event) {
            events.push(head.event);
        }
        let frames = frame(head.rest).into_iter().collect();
        sample = Some(Sample { command: head.command, ids: head.ids, frames });
    }
    finish(&mut collector, sample).ok_or_else(|| Error::Incomplete { problem: TOO_MANY.to_owned() })?;
    let mut notes = Vec::new();
    if events.len() > 1 {
        let names: Vec<_> = events.iter().map(|event| String::from_utf8_lossy(event)).collect();
        notes.push(format!("samples of {} events are added up: {}", events.len(), names.join(", ")));
    }
    Ok(collector.finish(Metadata { unit: Unit::Other("samples".to_owned()), notes, ..Metadata::default() }))
}

struct Sample<'b> {
    command: &'b [u8],
    ids: &'b [u8],
    /// The top first.
    frames: Vec<(Text, u32, Text)>,
}

fn finish(collector: &mut StackCollector, sample: Option<Sample<'_>>) -> Option<()> {
    let Some(Sample { command, ids, frames }) = sample else { return Some(()) };
    let mut numbers =
        ids.rsplit(|&byte| byte == b'/').map(|number| str::from_utf8(number).ok()?.parse().ok());
    let (id, process) = (numbers.next().flatten(), numbers.next().flatten());
    collector.go_on_with(Thread { name: Some(command.into()), process, id, ..Thread::default() });
    let command = collector.function("~".into(), 0, command.into())?;
    let mut top = collector.enter(None, command)?;
    for (file, line, name) in frames.into_iter().rev() {
        let function = collector.function(file, line, name)?;
        top = collector.enter(Some(top), function)?;
    }
    collector.spend(top, 1.0);
    Some(())
}

struct Head<'b> {
    command: &'b [u8],
    /// Process and thread, or the thread alone.
    ids: &'b [u8],
    event: &'b [u8],
    /// Behind the event: the one frame of a sample without a stack.
    rest: &'b [u8],
}

/// `command pid[/tid] [cpu] time: [period] event: …`. A command may have spaces in it.
fn head(line: &[u8]) -> Option<Head<'_>> {
    let mut from = 0;
    let (command, ids, rest) = loop {
        let space = from + line[from..].iter().position(|&byte| byte == b' ')?;
        let next = line[space..].trim_ascii_start();
        let end = next.iter().position(|&byte| byte == b' ').unwrap_or(next.len());
        let is_pid = next[..end].first().is_some_and(u8::is_ascii_digit)
            && next[..end].iter().all(|&byte| byte.is_ascii_digit() || byte == b'/');
        if is_pid && !line[..space].trim_ascii().is_empty() {
            break (line[..space].trim_ascii(), &next[..end], &next[end..]);
        }
        from = space + 1;
    };
    // The time, and behind its colon the event, up to a colon that a space or the end of the line follows.
    let colon = |text: &[u8]| {
        (0..text.len()).find(|&at| text[at] == b':' && text.get(at + 1).is_none_or(u8::is_ascii_whitespace))
    };
    let time = colon(rest)?;
    let is_time = rest[..time]
        .rsplit(|&byte| byte == b' ')
        .next()?
        .iter()
        .all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let event = rest[time + 1..].trim_ascii_start();
    let end = colon(event)?;
    let name = event[..end].rsplit(|&byte| byte == b' ').next()?;
    is_time.then_some(Head { command, ids, event: name, rest: event[end + 1..].trim_ascii() })
}

/// `address symbol+offset (object)`; a function of Python's is `py::name:file`.
fn frame(text: &[u8]) -> Option<(Text, u32, Text)> {
    let space = text.iter().position(|&byte| byte == b' ')?;
    if !text[..space].iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let rest = text[space..].trim_ascii();
    let (symbol, object) = match rest.strip_suffix(b")") {
        Some(inside) => {
            let open = inside.windows(2).rposition(|pair| pair == b" (").map(|at| (at, at + 2));
            let (end, start) = open.or(inside.starts_with(b"(").then_some((0, 1)))?;
            (inside[..end].trim_ascii(), &inside[start..])
        }
        None => (rest, &b"[unknown]"[..]),
    };
    let offset = symbol.windows(3).rposition(|three| three == b"+0x");
    let symbol = offset.map_or(symbol, |offset| &symbol[..offset]);
    if let Some(python) = symbol.strip_prefix(b"py::")
        && let Some(colon) = python.iter().position(|&byte| byte == b':')
    {
        return Some((python[colon + 1..].into(), 0, python[..colon].into()));
    }
    let name = if symbol.is_empty() { &b"[unknown]"[..] } else { symbol };
    Some((object.into(), 0, name.into()))
}
