//! `pikos.live`'s native half for records.

use std::time::{Duration, Instant};

use pikos_client::{RecordBatches, Records, Target};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString};

use super::listener::raised;

/// Signals are looked for this often while we wait.
const PACE: Duration = Duration::from_millis(100);

/// Nanoseconds of a second.
const SECOND: f64 = 1e9;

/// Listens to recorders. See `pikos.live.RecordSubscriber`.
#[pyclass(name = "_RecordBatches", module = "pikos._lsprof", unsendable)]
pub struct PyRecordBatches(RecordBatches);

#[pymethods]
impl PyRecordBatches {
    /// Listens to targets (process numbers or endpoints; all of the user's if there are none), or binds an endpoint.
    #[new]
    fn new(targets: Vec<String>, bind: Option<&str>) -> PyResult<Self> {
        let targets = targets.iter().map(|target| target.parse::<Target>()).collect::<Result<Vec<_>, _>>();
        let batches = match bind {
            Some(endpoint) => RecordBatches::bind(endpoint),
            None => targets.and_then(|targets| RecordBatches::connect(&targets)),
        };
        batches.map(Self).map_err(raised)
    }

    /// Where it was bound.
    #[getter]
    fn endpoint(&self) -> Option<&str> {
        self.0.endpoint()
    }

    /// Messages that did not come.
    #[getter]
    fn lost(&self) -> u64 {
        self.0.lost()
    }

    /// Whether nobody is left who could send.
    fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// The next batch, as a map of what it says of itself, and its columns; None if none comes in so many seconds.
    fn next<'py>(
        &mut self,
        py: Python<'py>,
        timeout: f64,
    ) -> PyResult<Option<(Bound<'py, PyDict>, Bound<'py, PyDict>)>> {
        let wait = Duration::try_from_secs_f64(timeout)
            .map_err(|_| PyValueError::new_err("timeout: not a number of seconds"))?;
        let start = Instant::now();
        loop {
            let left = wait.saturating_sub(start.elapsed()).min(PACE);
            let batches = &mut self.0;
            let next = py.detach(move || Alone(batches).next(left));
            py.check_signals()?;
            match next {
                Some(records) => return Ok(Some((head(py, &records)?, columns(py, &records)?))),
                None if start.elapsed() >= wait || self.0.is_over() => return Ok(None),
                None => {}
            }
        }
    }
}

/// A socket that one thread has alone.
struct Alone<'a>(&'a mut RecordBatches);

impl Alone<'_> {
    fn next(self, timeout: Duration) -> Option<Records> {
        self.0.next(timeout)
    }
}

fn head<'py>(py: Python<'py>, records: &Records) -> PyResult<Bound<'py, PyDict>> {
    let argv: Vec<_> = records.argv.iter().map(|word| word.0.to_str_lossy().into_owned()).collect();
    let head = PyDict::new(py);
    head.set_item("id", &records.id)?;
    head.set_item("pid", records.pid)?;
    head.set_item("host", &records.host)?;
    head.set_item("argv", argv)?;
    head.set_item("seq", records.seq)?;
    head.set_item("epoch", records.epoch)?;
    head.set_item("time", records.time)?;
    head.set_item("dropped", records.dropped)?;
    head.set_item("paused", records.paused)?;
    head.set_item("end", records.end)?;
    head.set_item("threads", &records.threads)?;
    Ok(head)
}

/// Each field's values, as a record has them.
fn columns<'py>(py: Python<'py>, records: &Records) -> PyResult<Bound<'py, PyDict>> {
    let texts: Vec<_> = records.texts.iter().map(|text| PyString::new(py, text)).collect();
    let columns = PyDict::new(py);
    for (field, column) in records.fields.iter().zip(&records.columns) {
        let values = if Records::TEXT_FIELDS.contains(&field.as_str()) {
            // Checked where the message was read.
            PyList::new(py, column.iter().map(|place| texts.get(*place as usize)).collect::<Vec<_>>())?
        } else if field == "time" {
            PyList::new(py, column.iter().map(|time| *time as f64 / SECOND).collect::<Vec<_>>())?
        } else {
            PyList::new(py, column)?
        };
        columns.set_item(field, values)?;
    }
    Ok(columns)
}
