//! Kinds of callees, for compensation: those whose calls take the interpreter the same time because they are recorded.

use std::collections::HashMap;

use lsprof_engine::{Costs, KINDS, Kind, Mixture};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::ffi::builtin::{Builtin, Convention};
#[cfg(Py_3_12)]
use crate::ffi::callable::{self, Callable};

/// The names that a calibration gives costs to, in the order of their numbers. A built-in function or method is of
/// the kind of its calling convention; after these come built-ins with a kind of their own.
const NAMES: [&str; 19] = [
    "function",
    "generator",
    "call of a function",
    "call of a class",
    "call of another object",
    "function noargs",
    "function o",
    "function fastcall",
    "function keywords",
    "function varargs",
    "method noargs",
    "method o",
    "method fastcall",
    "method keywords",
    "method varargs",
    "large offset",
    "leaf",
    "leaf generator",
    "call of a class by its short cut",
];

/// No kind: how much more all of them take where many different calls take turns, as ratios in the places of the ticks outside
/// and in our hooks; in that of the ticks inside, the most that may be believed where they are too many for the caches.
const MIXTURE: &str = "mixture";

const FUNCTION: Kind = Kind(0);
const GENERATOR: Kind = Kind(1);
#[cfg(Py_3_12)]
const CALL_OF_FUNCTION: Kind = Kind(2);
#[cfg(Py_3_12)]
const CALL_OF_CLASS: Kind = Kind(3);
/// Also what a built-in's call is where they don't count.
pub const CALL_OF_OTHER: Kind = Kind(4);
const FIRST_BUILTIN_FUNCTION: u8 = 5;
const FIRST_BUILTIN_METHOD: u8 = 10;
/// No call: an event whose place in the code is no small number, so that the interpreter makes an object for it.
#[cfg(Py_3_12)]
pub const LARGE_OFFSET: Kind = Kind(15);
#[cfg(Py_3_13)]
const CALL_OF_CLASS_BY_SHORT_CUT: Kind = Kind(18);
#[cfg(not(Py_3_12))]
const LEAF: Kind = Kind(16);
#[cfg(not(Py_3_12))]
const LEAF_GENERATOR: Kind = Kind(17);

/// Costs by kind, and the built-ins that have a kind of their own, by their definitions.
#[derive(Clone, Default)]
pub struct Calibration {
    /// In ticks.
    pub costs: Costs,
    special: HashMap<usize, Kind>,
}

/// One line of a calibration, as Python writes it: the kind's name or the built-in that it is for, and for each
/// call the ticks inside and outside of its time and in our hooks; and how much of a time measured inside is the code's
/// own.
#[derive(FromPyObject)]
pub struct CostLine<'py>(Bound<'py, PyAny>, f64, f64, f64, f64);

impl Calibration {
    /// Reads what `pikos._calibration` found.
    pub fn from_lines(lines: Vec<CostLine<'_>>) -> PyResult<Self> {
        #[cfg(Py_3_12)]
        if let Some(CostLine(subject, ..)) = lines.first() {
            callable::learn(subject.py())?;
        }
        let mut this = Self::default();
        let mut next = NAMES.len();
        for CostLine(subject, inside, outside, hooks, genuine) in lines {
            let kind = match subject.extract::<String>() {
                Ok(name) if name == MIXTURE => {
                    let ratio = |ratio: f64| (ratio.clamp(1.0, 2.0) * 1024.0) as u64;
                    this.costs.mixture =
                        Mixture { constants: ratio(outside), hooks: ratio(hooks), crowded: ratio(inside) };
                    continue;
                }
                Ok(name) => NAMES
                    .iter()
                    .position(|known| *known == name)
                    .ok_or_else(|| PyValueError::new_err(format!("no kind of call is named {name:?}")))?,
                Err(_) => {
                    let Some(builtin) = Builtin::of_object(&subject).filter(|_| next < KINDS) else {
                        continue;
                    };
                    this.special.insert(builtin.definition as usize, Kind(next as u8));
                    next += 1;
                    next - 1
                }
            };
            this.costs.inside[kind] = inside.max(0.0) as u64;
            this.costs.outside[kind] = outside.max(0.0) as u64;
            this.costs.hooks[kind] = hooks.max(0.0) as u64;
            this.costs.genuine[kind] = (genuine.clamp(0.0, 1.0) * 1024.0) as u64;
        }
        Ok(this)
    }

    /// The kind of a Python function, by its code object.
    pub fn of_python(&self, code: &Bound<'_, PyAny>) -> Kind {
        /// `inspect.CO_GENERATOR`, `CO_COROUTINE`, `CO_ITERABLE_COROUTINE` and `CO_ASYNC_GENERATOR`.
        const RETURNS_BY_YIELDING_TOO: u32 = 0x20 | 0x80 | 0x100 | 0x200;
        let flags = code.getattr("co_flags").and_then(|flags| flags.extract::<u32>());
        if flags.is_ok_and(|flags| flags & RETURNS_BY_YIELDING_TOO != 0) { GENERATOR } else { FUNCTION }
    }

    /// The kind of a built-in.
    pub fn of_builtin(&self, builtin: Builtin, convention: Convention) -> Kind {
        let special = self.special.get(&(builtin.definition as usize));
        special.copied().unwrap_or(of_convention(builtin, convention))
    }
}

/// The name of the kind that all built-ins called like this one are of; None if it is no built-in.
pub fn name_for_builtin(object: &Bound<'_, PyAny>) -> Option<&'static str> {
    let builtin = Builtin::of_object(object)?;
    Some(NAMES[of_convention(builtin, builtin.convention_of(object)).0 as usize])
}

fn of_convention(builtin: Builtin, convention: Convention) -> Kind {
    let first = if builtin.is_method { FIRST_BUILTIN_METHOD } else { FIRST_BUILTIN_FUNCTION };
    Kind(first + convention as u8)
}

/// The kind of a Python function whose calls we evaluate, with events off.
#[cfg(not(Py_3_12))]
pub fn of_leaf(python: Kind) -> Kind {
    if python == GENERATOR { LEAF_GENERATOR } else { LEAF }
}

/// The kind of a call that is reported and not counted.
#[cfg(Py_3_12)]
pub fn of_uncounted(callable: Callable) -> Kind {
    match callable {
        Callable::Function => CALL_OF_FUNCTION,
        Callable::Class => CALL_OF_CLASS,
        #[cfg(Py_3_13)]
        Callable::ClassByShortCut => CALL_OF_CLASS_BY_SHORT_CUT,
        Callable::Other => CALL_OF_OTHER,
    }
}
