//! Which functions of a program are shown as themselves. The time of all others is their callers'.

use pstats_compat::report::stdname;
use pstats_compat::{Calls, Function};
use pyo3::prelude::*;
use regex::Regex;

use super::names;

/// Told apart by name: `file:line(name)`, and `{name}` for a built-in, as in pstats' tables.
pub struct Visible {
    include: Option<Regex>,
    exclude: Option<Regex>,
}

impl Visible {
    /// Those that `include` finds and `exclude` doesn't; `None` where that is all of them.
    pub fn new(include: Option<Regex>, exclude: Option<Regex>) -> Option<Self> {
        let has_any = include.is_some() || exclude.is_some();
        has_any.then_some(Self { include, exclude })
    }

    /// Whether this function is one of them: by what cProfile calls `code`. One whose name can't be read is.
    pub fn has(&self, code: &Bound<'_, PyAny>) -> bool {
        names::function(code, Calls::default()).map_or(true, |function: Function| {
            let name = stdname(&function);
            self.include.as_ref().is_none_or(|pattern| pattern.is_match(&name))
                && !self.exclude.as_ref().is_some_and(|pattern| pattern.is_match(&name))
        })
    }
}
