//! The fields that records have only where somebody asks for them. Each is found out only where it is wanted.
//!
//! A new one: its line in `event.rs` (variant, name, shape, value, place in [`Extra`]), and how it is found out in
//! [`find_out`].

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::argument::Argument;
use super::aside::aside;
use super::codes::{self, Code};
use super::event::{EventKind, Extra, Field, Stage};
use super::texts::{self, TextId};
use crate::ffi::gil::GilCell;
use crate::ffi::modules::imported;
use crate::ffi::{each_open, thread};

/// Which of them are wanted.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Wanted(u32);

impl Wanted {
    /// Those among these fields. The memory is looked at elsewhere.
    pub fn among(fields: impl IntoIterator<Item = Field>) -> Self {
        let extras = fields.into_iter().filter(|field| field.is_extra() && field.stage() == Stage::Described);
        Self(extras.fold(0, |bits, field| bits | Self::bit(field)))
    }

    /// Those of either.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there are none.
    #[inline(always)]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether this one is.
    pub fn has(self, field: Field) -> bool {
        self.0 & Self::bit(field) != 0
    }

    fn bit(field: Field) -> u32 {
        1 << field as u32
    }
}

/// What is wanted, of an event that happens now in the running thread. `is_builtin`: whether it is a built-in's, which is the
/// argument.
#[cold]
#[inline(never)]
pub fn find_out(
    py: Python<'_>,
    wanted: Wanted,
    began: Instant,
    kind: EventKind,
    code: &Rc<Code>,
    is_builtin: bool,
    argument: &impl Argument,
) -> Extra {
    let mut found = Extra::NONE;
    if wanted.has(Field::Time) {
        found.time = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    }
    if wanted.has(Field::Thread) {
        found.thread = thread::native_id();
    }
    if wanted.has(Field::Depth) {
        found.depth = depth(py);
    }
    if wanted.has(Field::Qualname) {
        found.qualname = if is_builtin { qualname_of(py, &argument.object(py)) } else { code.qualname };
    }
    if wanted.has(Field::Task) {
        found.task = task(py).unwrap_or(TextId::EMPTY);
    }
    if wanted.has(Field::Exception) && kind == EventKind::Return {
        found.exception = argument.exception(py).unwrap_or(TextId::EMPTY);
    }
    found
}

/// When records' times begin.
static BEGAN: OnceLock<Instant> = OnceLock::new();

/// Nanoseconds since it was asked for first. Not the engine's clock: what its ticks are worth is known better and better, and records
/// are not written anew.
pub fn now_ns() -> u64 {
    BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// The same in seconds; it begins so long ago, if nobody has asked yet: a process has the clock of the one that started it.
pub fn clock(ago: Option<f64>) -> f64 {
    let ago = ago.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    BEGAN.get_or_init(|| ago.and_then(|ago| Instant::now().checked_sub(ago)).unwrap_or_else(Instant::now));
    now_ns() as f64 / 1e9
}

/// How many calls of Python functions are open in the running thread. Ours are none of them.
fn depth(py: Python<'_>) -> u32 {
    let mut depth = 0;
    aside(py, |py| {
        each_open(py, |code| {
            let address = code.as_ptr() as usize;
            let is_ours = codes::find(py, address, || code.clone().unbind()).is_ok_and(|code| code.is_ours);
            depth += u32::from(!is_ours);
        });
    });
    depth
}

/// A built-in's `__qualname__`.
fn qualname_of(py: Python<'_>, builtin: &Py<PyAny>) -> TextId {
    // A metaclass of the program's may have a word in this.
    aside(py, |py| {
        let name = builtin.bind(py).getattr(intern!(py, "__qualname__")).ok()?;
        Some(texts::intern(py, &name.cast::<PyString>().ok()?.to_string_lossy()))
    })
    .flatten()
    .unwrap_or(TextId::EMPTY)
}

/// The name of an exception's type.
pub fn name_of_type(kind: &Bound<'_, PyType>) -> TextId {
    kind.name().map_or(TextId::EMPTY, |name| texts::intern(kind.py(), &name.to_string_lossy()))
}

/// `asyncio`'s functions that tell which task runs.
struct Asyncio {
    running_loop: Py<PyAny>,
    current_task: Py<PyAny>,
}

static ASYNCIO: GilCell<RefCell<Option<Rc<Asyncio>>>> = GilCell::new(RefCell::new(None));

/// The name of the task that runs in the running thread; `None` where none does.
fn task(py: Python<'_>) -> Option<TextId> {
    let known = ASYNCIO.get(py).borrow().clone();
    aside(py, |py| {
        let asyncio = match known {
            Some(known) => known,
            None => {
                // Nothing runs where nobody has imported it, or while that is under way.
                let module = imported(py, intern!(py, "asyncio"))?;
                let found = Rc::new(Asyncio {
                    running_loop: module.getattr(intern!(py, "_get_running_loop")).ok()?.unbind(),
                    current_task: module.getattr(intern!(py, "current_task")).ok()?.unbind(),
                });
                ASYNCIO.get(py).replace(Some(Rc::clone(&found)));
                found
            }
        };
        let running = asyncio.running_loop.call0(py).ok()?;
        if running.is_none(py) {
            return None;
        }
        let task = asyncio.current_task.call1(py, (running,)).ok()?;
        if task.is_none(py) {
            return None;
        }
        // The name may be anything's.
        let name = task.call_method0(py, intern!(py, "get_name")).ok()?;
        Some(texts::intern(py, &name.bind(py).str().ok()?.to_string_lossy()))
    })
    .flatten()
}
