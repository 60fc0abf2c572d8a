//! Filters that look at a text as a whole: by an expression, by a pattern as a shell has it, by whose code it is; and by the size of a
//! number. A text is looked at once, however many records have it.

use std::cell::RefCell;

use pstats_compat::owners::Owners;
use pyo3::basic::CompareOp;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyTuple};

use super::combine::Base;
use crate::monitors::texts::TextId;

/// Matches(field, pattern)
///
/// Keeps the records whose field has a part that matches: a regular expression of ``re``, as text or compiled.
#[pyclass(extends = Base, subclass, frozen, module = "pikos.filters")]
pub struct Matches {
    /// The field's name.
    #[pyo3(get)]
    pub field: Py<PyString>,
    /// The compiled expression.
    #[pyo3(get)]
    pub pattern: Py<PyAny>,
}

#[pymethods]
impl Matches {
    /// ``re.error`` for what is no expression.
    #[new]
    fn made(field: Py<PyString>, pattern: &Bound<'_, PyAny>) -> PyResult<PyClassInitializer<Self>> {
        let compiled = pattern.py().import("re")?.call_method1("compile", (pattern,))?.unbind();
        Ok(PyClassInitializer::from(Base).add_subclass(Self { field, pattern: compiled }))
    }

    /// Whether the record is kept. AttributeError if it has no such field.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        let value = record.getattr(&self.field)?.str()?;
        is_found(self.pattern.bind(record.py()), "search", &value)
    }
}

/// Glob(field, *patterns)
///
/// Keeps the records whose field is as one of these patterns says, from its beginning to its end: ``*`` stands for any text, ``?`` for
/// any sign, ``[abc]`` for one of these. A pattern of a file that begins with neither ``/`` nor ``*`` may begin at any folder.
#[pyclass(extends = Base, subclass, frozen, module = "pikos.filters")]
pub struct Glob {
    /// The field's name.
    #[pyo3(get)]
    pub field: Py<PyString>,
    /// The patterns.
    #[pyo3(get)]
    pub patterns: Py<PyTuple>,
    /// The expression that they come to.
    pub compiled: Py<PyAny>,
}

#[pymethods]
impl Glob {
    #[new]
    #[pyo3(signature = (field, *patterns))]
    fn made(field: Bound<'_, PyString>, patterns: Bound<'_, PyTuple>) -> PyResult<PyClassInitializer<Self>> {
        let py = field.py();
        let translate = py.import("fnmatch")?.getattr("translate")?;
        let mut each = Vec::new();
        for pattern in &patterns {
            let text: String = pattern.extract()?;
            let expression: String = translate.call1((&text,))?.extract()?;
            let is_inside = field == "filename" && !text.starts_with(['/', '*', '<']);
            each.push(if is_inside {
                format!("(?:.*/)?{}", without_anchor(&expression))
            } else {
                expression
            });
        }
        if each.is_empty() {
            return Err(PyValueError::new_err("Glob takes a pattern"));
        }
        let whole: Vec<_> = each.iter().map(|expression| format!("(?:{expression})")).collect();
        let flags = py.import("re")?.getattr("DOTALL")?;
        let compiled = py.import("re")?.call_method1("compile", (whole.join("|"), flags))?.unbind();
        let this = Self { field: field.unbind(), patterns: patterns.unbind(), compiled };
        Ok(PyClassInitializer::from(Base).add_subclass(this))
    }

    /// Whether the record is kept. AttributeError if it has no such field.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        let value = record.getattr(&self.field)?.str()?;
        is_found(self.compiled.bind(record.py()), "match", &value)
    }
}

/// `fnmatch`'s expression where something stands in front of it: it is one from the beginning already.
fn without_anchor(expression: &str) -> &str {
    expression.strip_prefix("\\A").unwrap_or(expression)
}

/// Whether an expression finds something in a text.
pub fn is_found(pattern: &Bound<'_, PyAny>, method: &str, text: &Bound<'_, PyString>) -> PyResult<bool> {
    Ok(!pattern.call_method1(method, (text,))?.is_none())
}

/// OwnCode()
///
/// Keeps the records of the user's own code: not of the standard library, nor of what is installed in ``site-packages``. The rule is that
/// of ``pikos run``'s summary.
#[pyclass(extends = Base, subclass, frozen, module = "pikos.filters")]
pub struct OwnCode;

#[pymethods]
impl OwnCode {
    #[new]
    fn made() -> PyClassInitializer<Self> {
        PyClassInitializer::from(Base).add_subclass(Self)
    }

    /// Whether the record is kept. AttributeError if it has no file.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        let file = record.getattr(intern!(record.py(), "filename"))?.str()?;
        Ok(is_own(&file.to_string_lossy()))
    }
}

/// Whether a file is the user's own code.
pub fn is_own(file: &str) -> bool {
    Owners::of_files(std::iter::once(file.as_bytes()), "").own().all(|own| own)
}

/// Compare(field, sign, number)
///
/// Keeps the records whose field, a number, is ``<``, ``<=``, ``>`` or ``>=`` this one.
#[pyclass(extends = Base, subclass, frozen, module = "pikos.filters")]
pub struct Compare {
    /// The field's name.
    #[pyo3(get)]
    pub field: Py<PyString>,
    /// How they are to compare.
    #[pyo3(get)]
    pub sign: Py<PyString>,
    /// The number.
    #[pyo3(get)]
    pub number: f64,
    /// The sign.
    pub operation: Comparison,
}

/// A sign.
#[derive(Clone, Copy)]
pub struct Comparison(CompareOp);

impl Comparison {
    fn parse(sign: &str) -> Option<Self> {
        Some(Self(match sign {
            "<" => CompareOp::Lt,
            "<=" => CompareOp::Le,
            ">" => CompareOp::Gt,
            ">=" => CompareOp::Ge,
            _ => return None,
        }))
    }

    /// Whether it holds.
    #[inline]
    pub fn holds(self, value: f64, number: f64) -> bool {
        value.partial_cmp(&number).is_some_and(|order| self.0.matches(order))
    }
}

#[pymethods]
impl Compare {
    #[new]
    fn made(
        field: Py<PyString>,
        sign: Bound<'_, PyString>,
        number: f64,
    ) -> PyResult<PyClassInitializer<Self>> {
        let operation = Comparison::parse(&sign.to_string_lossy())
            .ok_or_else(|| PyValueError::new_err(format!("{sign} is none of <, <=, > and >=")))?;
        let this = Self { field, sign: sign.unbind(), number, operation };
        Ok(PyClassInitializer::from(Base).add_subclass(this))
    }

    /// Whether the record is kept. AttributeError if it has no such field.
    fn __call__(&self, record: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.operation.holds(record.getattr(&self.field)?.extract()?, self.number))
    }
}

/// What is known of texts, by their numbers.
#[derive(Default)]
pub struct Answers(RefCell<Vec<Option<bool>>>);

impl Answers {
    /// The answer about a text; asked for once. Nothing is borrowed while `ask` runs.
    #[inline]
    pub fn of(&self, text: TextId, ask: impl FnOnce() -> bool) -> bool {
        if let Some(Some(known)) = self.0.borrow().get(text.index()) {
            return *known;
        }
        let answer = ask();
        let mut answers = self.0.borrow_mut();
        if text.index() >= answers.len() {
            answers.resize(text.index() + 1, None);
        }
        answers[text.index()] = Some(answer);
        answer
    }
}
