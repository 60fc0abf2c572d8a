//! Tables per source line, or per function: hits, time and memory, summed up while the program runs.
//!
//! A line's time goes from its event to the next line's of the same activation, or to its end: what it calls is in it.
//! Memory likewise: what the process has grown by from one to the next, and the most that was there between. Of functions, the whole
//! activation stands on their first line. Time in which a coroutine is suspended is told apart from that in which it runs.
//!
//! What happens between two events of a thread is the own part of the innermost line there; in a library, of the innermost line that is
//! no library's. So own parts add up to the whole, as in `pikos top` (`pikos-client`, `records/rows.rs`).

use std::cell::{Cell, RefCell};

use hashbrown::HashMap;
use lsprof_engine::{Ticks, clock};
use pikos_client::{Highs, Since};
use pstats_compat::owners::Owners;
use pyo3::prelude::*;

use super::codes::{self, Code};
use super::event::EventKind;
use super::gauge::{Gauge, Reading};
use super::texts::{self, TextId};
use crate::ffi::frame::running_instruction;
use crate::ffi::gil::GilCell;

/// What is known of a line.
#[derive(Clone, Copy, Default)]
struct LineSums {
    hits: u64,
    time: u64,
    /// Its own part.
    own_time: u64,
    /// Bytes, of all hits together; may be negative.
    growth: i64,
    /// Its own part.
    own: i64,
    /// The most that one hit had in use for a while, beyond what there was at its start and at its end, in bytes.
    spike: u64,
    /// The same of its own part.
    own_spike: u64,
    /// The most that was in use, in bytes.
    peak: u64,
    /// How long a coroutine was suspended at it.
    waited: u64,
}

/// A rise by less than this, in the moment after a call has returned, is none of the caller's: what the call held is being let go.
const RISE: u64 = 1 << 20;

/// A function: what identifies it, and its lines.
struct FunctionLines {
    name: TextId,
    filename: TextId,
    first_line: u32,
    /// What it is.
    kind: codes::Kind,
    /// Whether its own parts are its caller's.
    is_library: bool,
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
    from: Since,
    /// The place in its stack of the activation that its own parts belong to, if another one's.
    caller: Option<usize>,
    /// The most in use of what belongs to its line.
    own_high: u64,
}

/// A coroutine that is suspended: at which instruction, and line of which function, and since when.
struct Suspended {
    instruction: i32,
    function: usize,
    line: u32,
    since: Ticks,
}

/// A thread: the activations that are open, and its last event.
#[derive(Default)]
struct ThreadStack {
    address: usize,
    stack: Vec<Activation>,
    since: Ticks,
    rss: u64,
    from: Since,
    /// Whether that was the return of somebody who is no library.
    has_returned: bool,
}

/// What tells functions apart: `co_qualname`, the file, the first line, and what it is.
type Label = (TextId, TextId, u32, codes::Kind);

#[derive(Default)]
struct Sums {
    functions: Vec<FunctionLines>,
    /// Code objects come and go, a function that is made again is the same.
    places: HashMap<Label, usize>,
    /// The function that was called the last time, by its code's number, so that most look-ups compare one number.
    last: (u64, usize),
    /// Those that have any activation open.
    threads: Vec<ThreadStack>,
    highs: Highs,
    /// By the addresses of their frames. What has ended, not been suspended, stays until its address is another one's, so there are no
    /// more of them than there were frames at once.
    suspended: HashMap<usize, Suspended>,
    has_waited: bool,
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

/// Sums up line events, or those of functions. Made for a monitor that reports.
#[pyclass(name = "_LineReport", module = "pikos._lsprof", frozen)]
pub struct LineReport {
    sums: GilCell<RefCell<Sums>>,
    /// Whether the own parts of libraries are their callers'.
    blames_callers: bool,
    tells_spikes: GilCell<Cell<bool>>,
}

/// A line: (line, hits, seconds, its own of them, bytes grown by, its own of them, spike, its own, most bytes in use, seconds suspended).
type Row = (u32, u64, f64, f64, i64, i64, u64, u64, u64, f64);

#[pymethods]
impl LineReport {
    /// blames_callers: whether what libraries take is told of the user's lines that call them.
    #[new]
    #[pyo3(signature = (blames_callers=false))]
    fn new(blames_callers: bool) -> Self {
        Self { sums: GilCell::default(), blames_callers, tells_spikes: GilCell::default() }
    }

    /// Whether it knows what was in use between events, so that there are spikes.
    #[getter]
    fn tells_spikes(&self, py: Python<'_>) -> bool {
        self.tells_spikes.get(py).get()
    }

    /// Whether a coroutine was suspended.
    #[getter]
    fn has_waited(&self, py: Python<'_>) -> bool {
        self.sums.get(py).borrow().has_waited
    }

    /// The functions that were seen, in that order: (qualified name, filename, first line, "body" of a module or a class, "function",
    /// "generator" or "coroutine", lines).
    fn rows(&self, py: Python<'_>) -> Vec<(String, String, u32, &'static str, Vec<Row>)> {
        let state = self.sums.get(py).borrow();
        let unit = clock::seconds_per_tick();
        let line = |base: u32| {
            move |(place, line): (usize, &LineSums)| {
                let LineSums { hits, time, own_time, growth, own, spike, own_spike, peak, waited } = *line;
                let number = base + place as u32;
                let (time, own_time) = (time as f64 * unit, own_time as f64 * unit);
                (number, hits, time, own_time, growth, own, spike, own_spike, peak, waited as f64 * unit)
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
                    function.kind.name(),
                    lines.map(line(function.base)).collect(),
                )
            })
            .collect()
    }
}

impl LineReport {
    /// Says whether it is told what was in use between events.
    pub fn set_tells_spikes(&self, py: Python<'_>, tells: bool) {
        self.tells_spikes.get(py).set(tells);
    }

    /// An activation begins or ends, or a line of one begins. of_functions: there are no lines, and an activation counts as one.
    #[inline(always)]
    pub fn record(
        &self,
        py: Python<'_>,
        code: &Code,
        moment: &Moment,
        gauge: Option<&Gauge>,
        of_functions: bool,
    ) {
        let Moment { kind, address, thread, line } = *moment;
        if matches!(kind, EventKind::CCall | EventKind::CReturn | EventKind::CException) {
            return;
        }
        let now = clock::now();
        let at = if code.kind == codes::Kind::Coroutine && kind != EventKind::Line {
            running_instruction(py)
        } else {
            None
        };
        let reading = gauge.map(|gauge| gauge.read(py)).unwrap_or_default();
        let mut state = self.sums.get(py).borrow_mut();
        let state = &mut *state;
        if let Some(gauge) = gauge {
            gauge.told(&reading);
            state.highs.push(reading.peak.max(reading.rss));
        }
        let from = state.highs.now();
        let place = match state.threads.iter().position(|each| each.address == thread) {
            Some(place) => place,
            None => {
                state.threads.retain(|each| !each.stack.is_empty());
                state.threads.push(ThreadStack { address: thread, from, ..ThreadStack::default() });
                state.threads.len() - 1
            }
        };
        state.settle(place, now, reading);
        let begin = |state: &mut Sums| {
            let function = state.function(py, code, self.blames_callers);
            let stack = &mut state.threads[place].stack;
            let caller = stack.last().filter(|_| state.functions[function].is_library).and_then(|below| {
                match state.functions[below.function].is_library {
                    true => below.caller,
                    false => Some(stack.len() - 1),
                }
            });
            let line = if of_functions { code.first_line } else { 0 };
            let rss = reading.rss;
            stack.push(Activation {
                code: address,
                function,
                line,
                since: now,
                rss,
                from,
                caller,
                own_high: 0,
            });
            if of_functions {
                state.functions[function].line(line).hits += 1;
            }
        };
        match kind {
            EventKind::Call => {
                begin(state);
                if let Some((frame, instruction)) = at {
                    state.resume(frame, instruction, now);
                }
                if of_functions && let Some(open) = state.threads[place].stack.last_mut() {
                    open.since = clock::now();
                }
            }
            EventKind::Line => {
                let stack = &mut state.threads[place].stack;
                if stack.last().is_none_or(|open| open.code != address) {
                    // It began before we did, or what is above it ended unseen.
                    match stack.iter().rposition(|open| open.code == address) {
                        Some(below) => stack.truncate(below + 1),
                        None => begin(state),
                    }
                }
                let Sums { functions, threads, highs, .. } = state;
                let Some(open) = threads[place].stack.last_mut() else { return };
                let function = &mut functions[open.function];
                close(function, open, now, reading, highs);
                let reached = function.line(line);
                reached.hits += 1;
                reached.peak = reached.peak.max(reading.rss);
                (open.line, open.rss, open.from, open.own_high) = (line, reading.rss, from, 0);
                // What we took is nobody's.
                open.since = clock::now();
            }
            _ => {
                let Sums { functions, threads, highs, suspended, .. } = state;
                let thread = &mut threads[place];
                if let Some(below) = thread.stack.iter().rposition(|open| open.code == address) {
                    thread.stack.truncate(below + 1);
                    if let Some(open) = thread.stack.pop() {
                        let function = &mut functions[open.function];
                        close(function, &open, now, reading, highs);
                        thread.has_returned = !function.is_library;
                        if let (Some((frame, instruction)), 1..) = (at, open.line) {
                            let Activation { function, line, .. } = open;
                            suspended.insert(frame, Suspended { instruction, function, line, since: now });
                        }
                    }
                }
            }
        }
        let thread = &mut state.threads[place];
        (thread.rss, thread.from) = (reading.rss, from);
        thread.since = clock::now();
    }
}

/// The line that an activation is at ends.
#[inline(always)]
fn close(function: &mut FunctionLines, open: &Activation, now: Ticks, reading: Reading, highs: &Highs) {
    if open.line == 0 {
        return;
    }
    let line = function.line(open.line);
    line.time += now.since(open.since).0;
    if reading.rss == 0 {
        return;
    }
    let (high, ends) = (highs.since(open.from), open.rss.max(reading.rss));
    line.growth += reading.rss.cast_signed() - open.rss.cast_signed();
    line.peak = line.peak.max(high);
    line.spike = line.spike.max(high.saturating_sub(ends));
    line.own_spike = line.own_spike.max(open.own_high.saturating_sub(ends));
}

impl Sums {
    /// A coroutine's frame runs; if it goes on, it has waited where it was. A new one at the address of one that has ended begins at an
    /// earlier instruction than that had come to.
    fn resume(&mut self, frame: usize, instruction: i32, now: Ticks) {
        let Some(Suspended { instruction: before, function, line, since }) = self.suspended.remove(&frame)
        else {
            return;
        };
        if instruction >= before {
            self.functions[function].line(line).waited += now.since(since).0;
            self.has_waited = true;
        }
    }

    /// What happened in a thread since its last event is somebody's own.
    #[inline(always)]
    fn settle(&mut self, place: usize, now: Ticks, reading: Reading) {
        let Self { functions, threads, highs, .. } = self;
        let thread = &mut threads[place];
        let has_returned = std::mem::take(&mut thread.has_returned);
        let Some(top) = thread.stack.len().checked_sub(1) else { return };
        let owner = thread.stack[top].caller.unwrap_or(top);
        let Some(open) = thread.stack.get_mut(owner) else { return };
        if open.line == 0 {
            return;
        }
        let line = functions[open.function].line(open.line);
        line.own_time += now.since(thread.since).0;
        if reading.rss == 0 {
            return;
        }
        line.own += reading.rss.cast_signed() - thread.rss.cast_signed();
        let high = highs.since(thread.from);
        if !has_returned || high >= thread.rss + RISE {
            open.own_high = open.own_high.max(high);
        }
    }

    #[inline(always)]
    fn function(&mut self, py: Python<'_>, code: &Code, blames_callers: bool) -> usize {
        if self.last.0 == code.number {
            return self.last.1;
        }
        let functions = &mut self.functions;
        let label = (code.qualname, code.filename, code.first_line, code.kind);
        let function = *self.places.entry(label).or_insert_with(|| {
            let file = texts::get(py, code.filename);
            let is_own = Owners::of_files(std::iter::once(file.as_bytes()), "").own().all(|is_own| is_own);
            functions.push(FunctionLines {
                name: code.qualname,
                kind: code.kind,
                is_library: blames_callers && !is_own,
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
