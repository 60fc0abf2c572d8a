//! A finished profile: functions, caller edges, and nothing about how they were measured.

use std::fmt;

/// A string from Python: UTF-8 that may hold lone surrogates (PEP 383 file names), as
/// CPython's `surrogatepass` writes them. Bytes go in and out unchanged; only display is lossy.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Text(Box<[u8]>);

impl Text {
    /// The bytes as CPython's `utf-8` codec with `surrogatepass` would write them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For people to read: lone surrogates become U+FFFD.
    pub fn to_str_lossy(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<Vec<u8>> for Text {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
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

/// A function: pstats' label `(file, line, name)` and its totals.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The file name; `~` for built-ins.
    pub file: Text,
    /// The first line; 0 for built-ins.
    pub line: u32,
    /// The name as cProfile prints it.
    pub name: Text,
    /// Totals over all callers.
    pub calls: Calls,
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

/// A finished profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// All functions; an index into it is a [`FunctionId`].
    pub functions: Vec<Function>,
    /// All caller edges, in no order.
    pub edges: Vec<Edge>,
}
