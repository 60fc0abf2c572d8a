//! Functions with their totals, and the edges between them.

use std::borrow::Cow;

use super::addresses::without_addresses;
use super::distribution::Distribution;
use super::function_id::FunctionId;
use super::text::Text;

/// What is counted for a function, and for one caller of a function. Times are seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Calls {
    /// All calls (pstats' `nc`).
    pub ncalls: u64,
    /// Calls that were not recursive (pstats' `cc`).
    pub primitive_calls: u64,
    /// Seconds in the function itself (pstats' `tt`).
    pub tottime: f64,
    /// Seconds in the function and all that it called, outermost activations only (pstats' `ct`).
    pub cumtime: f64,
    /// Of `tottime`, the seconds in which a processor was at work on the thread; 0 where nobody measured that.
    pub cpu_tottime: f64,
    /// Likewise of `cumtime`.
    pub cpu_cumtime: f64,
}

impl Calls {
    /// Adds another's figures to these. Counts stop at their greatest value: a file may lie.
    pub fn add(&mut self, other: &Calls) {
        self.ncalls = self.ncalls.saturating_add(other.ncalls);
        self.primitive_calls = self.primitive_calls.saturating_add(other.primitive_calls);
        self.tottime += other.tottime;
        self.cumtime += other.cumtime;
        self.cpu_tottime += other.cpu_tottime;
        self.cpu_cumtime += other.cpu_cumtime;
    }
}

/// The name of the function that collections of garbage are calls of, where they count as such.
pub const COLLECTION: &str = "<gc>";

/// A function: pstats' label `(file, line, name)` and its totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Function {
    /// The file name; `~` for built-ins.
    pub file: Text,
    /// The first line; 0 for built-ins.
    pub line: u32,
    /// The name as cProfile prints it.
    pub name: Text,
    /// Totals over all callers.
    pub calls: Calls,
    /// `Class.method`, where the profiler knew it; used by formats that have room for it.
    pub qualname: Option<Text>,
    /// Named as a caller only: the profile has no row of its own for it (profiling began inside
    /// it), so `calls` says nothing.
    pub caller_only: bool,
    /// Seconds that its calls waited for the GIL, in the function itself, where that was taken out: in no other time.
    pub gil_wait: f64,
    /// How long its calls took, each by itself, where that was recorded.
    pub distribution: Option<Box<Distribution>>,
}

impl Function {
    /// A function with its totals and nothing else known.
    pub fn new(file: Text, line: u32, name: Text, calls: Calls) -> Self {
        Self {
            file,
            line,
            name,
            calls,
            qualname: None,
            caller_only: false,
            gil_wait: 0.0,
            distribution: None,
        }
    }

    /// Whether it is a built-in: it has no source that could be opened.
    pub fn is_builtin(&self) -> bool {
        self.line == 0 && self.file.as_bytes() == b"~"
    }

    /// The best name there is: the qualified one, else cProfile's.
    pub fn display_name(&self) -> Cow<'_, str> {
        self.qualname.as_ref().unwrap_or(&self.name).to_str_lossy()
    }

    /// Leaves out the addresses in its names, and in a file's that is none (`<made for <R object at 0x7f…>>`).
    pub(crate) fn drop_addresses(&mut self) {
        let shorten = |text: &mut Text| {
            if let Some(shorter) = without_addresses(text.as_bytes()) {
                *text = shorter.into();
            }
        };
        shorten(&mut self.name);
        self.qualname.iter_mut().for_each(shorten);
        if self.file.as_bytes().starts_with(b"<") {
            shorten(&mut self.file);
        }
    }

    /// Adds the figures of another function with the same label.
    pub(crate) fn absorb(&mut self, other: Function) {
        if other.caller_only {
            return;
        }
        if self.caller_only {
            *self = other;
            return;
        }
        self.calls.add(&other.calls);
        self.gil_wait += other.gil_wait;
        match (&mut self.distribution, other.distribution) {
            (Some(sum), Some(other)) => sum.absorb(&other),
            // Of a part of the calls it would say something else.
            (distribution, _) => *distribution = None,
        }
        // Two different classes may stand behind one label: then neither name is true of the sum.
        if self.qualname != other.qualname {
            self.qualname = None;
        }
    }
}

/// One caller of one function.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Who called.
    pub caller: FunctionId,
    /// Who was called.
    pub callee: FunctionId,
    /// The part of the callee's totals that came through this caller.
    pub calls: Calls,
}
