//! `_lsprof._ObjectEvents`: the native half of an `ObjectMonitor`.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use pikos_publisher::{Endpoint, RecordStream};

use super::counter::Counter;
use super::hooks;
use super::live;
use super::tables::Tables;
use super::wanted::Wanted;
use crate::ffi::gil::GilCell;
use crate::ffi::object_type::CodeFields;

/// A type: module, name, created, destroyed, peak, bytes of one object.
type TypeTuple = (String, String, u64, u64, i64, u64);
/// A place: the type's number, file, function, line, created, alive as far as it is followed, of how many one is followed.
type PlaceTuple = (u32, String, String, u32, u64, u64, u64);

/// Counts the objects that are made and that go.
#[pyclass(name = "_ObjectEvents", module = "pikos._lsprof", frozen)]
pub struct ObjectEvents {
    patterns: Option<Vec<String>>,
    main: Option<String>,
    by_place: bool,
    state: GilCell<State>,
}

#[derive(Default)]
struct State {
    tables: RefCell<Arc<Tables>>,
    counts: Cell<bool>,
    /// Whether another tool came in between.
    was_interrupted: Cell<bool>,
    stream: RefCell<Option<RecordStream>>,
}

impl Drop for ObjectEvents {
    /// Who has forgotten it wants no more of it.
    fn drop(&mut self) {
        Python::attach(|py| self.stop(py));
    }
}

#[pymethods]
impl ObjectEvents {
    /// types: patterns of names; None for all. main: what the program's own module would be called if it were imported. by_place: whether
    /// lines are counted, too. ValueError where all types are asked for and this CPython tells of named ones only.
    #[new]
    fn new(
        py: Python<'_>,
        types: Option<Vec<String>>,
        main: Option<String>,
        by_place: bool,
    ) -> PyResult<Self> {
        if types.is_none() && !hooks::tells(py)?.all_types {
            return Err(PyValueError::new_err(
                "before Python 3.13 objects of all types can't be counted: name the types, types=['list', 'app.*']",
            ));
        }
        Ok(Self { patterns: types, main, by_place, state: GilCell::default() })
    }

    /// Begins anew. RuntimeError where somebody is in the way.
    fn start(&self, py: Python<'_>) -> PyResult<()> {
        let state = self.state.get(py);
        let wanted =
            Wanted::new(self.patterns.as_deref(), self.main.clone()).map_err(PyValueError::new_err)?;
        let fields = if self.by_place {
            let fields = CodeFields::find(py);
            Some(fields.ok_or_else(|| {
                PyRuntimeError::new_err("this CPython's code objects are unknown: count without places")
            })?)
        } else {
            None
        };
        let tables = Arc::new(Tables::default());
        hooks::begin(py, Box::new(Counter::new(Arc::clone(&tables), wanted, fields)))?;
        state.tables.replace(tables);
        state.counts.set(true);
        state.was_interrupted.set(false);
        Ok(())
    }

    /// Counts no more; what was counted stays. Does nothing if it doesn't count.
    fn stop(&self, py: Python<'_>) {
        let state = self.state.get(py);
        if state.counts.replace(false) {
            state.was_interrupted.set(hooks::is_interrupted(py));
            hooks::end(py);
        }
        if let Some(stream) = state.stream.take() {
            // The last message has some time to leave.
            py.detach(|| drop(stream));
        }
    }

    /// Sends what is counted to whoever subscribes to the process, and to `endpoint`. ValueError for what is no endpoint, OSError where
    /// there is no socket to be had.
    fn publish(
        &self,
        py: Python<'_>,
        endpoint: Option<&str>,
        connect: bool,
        remote: bool,
        interval: f64,
    ) -> PyResult<()> {
        let extra = endpoint.map(|text| Endpoint::parse(text, connect, remote)).transpose();
        let extra = extra.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let state = self.state.get(py);
        let tables = Arc::clone(&state.tables.borrow());
        let ends = hooks::tells(py)?.ends;
        let stream = live::start(py, tables, ends, extra, interval);
        state.stream.replace(Some(stream.map_err(|error| PyOSError::new_err(error.to_string()))?));
        Ok(())
    }

    /// The types by now, in the order in which they were met.
    fn types(&self, py: Python<'_>) -> Vec<TypeTuple> {
        let types = self.state.get(py).tables.borrow().types();
        let row = |row: &Arc<super::tables::TypeRow>| {
            let (module, name) = (row.module.clone(), row.name.clone());
            (module, name, row.created.get(), row.destroyed.get(), row.peak(), row.size)
        };
        types.iter().map(row).collect()
    }

    /// The places by now.
    fn places(&self, py: Python<'_>) -> Vec<PlaceTuple> {
        let tables = Arc::clone(&self.state.get(py).tables.borrow());
        let types = tables.types();
        let row = |row: &Arc<super::tables::PlaceRow>| {
            let one_of = types.get(row.of as usize).map_or(1, |of| of.one_of.get());
            let (file, function) = (row.file.clone(), row.function.clone());
            (row.of, file, function, row.line, row.created.get(), row.followed.get(), one_of)
        };
        tables.places().iter().map(row).collect()
    }

    /// How many types, and how many places, had no room.
    #[getter]
    fn unlisted(&self, py: Python<'_>) -> (u64, u64) {
        let tables = self.state.get(py).tables.borrow();
        (tables.unlisted_types.get(), tables.unlisted_places.get())
    }

    /// Whether this CPython tells of each object that goes.
    #[staticmethod]
    fn tells_ends(py: Python<'_>) -> PyResult<bool> {
        Ok(hooks::tells(py)?.ends)
    }

    /// Whether another tool has taken CPython's events meanwhile: counts end there.
    #[getter]
    fn was_interrupted(&self, py: Python<'_>) -> bool {
        let state = self.state.get(py);
        if state.counts.get() { hooks::is_interrupted(py) } else { state.was_interrupted.get() }
    }
}
