//! Code objects, and what records tell of them. Found out once for each.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use hashbrown::HashMap;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

use super::texts::{self, TextId};
use crate::ffi::code_line;
use crate::ffi::gil::GilCell;

/// A code object.
pub struct Code {
    object: Py<PyAny>,
    /// `co_name`
    pub name: TextId,
    /// `co_filename`
    pub filename: TextId,
    /// `co_firstlineno`
    pub first_line: u32,
    /// Whether it is of this package: its events are nobody's business.
    pub is_ours: bool,
    /// The line of the instruction at each offset (in units of two bytes); 0 where nobody asked yet.
    lines: RefCell<Vec<u32>>,
    /// What [`Code::qualname`] has found.
    qualname: Cell<Option<(TextId, bool)>>,
    /// The lines of its file.
    source: OnceCell<Rc<[TextId]>>,
}

impl Code {
    /// `co_qualname`, and whether it is the body of a module or a class rather than a function's.
    pub fn qualname(&self, py: Python<'_>) -> (TextId, bool) {
        if let Some(known) = self.qualname.get() {
            return known;
        }
        let code = self.object.bind(py);
        let text = |name| code.getattr(name)?.cast_into::<PyString>().map_err(PyErr::from);
        let qualname =
            text("co_qualname").map_or(self.name, |name| texts::intern(py, &name.to_string_lossy()));
        let flags = code.getattr("co_flags").and_then(|flags| flags.extract::<u32>());
        let found = (qualname, flags.is_ok_and(|flags| flags & OPTIMIZED == 0));
        self.qualname.set(Some(found));
        found
    }

    /// The line of the instruction at this offset in bytes.
    pub fn line_at(&self, py: Python<'_>, offset: usize) -> u32 {
        let mut lines = self.lines.borrow_mut();
        let place = offset / 2;
        if place >= lines.len() {
            lines.resize(place + 1, 0);
        }
        if lines[place] == 0 {
            lines[place] = code_line(self.object.bind(py), offset).unwrap_or(self.first_line);
        }
        lines[place]
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
}

static CODES: GilCell<RefCell<Option<Codes>>> = GilCell::new(RefCell::new(None));
/// Those that were asked for last, each at a place that its address says.
static RECENT: GilCell<RefCell<[RecentCode; PLACES]>> = GilCell::new(RefCell::new([const { None }; PLACES]));

type RecentCode = Option<(usize, Rc<Code>)>;
/// The folder of this package, with a slash at its end.
static OURS: GilCell<RefCell<String>> = GilCell::new(RefCell::new(String::new()));

const PLACES: usize = 256;

/// `inspect.CO_OPTIMIZED`: its variables have places of their own, as a function's do.
const OPTIMIZED: u32 = 1;

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
            let code = Rc::new(look_at(py, object())?);
            CODES.get(py).borrow_mut().get_or_insert_default().all.insert(address, Rc::clone(&code));
            code
        }
    };
    let recent = Some((address, Rc::clone(&code)));
    let before = std::mem::replace(&mut RECENT.get(py).borrow_mut()[place(address)], recent);
    drop(before);
    Ok(code)
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

/// No monitor is enabled any more: lets go of what would keep many code objects alive, and of sources that may change.
pub fn release(py: Python<'_>) {
    let count = CODES.get(py).borrow().as_ref().map_or(0, |codes| codes.all.len());
    if count > MOST_KEPT {
        let recent = RECENT.get(py).replace([const { None }; PLACES]);
        let codes = CODES.get(py).take();
        // Objects may die here, and their ends run Python: the cells are free again.
        drop((recent, codes));
    }
}

fn look_at(py: Python<'_>, object: Py<PyAny>) -> PyResult<Code> {
    let code = object.bind(py);
    let text = |name: &str| -> PyResult<String> {
        Ok(code.getattr(name)?.cast_into::<PyString>()?.to_string_lossy().into_owned())
    };
    let filename = text("co_filename")?;
    let name = text("co_name")?;
    let first_line = code.getattr("co_firstlineno")?.extract::<i64>()?;
    let is_ours = {
        let ours = OURS.get(py).borrow();
        filename == "<pikos>" || (!ours.is_empty() && filename.starts_with(ours.as_str()))
    };
    Ok(Code {
        name: texts::intern(py, &name),
        filename: texts::intern(py, &filename),
        first_line: u32::try_from(first_line).unwrap_or(0),
        is_ours,
        lines: RefCell::default(),
        qualname: Cell::default(),
        source: OnceCell::new(),
        object,
    })
}

fn source_of(py: Python<'_>, filename: TextId) -> Rc<[TextId]> {
    let known = CODES.get(py).borrow().as_ref().and_then(|codes| codes.files.get(&filename).cloned());
    if let Some(known) = known {
        return known;
    }
    let lines = read_source(py, filename).unwrap_or_default();
    let lines: Rc<[TextId]> = lines.iter().map(|line| texts::intern(py, line.trim_end())).collect();
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

fn read_source(py: Python<'_>, filename: TextId) -> PyResult<Vec<String>> {
    let linecache = prepare_sources(py)?;
    let globals = crate::ffi::running_globals(py);
    let lines = linecache.call_method1("getlines", (texts::object(py, filename), globals))?;
    lines.try_iter()?.map(|line| Ok(line?.cast_into::<PyString>()?.to_string_lossy().into_owned())).collect()
}
