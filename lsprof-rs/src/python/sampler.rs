//! The type `_Sampler`, of which `pikos.sampling.Sampler` is made.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use pstats_compat::Profile;
use pstats_compat::formats::Format;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::stored::StoredProfile;
use super::whole_file;
use crate::ffi::gil::GilCell;
use crate::sampling::asked::Asked;
use crate::sampling::life::Life;

/// _Sampler(options)
/// --
///
/// Looks at the stacks of all threads now and then. options: a pikos._options.Options, which says what it can be asked to do.
#[pyclass(name = "_Sampler", module = "pikos._lsprof", subclass, weakref, frozen)]
pub struct Sampler(GilCell<Rc<Life>>);

#[pymethods]
impl Sampler {
    /// Takes anything: a subclass has an `__init__` of its own.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(GilCell::new(Life::new()))
    }

    fn __init__(&self, py: Python<'_>, options: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.get(py).set_up(py, Asked::read(options)?)
    }

    /// Begins to look, or goes on. Does nothing while it looks. Raises RuntimeError if it can't.
    fn enable(slf: Bound<'_, Self>) -> PyResult<()> {
        slf.get().0.get(slf.py()).enable(slf.as_any())
    }

    /// Looks no more. Does nothing if it doesn't.
    fn disable(&self, py: Python<'_>) {
        self.0.get(py).disable(py);
    }

    /// Forgets all that was sampled so far.
    fn clear(&self, py: Python<'_>) {
        self.0.get(py).clear(py);
    }

    /// Looks so many times a second from now on.
    fn _set_rate(&self, py: Python<'_>, rate: f64) -> PyResult<()> {
        self.0.get(py).set_rate(py, rate)
    }

    /// How it does, by name.
    fn _status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (asked, status) = (self.0.get(py).asked(), self.0.get(py).status());
        let sampled = status.sampled;
        let dict = PyDict::new(py);
        dict.set_item("mode", asked.options.mode.to_string())?;
        dict.set_item("budget", asked.options.budget)?;
        dict.set_item("looks", sampled.looks)?;
        dict.set_item("samples", sampled.samples)?;
        dict.set_item("torn", sampled.torn)?;
        dict.set_item("missed", sampled.missed)?;
        dict.set_item("interval_mean", sampled.mean)?;
        dict.set_item("interval_stdev", sampled.deviation)?;
        dict.set_item("cost", sampled.cpu)?;
        dict.set_item("seconds", status.seconds)?;
        dict.set_item("threads", status.threads)?;
        dict.set_item("how", if status.why.is_some() { "gil" } else { "memory" })?;
        dict.set_item("why", status.why.unwrap_or_default())?;
        dict.set_item("problem", status.problem.unwrap_or_default())?;
        Ok(dict)
    }

    /// What was sampled so far, as something to sort, search and export.
    fn _finished(&self, py: Python<'_>) -> PyResult<StoredProfile> {
        let mut profile = self.0.get(py).profile(py)?;
        py.detach(|| profile.merge_labels());
        Ok(StoredProfile::new(profile))
    }

    /// What a file of that name is to hold, as bytes.
    fn _bytes_for<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyBytes>> {
        whole_file::bytes(py, &path, || self.recorded(py, &path))
    }

    /// Writes what was sampled so far to a file as a whole, or leaves what is there: in the format that its name says, else as our
    /// own. With `fresh`, nothing may be there, not even a link. False where it can only be written to: a device or a pipe. Raises
    /// OSError.
    #[pyo3(signature = (path, fresh=false))]
    fn _save(&self, py: Python<'_>, path: PathBuf, fresh: bool) -> PyResult<bool> {
        whole_file::save(py, &path, fresh, || self.recorded(py, &path))
    }

    /// Begins to publish without looking, if it is to be live and isn't yet. Returns why that can't be, or None.
    fn _go_live(slf: Bound<'_, Self>) -> PyResult<Option<String>> {
        let life = slf.get().0.get(slf.py());
        let problem = life.go_live(slf.as_any(), true)?;
        life.tell(slf.py());
        Ok(problem.map(|error| error.to_string()))
    }

    /// Sends the last message, which says how it ended, and publishes no more. Does nothing if it isn't live.
    fn _end_live(&self, py: Python<'_>, how: &str, detail: &str) {
        self.0.get(py).end_live(py, how, detail);
    }

    /// Where it is published; empty if it isn't live.
    #[getter]
    fn endpoints(&self, py: Python<'_>) -> Vec<String> {
        self.0.get(py).endpoints()
    }

    /// Looks a second that are asked for.
    #[getter]
    fn rate(&self, py: Python<'_>) -> f64 {
        self.0.get(py).asked().rate
    }

    /// Which threads count: "wall", "cpu" or "gil".
    #[getter]
    fn mode(&self, py: Python<'_>) -> String {
        self.0.get(py).asked().options.mode.to_string()
    }

    /// The share of a processor that sampling takes at most.
    #[getter]
    fn budget(&self, py: Python<'_>) -> f64 {
        self.0.get(py).asked().options.budget
    }

    /// Whether full stacks are kept.
    #[getter]
    fn tree(&self, py: Python<'_>) -> bool {
        self.0.get(py).asked().options.tree.is_some()
    }

    /// Whether it looks.
    #[getter]
    fn _is_enabled(&self, py: Python<'_>) -> bool {
        self.0.get(py).is_enabled()
    }
}

impl Sampler {
    /// What was sampled so far, and the format that a file of that name is to have; in all but pstats' own each label is one function.
    fn recorded(&self, py: Python<'_>, path: &Path) -> PyResult<(Profile, Format)> {
        let mut profile = self.0.get(py).profile(py)?;
        let format = Format::of_recorded(path, Format::untold(true));
        if format != Format::Pstats {
            py.detach(|| profile.merge_labels());
        }
        Ok((profile, format))
    }
}
