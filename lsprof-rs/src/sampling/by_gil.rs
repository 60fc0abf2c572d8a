//! Looks that take the GIL, where the system forbids to read memory otherwise: what `sys._current_frames()` has.

use std::collections::HashMap;

use pikos_sampler::read::{Code, CodeId, Frame, Look, Place, ThreadLook};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use crate::ffi::modules::{imported, of_sys};

/// No more frames of one thread.
const DEEPEST: usize = 2_048;
/// With so many codes, those that were seen are given up, and numbered anew when they are seen again.
const MOST_CODES: usize = 1 << 16;

/// Looks at all threads of this process, with the GIL.
#[derive(Default)]
pub struct ByGil {
    codes: Vec<Code>,
    /// Kept alive, so that no address is used twice.
    known: HashMap<usize, (CodeId, Py<PyAny>)>,
}

impl ByGil {
    /// One look. False where the interpreter ends.
    pub fn look(&mut self, look: &mut Look) -> bool {
        look.threads.clear();
        look.frames.clear();
        look.torn = 0;
        Python::try_attach(|py| {
            // What is raised here is nobody's business: this thread runs no Python.
            let _ = self.read(py, look);
        })
        .is_some()
    }

    /// What a code that was seen says of itself.
    pub fn code(&self, code: CodeId) -> &Code {
        &self.codes[code.0 as usize]
    }

    fn read(&mut self, py: Python<'_>, look: &mut Look) -> PyResult<()> {
        let Some(frames) = of_sys(py, c"_current_frames") else { return Ok(()) };
        let frames = frames.call0()?.cast_into::<PyDict>()?;
        for (ident, frame) in frames.iter() {
            let ident: u64 = ident.extract()?;
            let first = look.frames.len();
            let mut frame = frame;
            while !frame.is_none() && look.frames.len() - first < DEEPEST {
                let code = self.number(&frame.getattr(intern!(py, "f_code"))?)?;
                let instruction = frame.getattr(intern!(py, "f_lasti"))?.extract()?;
                look.frames.push(Frame { code, instruction });
                frame = frame.getattr(intern!(py, "f_back"))?;
            }
            let is_cut = !frame.is_none();
            look.threads.push(ThreadLook {
                native_id: native_id(py, ident).unwrap_or(ident),
                ident,
                place: Place::default(),
                stack: first..look.frames.len(),
                is_cut,
                task: None,
            });
        }
        Ok(())
    }

    fn number(&mut self, code: &Bound<'_, PyAny>) -> PyResult<CodeId> {
        let address = code.as_ptr() as usize;
        if let Some((number, _)) = self.known.get(&address) {
            return Ok(*number);
        }
        if self.known.len() >= MOST_CODES {
            self.known.clear();
        }
        let py = code.py();
        let text = |name: &Bound<'_, PyString>| -> PyResult<String> {
            let text = code.getattr(name)?.cast_into::<PyString>()?;
            Ok(text.to_string_lossy().into_owned())
        };
        let line = code.getattr(intern!(py, "co_firstlineno"))?.extract::<i64>()?;
        let said = Code {
            file: text(intern!(py, "co_filename"))?,
            name: text(intern!(py, "co_name"))?,
            qualname: text(intern!(py, "co_qualname"))?,
            first_line: u32::try_from(line).unwrap_or(0),
        };
        let number = CodeId(self.codes.len() as u32);
        self.codes.push(said);
        self.known.insert(address, (number, code.clone().unbind()));
        Ok(number)
    }
}

/// The system's number of a thread that `threading` knows.
fn native_id(py: Python<'_>, ident: u64) -> Option<u64> {
    let active = imported(py, intern!(py, "threading"))?.getattr(intern!(py, "_active")).ok()?;
    active.get_item(ident).ok()?.getattr(intern!(py, "_native_id")).ok()?.extract().ok()
}
