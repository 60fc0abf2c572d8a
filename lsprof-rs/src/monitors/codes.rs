//! Code objects, and what records tell of them. Found out once for each.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use hashbrown::HashMap;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use super::aside::aside;
use super::texts::{self, TextId};
use crate::ffi::gil::GilCell;
use crate::ffi::{code_end, code_line};

/// What a code object is of.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A module or a class.
    Body,
    /// A function that runs from its call to its return.
    Function,
    /// A generator.
    Generator,
    /// A coroutine, or an asynchronous generator.
    Coroutine,
}

impl Kind {
    /// By `co_flags`.
    fn of(flags: u32) -> Self {
        if flags & OPTIMIZED == 0 {
            Self::Body
        } else if flags & (COROUTINE | ASYNC_GENERATOR) != 0 {
            Self::Coroutine
        } else if flags & GENERATOR != 0 {
            Self::Generator
        } else {
            Self::Function
        }
    }

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Function => "function",
            Self::Generator => "generator",
            Self::Coroutine => "coroutine",
        }
    }
}

/// What is known of a code object, which it doesn't keep alive.
pub struct Code {
    /// No other one has this number, nor had, nor will have; its address may be used again.
    pub number: u64,
    /// `co_name`
    pub name: TextId,
    /// `co_qualname`
    pub qualname: TextId,
    /// What it is of.
    pub kind: Kind,
    /// `co_filename`
    pub filename: TextId,
    /// `co_firstlineno`
    pub first_line: u32,
    /// Whether it is of this package: its events are nobody's business.
    pub is_ours: bool,
    /// The line of the instruction at each offset (in units of two bytes); 0 where nobody asked yet.
    lines: RefCell<Vec<u32>>,
    /// The lines of its file.
    source: OnceCell<Rc<[TextId]>>,
}

impl Code {
    /// The line of the instruction at this offset in bytes. `object` is the code object.
    pub fn line_at(&self, py: Python<'_>, offset: usize, object: impl FnOnce() -> Py<PyAny>) -> u32 {
        let place = offset / 2;
        let known = self.lines.borrow().get(place).copied().unwrap_or(0);
        if known != 0 {
            return known;
        }
        let line = code_line(&object().into_bound(py), offset).unwrap_or(self.first_line);
        let mut lines = self.lines.borrow_mut();
        if place >= lines.len() {
            lines.resize(place + 1, 0);
        }
        lines[place] = line;
        line
    }

    /// The text of a line of its file, without the white space at its end; nothing where there is no source. The first
    /// time, this calls Python.
    pub fn line_text(&self, py: Python<'_>, line: u32) -> TextId {
        let source = match self.source.get() {
            Some(source) => source,
            None => {
                // Not within `get_or_init`: other threads come here while Python looks for it. The first answer stays.
                let found = source_of(py, self.filename);
                self.source.get_or_init(|| found)
            }
        };
        let place = (line as usize).wrapping_sub(1);
        source.get(place).copied().unwrap_or_else(|| texts::intern(py, ""))
    }
}

#[derive(Default)]
struct Codes {
    all: HashMap<usize, Rc<Code>>,
    files: HashMap<TextId, Rc<[TextId]>>,
    /// Those whose end nobody would tell of.
    kept: Vec<Py<PyAny>>,
}

static CODES: GilCell<RefCell<Option<Codes>>> = GilCell::new(RefCell::new(None));
/// How many there have been.
static SEEN: GilCell<Cell<u64>> = GilCell::new(Cell::new(0));
/// Those that were asked for last, each at a place that its address says.
static RECENT: GilCell<RefCell<[RecentCode; PLACES]>> = GilCell::new(RefCell::new([const { None }; PLACES]));

type RecentCode = Option<(usize, Rc<Code>)>;
/// The folder of this package, with a slash at its end.
static OURS: GilCell<RefCell<String>> = GilCell::new(RefCell::new(String::new()));

const PLACES: usize = 256;

/// `inspect.CO_OPTIMIZED`: its variables have places of their own, as a function's do.
const OPTIMIZED: u32 = 1;
/// `inspect.CO_GENERATOR`, `CO_COROUTINE`, `CO_ASYNC_GENERATOR`.
const GENERATOR: u32 = 0x20;
const COROUTINE: u32 = 0x80;
const ASYNC_GENERATOR: u32 = 0x200;

/// More than this many are not kept when no monitor is enabled.
const MOST_KEPT: usize = 1024;

/// The code object at this address.
///
/// # Errors
/// What looking at its attributes raises: it is none.
#[inline(always)]
pub fn find(py: Python<'_>, address: usize, object: impl FnOnce() -> Py<PyAny>) -> PyResult<Rc<Code>> {
    if let Some((recent, code)) = &RECENT.get(py).borrow()[place(address)]
        && *recent == address
    {
        return Ok(Rc::clone(code));
    }
    find_in_table(py, address, object)
}

#[inline(never)]
fn find_in_table(py: Python<'_>, address: usize, object: impl FnOnce() -> Py<PyAny>) -> PyResult<Rc<Code>> {
    let known = CODES.get(py).borrow().as_ref().and_then(|codes| codes.all.get(&address).cloned());
    let code = match known {
        Some(code) => code,
        None => {
            // Bound, so that it is let go at once: a hook hasn't told PyO3 that it is attached.
            let object = object().into_bound(py);
            let mut code = look_at(&object)?;
            let is_watched = code_end::watch(&object, forget);
            let mut codes = CODES.get(py).borrow_mut();
            let codes = codes.get_or_insert_default();
            let seen = SEEN.get(py);
            seen.set(seen.get() + 1);
            code.number = seen.get();
            if !is_watched {
                codes.kept.push(object.unbind());
            }
            let code = Rc::new(code);
            codes.all.insert(address, Rc::clone(&code));
            code
        }
    };
    let recent = Some((address, Rc::clone(&code)));
    let before = std::mem::replace(&mut RECENT.get(py).borrow_mut()[place(address)], recent);
    drop(before);
    Ok(code)
}

/// A code object ends. No Python runs here.
fn forget(py: Python<'_>, address: usize) {
    let recent = &mut RECENT.get(py).borrow_mut()[place(address)];
    recent.take_if(|(recent, _)| *recent == address);
    if let Some(codes) = &mut *CODES.get(py).borrow_mut() {
        codes.all.remove(&address);
    }
}

/// Objects are at multiples of 16.
#[inline(always)]
fn place(address: usize) -> usize {
    ((address >> 4) ^ (address >> 12)) % PLACES
}

/// Says which folder's code is this package's. To be called before there is any monitor.
pub fn set_own_folder(py: Python<'_>, folder: &str) -> PyResult<()> {
    *OURS.get(py).borrow_mut() = format!("{}/", folder.trim_end_matches('/'));
    prepare_sources(py).map(drop)
}

/// No monitor is enabled any more: lets go of what many code objects take, and of sources that may change.
pub fn release(py: Python<'_>) {
    let count = CODES.get(py).borrow().as_ref().map_or(0, |codes| codes.all.len());
    if count > MOST_KEPT {
        let recent = RECENT.get(py).replace([const { None }; PLACES]);
        let codes = CODES.get(py).take();
        // Objects may die here, and their ends run Python: the cells are free again.
        drop((recent, codes));
    }
}

fn look_at(code: &Bound<'_, PyAny>) -> PyResult<Code> {
    let py = code.py();
    let text = |name: &str| -> PyResult<_> { Ok(code.getattr(name)?.cast_into::<PyString>()?) };
    let filename = text("co_filename")?;
    let first_line = code.getattr("co_firstlineno")?.extract::<i64>()?;
    let is_ours = {
        let filename = filename.to_string_lossy();
        let ours = OURS.get(py).borrow();
        filename == "<pikos>" || (!ours.is_empty() && filename.starts_with(ours.as_str()))
    };
    Ok(Code {
        number: 0,
        name: texts::intern_string(&text("co_name")?),
        qualname: texts::intern_string(&text("co_qualname")?),
        kind: Kind::of(code.getattr("co_flags")?.extract()?),
        filename: texts::intern_string(&filename),
        first_line: u32::try_from(first_line).unwrap_or(0),
        is_ours,
        lines: RefCell::default(),
        source: OnceCell::new(),
    })
}

fn source_of(py: Python<'_>, filename: TextId) -> Rc<[TextId]> {
    let known = CODES.get(py).borrow().as_ref().and_then(|codes| codes.files.get(&filename).cloned());
    if let Some(known) = known {
        return known;
    }
    let Some(lines) = aside(py, |py| read_source(py, filename).unwrap_or_default()) else {
        return Rc::default();
    };
    let lines: Rc<[TextId]> = lines.into();
    CODES.get(py).borrow_mut().get_or_insert_default().files.insert(filename, Rc::clone(&lines));
    lines
}

/// Knows the sources of zip files and of interactive input, too.
static LINECACHE: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

/// Imports what reads sources: before any event, since an import in the middle of another one can break that (up to 3.12 the
/// interpreter's locks of modules don't expect it), and before the program can have modules of these names.
fn prepare_sources(py: Python<'_>) -> PyResult<&Bound<'_, PyModule>> {
    LINECACHE.get_or_try_init(py, || py.import("linecache").map(Bound::unbind)).map(|module| module.bind(py))
}

fn read_source(py: Python<'_>, filename: TextId) -> PyResult<Vec<TextId>> {
    let linecache = prepare_sources(py)?;
    let globals = crate::ffi::running_globals(py);
    let lines = linecache.call_method1("getlines", (texts::object(py, filename), globals))?;
    let text = |line: Bound<'_, PyAny>| {
        Ok(texts::intern(py, without_end(&line.cast::<PyString>()?.to_string_lossy())))
    };
    lines.try_iter()?.map(|line| text(line?)).collect()
}

/// As `str.rstrip()` has it.
fn without_end(line: &str) -> &str {
    line.trim_end_matches(|sign: char| sign.is_whitespace() || matches!(sign, '\x1c'..='\x1f'))
}
