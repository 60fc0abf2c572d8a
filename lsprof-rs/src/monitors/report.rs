//! Tables per source line: hits, time and memory, summed up while the program runs.
//!
//! A line's time goes from its event to the next line's of the same activation, or to its end: what it calls is in it.
//! Memory likewise: what the process has grown by from one to the next.

use std::cell::RefCell;

use hashbrown::HashMap;
use lsprof_engine::{Ticks, clock};
use pikos_os::memory::{Meter, Usage};
use pyo3::prelude::*;

use super::codes::Code;
use super::event::EventKind;
use super::texts::{self, TextId};
use crate::ffi::gil::GilCell;

/// What is known of a line.
#[derive(Clone, Copy, Default)]
struct LineSums {
    hits: u64,
    time: u64,
    /// Bytes, of all hits together; may be negative.
    growth: i64,
    /// The most that was in use at its start or end, in bytes.
    peak: u64,
}

/// A function: what identifies it, and its lines.
struct FunctionLines {
    name: TextId,
    filename: TextId,
    first_line: u32,
    /// Whether it is the body of a module or a class.
    is_body: bool,
    /// By line, from `base` on.
    base: u32,
    lines: Vec<LineSums>,
}

/// An activation that is under way: its function, its line (0 before the first), and the state when that began.
struct Activation {
    code: usize,
    function: usize,
    line: u32,
    since: Ticks,
    rss: u64,
}

/// What tells functions apart: `co_qualname`, the file, the first line, and whether it is a body.
type Label = (TextId, TextId, u32, bool);

#[derive(Default)]
struct Sums {
    functions: Vec<FunctionLines>,
    /// Code objects come and go, a function that is made again is the same.
    places: HashMap<Label, usize>,
    /// The function that was called the last time, by its code's number, so that most look-ups compare one number.
    last: (u64, usize),
    /// Of each thread, by its address.
    stacks: Vec<(usize, Vec<Activation>)>,
}

/// What happens to an activation.
pub struct Moment {
    /// It begins, ends, or reaches a line.
    pub kind: EventKind,
    /// Its code object's address.
    pub address: usize,
    /// Its thread's.
    pub thread: usize,
    /// The line that it reaches.
    pub line: u32,
}

/// Sums up line events. Made for a monitor that reports.
#[pyclass(name = "_LineReport", module = "pikos._lsprof", frozen)]
#[derive(Default)]
pub struct LineReport(GilCell<RefCell<Sums>>);

#[pymethods]
impl LineReport {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// The functions that were seen, in that order: (qualified name, filename, first line, whether it is the body of a module or a
    /// class, lines), where lines are (line, hits, seconds, bytes grown by, most bytes in use).
    #[allow(clippy::type_complexity)] // it is a table
    fn rows(&self, py: Python<'_>) -> Vec<(String, String, u32, bool, Vec<(u32, u64, f64, i64, u64)>)> {
        let state = self.0.get(py).borrow();
        let unit = clock::seconds_per_tick();
        let line = |base: u32| {
            move |(place, line): (usize, &LineSums)| {
                (base + place as u32, line.hits, line.time as f64 * unit, line.growth, line.peak)
            }
        };
        state
            .functions
            .iter()
            .map(|function| {
                let lines = function.lines.iter().enumerate().filter(|(_, line)| line.hits > 0);
                (
                    texts::get(py, function.name).to_string(),
                    texts::get(py, function.filename).to_string(),
                    function.first_line,
                    function.is_body,
                    lines.map(line(function.base)).collect(),
                )
            })
            .collect()
    }
}

impl LineReport {
    /// An activation begins or ends, or a line of one begins.
    #[inline(always)]
    pub fn record(&self, py: Python<'_>, code: &Code, moment: &Moment, meter: Option<&Meter>) {
        let Moment { kind, address, thread, line } = *moment;
        let now = clock::now();
        let usage = meter.map(Meter::read).unwrap_or_default();
        let mut state = self.0.get(py).borrow_mut();
        let state = &mut *state;
        let place = match state.stacks.iter().position(|(address, _)| *address == thread) {
            Some(place) => place,
            None => {
                state.stacks.push((thread, Vec::new()));
                state.stacks.len() - 1
            }
        };
        match kind {
            EventKind::Call => {
                let function = state.function(code);
                state.stacks[place].1.push(Activation {
                    code: address,
                    function,
                    line: 0,
                    since: now,
                    rss: usage.rss,
                });
            }
            EventKind::Line => {
                let stack = &mut state.stacks[place].1;
                if stack.last().is_none_or(|open| open.code != address) {
                    // It began before we did, or what is above it ended unseen.
                    match stack.iter().rposition(|open| open.code == address) {
                        Some(below) => stack.truncate(below + 1),
                        None => {
                            let function = state.function(code);
                            let open =
                                Activation { code: address, function, line: 0, since: now, rss: usage.rss };
                            state.stacks[place].1.push(open);
                        }
                    }
                }
                let (functions, stack) = (&mut state.functions, &mut state.stacks[place].1);
                let Some(open) = stack.last_mut() else { return };
                let function = &mut functions[open.function];
                close(function, open, now, usage);
                let reached = function.line(line);
                reached.hits += 1;
                reached.peak = reached.peak.max(usage.rss);
                open.line = line;
                open.rss = usage.rss;
                // What we took is nobody's.
                open.since = clock::now();
            }
            _ => {
                let (functions, stack) = (&mut state.functions, &mut state.stacks[place].1);
                let Some(below) = stack.iter().rposition(|open| open.code == address) else { return };
                stack.truncate(below + 1);
                if let Some(open) = stack.pop() {
                    close(&mut functions[open.function], &open, now, usage);
                }
            }
        }
    }
}

/// The line that an activation is at ends.
#[inline(always)]
fn close(function: &mut FunctionLines, open: &Activation, now: Ticks, usage: Usage) {
    if open.line > 0 {
        let line = function.line(open.line);
        line.time += now.since(open.since).0;
        line.growth += usage.rss.cast_signed() - open.rss.cast_signed();
        line.peak = line.peak.max(usage.rss);
    }
}

impl Sums {
    #[inline(always)]
    fn function(&mut self, code: &Code) -> usize {
        if self.last.0 == code.number {
            return self.last.1;
        }
        let functions = &mut self.functions;
        let label = (code.qualname, code.filename, code.first_line, code.is_body);
        let function = *self.places.entry(label).or_insert_with(|| {
            functions.push(FunctionLines {
                name: code.qualname,
                is_body: code.is_body,
                filename: code.filename,
                first_line: code.first_line,
                base: code.first_line,
                lines: Vec::new(),
            });
            functions.len() - 1
        });
        self.last = (code.number, function);
        function
    }
}

impl FunctionLines {
    #[inline(always)]
    fn line(&mut self, line: u32) -> &mut LineSums {
        if line < self.base {
            let missing = (self.base - line) as usize;
            self.lines.splice(0..0, std::iter::repeat_n(LineSums::default(), missing));
            self.base = line;
        }
        let place = (line - self.base) as usize;
        if place >= self.lines.len() {
            self.lines.resize(place + 1, LineSums::default());
        }
        &mut self.lines[place]
    }
}
