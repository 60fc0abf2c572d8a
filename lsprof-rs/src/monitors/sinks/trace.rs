//! Chrome's trace events, as they happen, for Perfetto and `chrome://tracing`:
//!
//! ```text
//! [
//! {"ph":"M","name":"thread_name","pid":7,"tid":8,"args":{"name":"MainThread"}},
//! {"ph":"B","name":"Loader.load","cat":"python","ts":12.345,"pid":7,"tid":8,"args":{"filename":"a.py","line":3}},
//! {"ph":"B","name":"time.sleep","cat":"builtin","ts":13.002,"pid":7,"tid":8},
//! {"ph":"E","ts":20.1,"pid":7,"tid":8},
//! ]
//! ```
//! (without the last comma). `ts` is in microseconds. Memory is a counter, `"ph":"C"`, told where it has changed. An array that nobody
//! has closed, of a process that was killed, is read as well. What the file's reader knows of such: `pstats-compat`'s `formats/trace`.

use std::fmt::Write;

use hashbrown::HashMap;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::ffi::modules::imported;
use crate::ffi::thread;
use crate::monitors::aside::aside;
use crate::monitors::event::{Event, EventKind};
use crate::monitors::extra::now_ns;
use crate::monitors::output::push_number;
use crate::monitors::texts::{self, TextId};

/// A thread's name is asked for so often, until `threading` knows it.
const ATTEMPTS: u32 = 64;

/// What the file has been told.
pub struct Trace {
    process: u32,
    /// Whether there is an event before the next one.
    has_events: bool,
    threads: HashMap<u64, Told>,
    /// Texts as JSON has them, by number; empty where not asked for yet.
    quoted: Vec<Box<[u8]>>,
    rss: u64,
}

/// Of a thread.
#[derive(Default)]
struct Told {
    /// Calls that have begun and not ended.
    open: u64,
    /// How often its name was asked for in vain.
    attempts: u32,
    has_name: bool,
}

impl Trace {
    /// For the running process. `goes_on`: whether the file has events already.
    pub fn new(goes_on: bool) -> Self {
        Self {
            process: std::process::id(),
            has_events: goes_on,
            threads: HashMap::new(),
            quoted: Vec::new(),
            rss: 0,
        }
    }

    /// Writes the array's beginning.
    pub fn begin(&self, buffer: &mut Vec<u8>) {
        if !self.has_events {
            buffer.extend_from_slice(b"[\n");
        }
    }

    /// Writes a call's beginning or end, which is happening now in the running thread. The end of a call that began before there was a
    /// trace is left out.
    pub fn write(&mut self, py: Python<'_>, buffer: &mut Vec<u8>, event: &Event<'_>) {
        let (now, running) = (now_ns(), thread::native_id());
        let told = self.threads.entry(running).or_default();
        match event.kind {
            EventKind::Call | EventKind::CCall => told.open += 1,
            EventKind::Return | EventKind::CReturn | EventKind::CException if told.open > 0 => told.open -= 1,
            _ => return,
        }
        match event.kind {
            EventKind::Call | EventKind::CCall => {
                let name =
                    if event.extra.qualname == TextId::EMPTY { event.function } else { event.extra.qualname };
                self.start(buffer, "B");
                buffer.extend_from_slice(b",\"name\":");
                self.write_text(py, buffer, name);
                let is_python = event.kind == EventKind::Call;
                buffer.extend_from_slice(if is_python {
                    b",\"cat\":\"python\""
                } else {
                    b",\"cat\":\"builtin\""
                });
                self.write_when(buffer, now, running);
                if is_python {
                    buffer.extend_from_slice(b",\"args\":{\"filename\":");
                    self.write_text(py, buffer, event.filename);
                    buffer.extend_from_slice(b",\"line\":");
                    push_number(buffer, event.line_no.into());
                    buffer.push(b'}');
                }
                buffer.push(b'}');
            }
            _ => self.end(buffer, now, running),
        }
        if event.rss != self.rss {
            self.rss = event.rss;
            self.start(buffer, "C");
            buffer.extend_from_slice(b",\"name\":\"memory\"");
            self.write_when(buffer, now, running);
            buffer.extend_from_slice(b",\"args\":{\"RSS\":");
            push_number(buffer, event.rss);
            buffer.extend_from_slice(b"}}");
        }
    }

    /// Writes the ends of all that is open, and the array's.
    pub fn close(&mut self, buffer: &mut Vec<u8>) {
        let now = now_ns();
        let open: Vec<_> =
            self.threads.iter_mut().map(|(thread, told)| (*thread, std::mem::take(&mut told.open))).collect();
        for (thread, count) in open {
            (0..count).for_each(|_| self.end(buffer, now, thread));
        }
        buffer.extend_from_slice(CLOSED);
    }

    fn end(&mut self, buffer: &mut Vec<u8>, now: u64, thread: u64) {
        self.start(buffer, "E");
        self.write_when(buffer, now, thread);
        buffer.push(b'}');
    }

    /// Whether to ask for the running thread's name.
    pub fn wants_name(&self) -> bool {
        self.threads.get(&thread::native_id()).is_none_or(|told| !told.has_name && told.attempts < ATTEMPTS)
    }

    /// Writes the running thread's name, or notes that nobody knows it.
    #[cold]
    pub fn tell_name(&mut self, py: Python<'_>, buffer: &mut Vec<u8>, name: Option<TextId>) {
        let running = thread::native_id();
        let told = self.threads.entry(running).or_default();
        told.attempts += 1;
        told.has_name = name.is_some();
        let Some(name) = name else { return };
        self.start(buffer, "M");
        buffer.extend_from_slice(b",\"name\":\"thread_name\",\"pid\":");
        push_number(buffer, self.process.into());
        buffer.extend_from_slice(b",\"tid\":");
        push_number(buffer, running);
        buffer.extend_from_slice(b",\"args\":{\"name\":");
        self.write_text(py, buffer, name);
        buffer.extend_from_slice(b"}}");
    }

    /// Begins an event.
    fn start(&mut self, buffer: &mut Vec<u8>, phase: &str) {
        if self.has_events {
            buffer.extend_from_slice(b",\n");
        }
        self.has_events = true;
        buffer.extend_from_slice(b"{\"ph\":\"");
        buffer.extend_from_slice(phase.as_bytes());
        buffer.push(b'"');
    }

    /// When, and where. Microseconds, with three digits of a fraction.
    fn write_when(&self, buffer: &mut Vec<u8>, now: u64, thread: u64) {
        buffer.extend_from_slice(b",\"ts\":");
        push_number(buffer, now / 1000);
        let rest = now % 1000;
        buffer.extend([
            b'.',
            b'0' + (rest / 100) as u8,
            b'0' + (rest / 10 % 10) as u8,
            b'0' + (rest % 10) as u8,
        ]);
        buffer.extend_from_slice(b",\"pid\":");
        push_number(buffer, self.process.into());
        buffer.extend_from_slice(b",\"tid\":");
        push_number(buffer, thread);
    }

    fn write_text(&mut self, py: Python<'_>, buffer: &mut Vec<u8>, text: TextId) {
        let place = text.index();
        if place >= self.quoted.len() {
            self.quoted.resize_with(place + 1, Box::default);
        }
        if self.quoted[place].is_empty() {
            self.quoted[place] = quoted(&texts::get(py, text)).into_bytes().into();
        }
        buffer.extend_from_slice(&self.quoted[place]);
    }
}

/// What `threading` calls the running thread, if it knows it by now.
#[cold]
pub fn name_of_running(py: Python<'_>) -> Option<TextId> {
    aside(py, |py| {
        let active = imported(py, intern!(py, "threading"))?.getattr(intern!(py, "_active")).ok()?;
        let name = active.get_item(thread::ident()).ok()?.getattr(intern!(py, "name")).ok()?;
        Some(texts::intern(py, &name.cast::<PyString>().ok()?.to_string_lossy()))
    })
    .flatten()
}

/// The end of a file that was closed. One that goes on has it no more.
pub const CLOSED: &[u8] = b"\n]\n";

/// A text as JSON has it.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for sign in text.chars() {
        match sign {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            control if control < ' ' => _ = write!(quoted, "\\u{:04x}", u32::from(control)),
            sign => quoted.push(sign),
        }
    }
    quoted.push('"');
    quoted
}
