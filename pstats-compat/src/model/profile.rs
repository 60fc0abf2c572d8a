//! A finished profile: functions, caller edges, and nothing about how they were measured.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::id_map::IdMap;
use super::index::EdgeIndex;
use super::labels::{LabelIndex, label};
use super::tree::CallTree;

/// A string from Python: UTF-8 that may hold lone surrogates (PEP 383 file names), as
/// CPython's `surrogatepass` writes them. Bytes go in and out unchanged; only display is lossy.
/// A clone shares the bytes: a file name stands in thousands of functions.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Arc<[u8]>);

impl Text {
    /// The bytes as CPython's `utf-8` codec with `surrogatepass` would write them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// From bytes that an operating system or another tool wrote, in no promised encoding: what is
    /// not UTF-8 becomes lone surrogates, as `os.fsdecode` does (PEP 383), so that nothing is lost.
    /// Surrogates that are there already stay.
    pub fn from_os_bytes(bytes: &[u8]) -> Self {
        if Self::is_well_formed(bytes) {
            return bytes.to_vec().into();
        }
        let mut text = Vec::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.extend_from_slice(chunk.valid().as_bytes());
            for &byte in chunk.invalid() {
                // U+DC00 + byte, in the three bytes of `surrogatepass`.
                text.extend_from_slice(&[0xED, 0xB0 | (byte >> 6), 0x80 | (byte & 0x3F)]);
            }
        }
        text.into()
    }

    /// Whether CPython could decode these bytes: UTF-8 in which lone surrogates are allowed.
    pub fn is_well_formed(bytes: &[u8]) -> bool {
        let mut rest = bytes;
        loop {
            match std::str::from_utf8(rest) {
                Ok(_) => return true,
                Err(error) => match &rest[error.valid_up_to()..] {
                    [0xED, 0xA0..=0xBF, 0x80..=0xBF, after @ ..] => rest = after,
                    _ => return false,
                },
            }
        }
    }

    /// For people to read: lone surrogates become U+FFFD.
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        if let Ok(text) = std::str::from_utf8(&self.0) {
            return text.into();
        }
        let mut text = String::with_capacity(self.0.len());
        for chunk in self.0.utf8_chunks() {
            text.push_str(chunk.valid());
            // The three bytes of a surrogate come as three chunks; it is one character.
            if !matches!(chunk.invalid(), [] | [0x80..0xC0]) {
                text.push('\u{FFFD}');
            }
        }
        text.into()
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<&[u8]> for Text {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

/// Lets a map that is keyed by text be asked with plain bytes. Equality, order and hash are those
/// of the bytes, as `Borrow` demands.
impl std::borrow::Borrow<[u8]> for Text {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str_lossy(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str_lossy())
    }
}

/// Index into [`Profile::functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

impl FunctionId {
    /// The place in [`Profile::functions`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

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
}

impl Calls {
    /// Adds another's figures to these. Counts stop at their greatest value: a file may lie.
    pub fn add(&mut self, other: &Calls) {
        self.ncalls = self.ncalls.saturating_add(other.ncalls);
        self.primitive_calls = self.primitive_calls.saturating_add(other.primitive_calls);
        self.tottime += other.tottime;
        self.cumtime += other.cumtime;
    }
}

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
}

impl Function {
    /// A function with its totals and nothing else known.
    pub fn new(file: Text, line: u32, name: Text, calls: Calls) -> Self {
        Self { file, line, name, calls, qualname: None, caller_only: false }
    }

    /// Whether it is a built-in: it has no source that could be opened.
    pub fn is_builtin(&self) -> bool {
        self.line == 0 && self.file.as_bytes() == b"~"
    }

    /// The best name there is: the qualified one, else cProfile's.
    pub fn display_name(&self) -> Cow<'_, str> {
        self.qualname.as_ref().unwrap_or(&self.name).to_str_lossy()
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

/// What the counts of a profile count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counts {
    /// Calls, every one.
    #[default]
    Calls,
    /// Samples: `primitive_calls` those on top of the stack, `ncalls` those anywhere in it
    /// (CPython 3.15's sampling profiler).
    Samples,
    /// Nothing: the profiler did not count (pyinstrument). All counts are 0.
    Unknown,
}

/// What is known of an edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeDetail {
    /// Counts and times.
    #[default]
    Full,
    /// `ncalls` only (the pure-Python `profile` module, sampling profilers). Times are 0.
    CountsOnly,
    /// Calls and cumulative time, as callgrind has them. `tottime` is 0.
    CallsAndCumtime,
}

/// What the fields called times hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// Seconds.
    #[default]
    Seconds,
    /// Another quantity, under the name its file gives it: `Ir`, `samples`, `bytes`.
    Other(String),
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Counts::Calls => "calls",
            Counts::Samples => "samples",
            Counts::Unknown => "nothing",
        })
    }
}

impl fmt::Display for EdgeDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            EdgeDetail::Full => "counts and times",
            EdgeDetail::CountsOnly => "counts only",
            EdgeDetail::CallsAndCumtime => "counts and cumulative times",
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unit::Seconds => f.write_str("seconds"),
            Unit::Other(unit) => f.write_str(unit),
        }
    }
}

/// What is known about a profile as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// What the counts mean.
    pub counts: Counts,
    /// What the edges hold.
    pub edges: EdgeDetail,
    /// What the times are.
    pub unit: Unit,
    /// The file, command or program that the profile came from.
    pub title: Option<Text>,
    /// Whether the profiler's own cost was estimated and taken out of the times.
    pub compensated: bool,
    /// Whether the program still ran when it was made: open calls count as if they had returned then.
    pub unfinished: bool,
}

/// A finished profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// All functions; an index into it is a [`FunctionId`].
    pub functions: Vec<Function>,
    /// All caller edges, in no order.
    pub edges: Vec<Edge>,
    /// Exact full stacks, if the profiler recorded them.
    pub tree: Option<CallTree>,
    /// What the figures mean and where they came from.
    pub metadata: Metadata,
}

impl Profile {
    /// A profile of plain tables.
    pub fn new(functions: Vec<Function>, edges: Vec<Edge>) -> Self {
        Self { functions, edges, ..Self::default() }
    }

    /// The function of an id. Ids come from this same profile, so they always point to one.
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.index()]
    }

    /// Every function that has a row of its own, with its id.
    pub fn rows(&self) -> impl Iterator<Item = (FunctionId, &Function)> {
        (0u32..).map(FunctionId).zip(&self.functions).filter(|(_, function)| !function.caller_only)
    }

    /// Makes labels `(file, line, name)` and edges `(caller, callee)` unique.
    ///
    /// Two code objects may share a label (two lambdas on one line, every dataclass `__init__`);
    /// a format that is keyed by label would keep only the last. Their figures are added up.
    /// Functions stay in the order of their first appearance.
    pub fn merge_labels(&mut self) {
        let mut kept: Vec<Function> = Vec::with_capacity(self.functions.len());
        let mut by_label = LabelIndex::default();
        by_label.reserve(self.functions.len());
        let mut moved: Vec<FunctionId> = Vec::with_capacity(self.functions.len());
        for function in self.functions.drain(..) {
            let next = FunctionId(kept.len() as u32);
            let id = by_label.find_or_insert(&kept, label(&function), next);
            if id == next {
                kept.push(function);
            } else {
                kept[id.index()].absorb(function);
            }
            moved.push(id);
        }
        self.functions = kept;
        self.renumber(&moved);
    }

    /// Cuts folders off file names, as pstats' `strip_dirs` does; labels that become equal by it are
    /// added up.
    pub fn strip_dirs(&mut self) {
        let mut shortened: HashMap<Text, Text> = HashMap::new();
        for function in &mut self.functions {
            let file = &function.file;
            let short = shortened.entry(file.clone()).or_insert_with(|| {
                let name = file.as_bytes().rsplit(|&byte| byte == b'/').next();
                name.unwrap_or_default().to_vec().into()
            });
            function.file = short.clone();
        }
        self.merge_labels();
    }

    /// This profile if its labels and edges are unique already, else a merged copy.
    pub fn with_unique_labels(&self) -> Cow<'_, Profile> {
        if self.unique_labels().is_some() {
            return Cow::Borrowed(self);
        }
        let mut merged = self.clone();
        merged.merge_labels();
        Cow::Owned(merged)
    }

    /// The functions by their labels, if these and the edges are unique.
    pub(crate) fn unique_labels(&self) -> Option<LabelIndex> {
        let mut by_label = LabelIndex::default();
        by_label.reserve(self.functions.len());
        let labels_differ = self
            .ids()
            .zip(&self.functions)
            .all(|(id, function)| by_label.find_or_insert(&self.functions, label(function), id) == id);
        (labels_differ && self.has_unique_edges()).then_some(by_label)
    }

    fn has_unique_edges(&self) -> bool {
        let by_callee = EdgeIndex::by_callee(self);
        let mut callee_of_caller = vec![None; self.functions.len()];
        self.ids().all(|callee| {
            by_callee
                .of(self, callee)
                .all(|edge| callee_of_caller[edge.caller.index()].replace(callee) != Some(callee))
        })
    }

    /// The ids of all functions, in order.
    pub fn ids(&self) -> impl Iterator<Item = FunctionId> + use<> {
        (0..self.functions.len() as u32).map(FunctionId)
    }

    /// Gives every edge and tree node the new id of its functions and adds equal edges up.
    fn renumber(&mut self, moved: &[FunctionId]) {
        let mut by_ends: IdMap<(FunctionId, FunctionId), usize> = IdMap::default();
        by_ends.reserve(self.edges.len());
        let mut kept: Vec<Edge> = Vec::with_capacity(self.edges.len());
        for mut edge in self.edges.drain(..) {
            edge.caller = moved[edge.caller.index()];
            edge.callee = moved[edge.callee.index()];
            let next = kept.len();
            let at = *by_ends.entry((edge.caller, edge.callee)).or_insert(next);
            if at == next {
                kept.push(edge);
            } else {
                kept[at].calls.add(&edge.calls);
            }
        }
        self.edges = kept;
        if let Some(tree) = &mut self.tree {
            tree.renumber(moved);
        }
    }
}

impl Function {
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
        // Two different classes may stand behind one label: then neither name is true of the sum.
        if self.qualname != other.qualname {
            self.qualname = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(ncalls: u64, seconds: f64) -> Calls {
        Calls { ncalls, primitive_calls: ncalls, tottime: seconds, cumtime: seconds }
    }

    fn function(name: &str, ncalls: u64) -> Function {
        Function::new("a.py".into(), 1, name.into(), calls(ncalls, ncalls as f64))
    }

    #[test]
    fn equal_labels_and_their_edges_are_added_up() {
        let mut profile = Profile::new(
            vec![function("main", 1), function("<lambda>", 2), function("<lambda>", 3)],
            vec![
                Edge { caller: FunctionId(0), callee: FunctionId(1), calls: calls(2, 2.0) },
                Edge { caller: FunctionId(0), callee: FunctionId(2), calls: calls(3, 3.0) },
            ],
        );
        profile.merge_labels();
        assert_eq!(profile.functions, vec![function("main", 1), function("<lambda>", 5)]);
        let sum = Edge { caller: FunctionId(0), callee: FunctionId(1), calls: calls(5, 5.0) };
        assert_eq!(profile.edges, vec![sum]);
    }

    #[test]
    fn a_row_wins_over_a_mere_caller() {
        let caller = Function { caller_only: true, ..function("main", 0) };
        let mut profile = Profile::new(vec![caller, function("main", 7)], vec![]);
        profile.merge_labels();
        assert_eq!(profile.functions, vec![function("main", 7)]);
    }

    #[test]
    fn foreign_bytes_become_surrogates_and_are_well_formed() {
        let text = Text::from_os_bytes(b"caf\xe9.py");
        assert_eq!(text.as_bytes(), b"caf\xed\xb3\xa9.py");
        assert!(Text::is_well_formed(text.as_bytes()));
        assert_eq!(text.to_str_lossy(), "caf\u{FFFD}.py");
        assert!(!Text::is_well_formed(b"caf\xe9.py"));
        assert!(!Text::is_well_formed(b"\xed\xa0"));
    }
}
