//! Label sets of `pikos.labels`: which one a thread's context has, and what number a profile gives it.
//!
//! ```text
//!  label.__enter__ ─ set the variable ─ `_changed` ─┐
//!  another context ─ its count has changed ─────────┴─> the set ─> its number ─> the recorder goes on in that part
//! ```
//! A program that has no labels pays nothing: that module is looked for when a function is met that is new, as `label`'s own are, and
//! contexts are looked at from the first label on.

use std::cell::{Cell, RefCell};

use lsprof_engine::PartId;
use pyo3::ffi::PyObject;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

use crate::ffi::context;
use crate::ffi::gil::GilCell;
use crate::ffi::modules::imported;

/// A label set: pairs of name and value.
pub type Labels = Vec<(String, String)>;

/// The module, once the program has it and a profile wants to know.
static MODULE: GilCell<RefCell<Option<Module>>> = GilCell::new(RefCell::new(None));
/// What it is to call when a label begins or ends.
static CALLED: GilCell<RefCell<Option<Py<PyAny>>>> = GilCell::new(RefCell::new(None));

struct Module {
    module: Py<PyAny>,
    /// Its context variable.
    current: Py<PyAny>,
}

/// The label sets of one profile.
pub struct LabelSets {
    /// How many are told apart; all others are one.
    limit: Cell<usize>,
    /// Whether contexts are looked at.
    are_followed: Cell<bool>,
    /// By a tuple of texts, the number.
    numbers: RefCell<Option<Py<PyDict>>>,
    /// From number 1 on.
    sets: RefCell<Vec<Labels>>,
}

impl Default for LabelSets {
    fn default() -> Self {
        Self {
            limit: Cell::new(0),
            are_followed: Cell::new(false),
            numbers: RefCell::default(),
            sets: RefCell::default(),
        }
    }
}

impl LabelSets {
    /// Tells so many apart, from now on; 0 for none.
    pub fn limit(&self, limit: usize) {
        self.limit.set(limit);
        self.are_followed.set(self.are_followed.get() && limit > 0);
    }

    /// Whether any are told apart.
    pub fn are_wanted(&self) -> bool {
        self.limit.get() > 0
    }

    /// Whether contexts are looked at.
    pub fn are_followed(&self) -> bool {
        self.are_followed.get()
    }

    /// Looks at contexts, from now on; if any labels are told apart.
    pub fn follow(&self) {
        self.are_followed.set(self.are_wanted());
    }

    /// Forgets all.
    pub fn clear(&self) {
        self.numbers.take();
        self.sets.take();
    }

    /// What a part stands for; empty for the first one, in which there was no label.
    pub fn of(&self, part: PartId) -> Labels {
        match part.0.checked_sub(1) {
            None => Labels::new(),
            Some(place) => self.sets.borrow().get(place as usize).cloned().unwrap_or_default(),
        }
    }

    /// The part of this label set: names and values in turn.
    fn part(&self, py: Python<'_>, texts: &Bound<'_, PyTuple>) -> PartId {
        if texts.is_empty() {
            return PartId::FIRST;
        }
        let numbers = self.numbers.borrow().as_ref().map(|numbers| numbers.bind(py).clone());
        let numbers = numbers.unwrap_or_else(|| {
            let fresh = PyDict::new(py);
            // To make one may have run the program's finalisers, and they may have had labels.
            self.numbers.borrow_mut().get_or_insert_with(|| fresh.unbind()).bind(py).clone()
        });
        if let Ok(Some(number)) = numbers.get_item(texts) {
            return PartId(number.extract().unwrap_or_default());
        }
        let mut sets = self.sets.borrow_mut();
        let limit = self.limit.get();
        if sets.len() >= limit {
            // One more, for all that come now.
            if sets.len() == limit {
                sets.push(vec![("other".to_owned(), "true".to_owned())]);
            }
            return PartId(sets.len() as u32);
        }
        let number = sets.len() as u32 + 1;
        if numbers.set_item(texts, number).is_err() {
            return PartId::FIRST;
        }
        let texts: Vec<String> = texts.iter().map(|text| text_of(&text)).collect();
        sets.push(texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect());
        PartId(number)
    }
}

/// A text without what UTF-8 can't say.
fn text_of(text: &Bound<'_, PyAny>) -> String {
    text.cast::<PyString>().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The set as a tuple that holds nothing but an even number of texts, of CPython's own kind: then none of the program's code runs when
/// they are compared.
fn texts<'py>(set: &Bound<'py, PyAny>) -> Option<Bound<'py, PyTuple>> {
    let texts = set.cast_exact::<PyTuple>().ok()?;
    let are_texts = texts.iter().all(|text| text.cast_exact::<PyString>().is_ok());
    (are_texts && texts.len() % 2 == 0).then(|| texts.clone())
}

/// What a thread knows of its labels.
#[derive(Default)]
pub struct LabelState {
    /// What the variable had when it was looked at last; kept, so that another object doesn't get its address.
    seen: Option<Py<PyTuple>>,
    part: PartId,
}

impl LabelState {
    /// The part that the running context asks for.
    pub fn look(&mut self, py: Python<'_>, sets: &LabelSets) -> PartId {
        let module = MODULE.get(py).borrow();
        let node = module.as_ref().and_then(|module| context::get(py, module.current.bind(py)));
        // (the set, what is around it, whose it is)
        let set = node.as_ref().and_then(|node| texts(&node.cast_exact::<PyTuple>().ok()?.get_item(0).ok()?));
        if set.as_ref().map(Bound::as_ptr) != self.seen.as_ref().map(Py::as_ptr) {
            self.part = set.as_ref().map_or(PartId::FIRST, |set| sets.part(py, set));
            // Texts alone: nothing of the program's runs when they go.
            self.seen = set.map(Bound::unbind);
        }
        self.part
    }
}

/// Has the module, once it is there, call this when a label begins or ends.
pub fn call(py: Python<'_>, function: &Bound<'_, PyAny>) {
    CALLED.get(py).replace(Some(function.clone().unbind()));
}

/// Looks for the module, where a profile wants to know of labels.
pub fn find(py: Python<'_>) {
    let called = CALLED.get(py).borrow().as_ref().map(|called| called.clone_ref(py));
    let (Some(called), None) = (called, MODULE.get(py).borrow().as_ref()) else { return };
    let Some(module) = imported(py, intern!(py, "pikos.labels")) else { return };
    // It may be on its way.
    let Ok(current) = module.getattr(intern!(py, "_current")) else { return };
    if module.setattr(intern!(py, "_changed"), called).is_ok() {
        MODULE.get(py).replace(Some(Module { module: module.unbind(), current: current.unbind() }));
    }
}

/// Whether this object is the variable that has a context's labels. It may be asked while that is being found.
pub fn is_variable(py: Python<'_>, object: *mut PyObject) -> bool {
    let module = MODULE.get(py).try_borrow();
    module.is_ok_and(|module| module.as_ref().is_some_and(|module| module.current.as_ptr() == object))
}

/// Whether the program has had any label.
pub fn any(py: Python<'_>) -> bool {
    let module = MODULE.get(py).borrow().as_ref().map(|module| module.module.clone_ref(py));
    let used = module.and_then(|module| module.bind(py).getattr(intern!(py, "_used")).ok());
    used.is_some_and(|used| used.is_truthy().unwrap_or(false))
}

/// No profile wants to know any more.
pub fn leave(py: Python<'_>) {
    CALLED.get(py).take();
    let module = MODULE.get(py).take();
    if let Some(module) = module {
        let _ = module.module.bind(py).setattr(intern!(py, "_changed"), py.None());
    }
}
