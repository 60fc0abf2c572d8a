//! Names, file names and source lines, each kept once for the whole process: an event refers to them by number.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use hashbrown::HashMap;
use pstats_compat::printable::escaped_code;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::ffi::gil::GilCell;

/// A text's number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TextId(u32);

impl TextId {
    /// The number, for tables that are indexed by it.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The empty text's.
    pub const EMPTY: Self = Self(0);
}

struct Text {
    text: Rc<str>,
    /// As a line of text has it: nothing in it is a command to a terminal, or ends the line.
    shown: Rc<str>,
    object: Py<PyString>,
}

#[derive(Default)]
struct Texts {
    numbers: HashMap<Rc<str>, TextId>,
    /// Those that are not UTF-8: a file's name may be anything.
    odd: HashMap<pstats_compat::Text, TextId>,
    all: Vec<Text>,
}

impl Texts {
    /// The empty one is the first.
    fn new(py: Python<'_>) -> Self {
        let mut texts = Self::default();
        let number = texts.add("".into(), PyString::new(py, "").unbind());
        texts.numbers.insert("".into(), number);
        texts
    }

    fn add(&mut self, text: Rc<str>, object: Py<PyString>) -> TextId {
        let number = TextId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        let shown = match escaped_code(&text) {
            Cow::Borrowed(_) => Rc::clone(&text),
            Cow::Owned(other) => other.into(),
        };
        self.all.push(Text { text, shown, object });
        number
    }
}

static TEXTS: GilCell<RefCell<Option<Texts>>> = GilCell::new(RefCell::new(None));

/// The number of this text.
pub fn intern(py: Python<'_>, text: &str) -> TextId {
    let mut texts = TEXTS.get(py).borrow_mut();
    let texts = texts.get_or_insert_with(|| Texts::new(py));
    if let Some(number) = texts.numbers.get(text) {
        return *number;
    }
    let text: Rc<str> = text.into();
    let number = texts.add(Rc::clone(&text), PyString::new(py, &text).unbind());
    texts.numbers.insert(text, number);
    number
}

/// The number of a string of Python's. One that is not UTF-8 is for Python as it was, and elsewhere with U+FFFD in it.
pub fn intern_string(string: &Bound<'_, PyString>) -> TextId {
    let py = string.py();
    if let Ok(text) = string.to_str() {
        return intern(py, text);
    }
    let Ok(text) = crate::ffi::strings::text(string) else { return intern(py, &string.to_string_lossy()) };
    let mut texts = TEXTS.get(py).borrow_mut();
    let texts = texts.get_or_insert_with(|| Texts::new(py));
    if let Some(number) = texts.odd.get(&text) {
        return *number;
    }
    let number = texts.add(text.to_str_lossy().into(), string.clone().unbind());
    texts.odd.insert(text, number);
    number
}

/// The text of this number.
pub fn get(py: Python<'_>, number: TextId) -> Rc<str> {
    of(py, number, |text| &text.text)
}

/// The same, for a line of text.
pub fn get_shown(py: Python<'_>, number: TextId) -> Rc<str> {
    of(py, number, |text| &text.shown)
}

fn of(py: Python<'_>, number: TextId, form: fn(&Text) -> &Rc<str>) -> Rc<str> {
    let texts = TEXTS.get(py).borrow();
    texts.as_ref().map_or_else(|| "".into(), |texts| Rc::clone(form(&texts.all[number.index()])))
}

/// The same, for Python.
pub fn object(py: Python<'_>, number: TextId) -> Bound<'_, PyString> {
    let texts = TEXTS.get(py).borrow();
    let found = texts.as_ref().map(|texts| texts.all[number.index()].object.clone_ref(py));
    found.map_or_else(|| PyString::new(py, ""), |object| object.into_bound(py))
}

/// The names of built-ins, by the address of the C string.
static NAMES: GilCell<RefCell<Option<HashMap<usize, TextId>>>> = GilCell::new(RefCell::new(None));

/// Those that were asked for last, each at a place that its address says.
static RECENT_NAMES: GilCell<RefCell<[(usize, TextId); PLACES]>> =
    GilCell::new(RefCell::new([(0, TextId(0)); PLACES]));

const PLACES: usize = 256;

/// The text of a built-in's name. A name that is gone, and another at its address, would be taken for each other; nearly all
/// live as long as the process.
#[inline(always)]
pub fn of_builtin(py: Python<'_>, address: usize, name: impl FnOnce() -> String) -> TextId {
    let place = (address ^ (address >> 8)) % PLACES;
    let (recent, text) = RECENT_NAMES.get(py).borrow()[place];
    if recent == address {
        return text;
    }
    let mut names = NAMES.get(py).borrow_mut();
    let text = *names.get_or_insert_default().entry(address).or_insert_with(|| intern(py, &name()));
    RECENT_NAMES.get(py).borrow_mut()[place] = (address, text);
    text
}
