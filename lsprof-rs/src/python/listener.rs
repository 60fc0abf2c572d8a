//! `pikos.live`'s native half: the client of the live stream, for Python.

use std::time::{Duration, Instant};

use pikos_client::{ClientError, Listener, Stream, Target};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::python::stored::StoredProfile;

/// Signals are looked for this often while we wait.
const PACE: Duration = Duration::from_millis(100);

/// Listens to live profiles. See `pikos.live.Subscriber`.
#[pyclass(name = "_Listener", module = "pikos._lsprof", unsendable)]
pub struct PyListener(Listener<u64>);

#[pymethods]
impl PyListener {
    /// Listens to targets (process numbers or endpoints; all of the user's if there are none), or binds an endpoint.
    #[new]
    fn new(targets: Vec<String>, bind: Option<&str>) -> PyResult<Self> {
        let targets = targets.iter().map(|target| target.parse::<Target>()).collect::<Result<Vec<_>, _>>();
        let listener = match bind {
            Some(endpoint) => Listener::bind(endpoint),
            None => targets.and_then(|targets| Listener::connect(&targets)),
        };
        listener.map(Self).map_err(raised)
    }

    /// Where it listens.
    fn endpoints(&self) -> Vec<String> {
        self.0.endpoints().map(str::to_owned).collect()
    }

    /// Whether nobody is left who could send.
    fn is_over(&self) -> bool {
        self.0.is_over()
    }

    /// Waits for messages, at most so many seconds. Returns the places of the streams that have told something.
    fn poll(&mut self, py: Python<'_>, timeout: f64) -> PyResult<Vec<usize>> {
        let wait = Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX);
        let start = Instant::now();
        loop {
            let left = wait.saturating_sub(start.elapsed()).min(PACE);
            let listener = &mut self.0;
            let polled = py.detach(move || Alone(listener).poll(left));
            polled.map_err(raised)?;
            py.check_signals()?;
            let mut news = Vec::new();
            for (place, stream) in self.0.streams_mut().iter_mut().enumerate() {
                let state = stream.model.seq() * 2 + u64::from(stream.is_lost);
                if std::mem::replace(&mut stream.extra, state) != state {
                    news.push(place);
                }
            }
            if !news.is_empty() || start.elapsed() >= wait || self.0.is_over() {
                return Ok(news);
            }
        }
    }

    /// What is known of each stream, its figures aside.
    fn streams<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        self.0.streams().iter().map(|stream| described(py, stream)).collect()
    }

    /// A stream's figures, as if it had ended at its last message.
    fn profile(&self, py: Python<'_>, place: usize, thread: Option<u64>) -> PyResult<StoredProfile> {
        let stream = self.0.streams().get(place);
        let stream = stream.ok_or_else(|| PyValueError::new_err(format!("there is no stream {place}")))?;
        let model = &stream.model;
        Ok(StoredProfile::new(py.detach(|| model.profile(thread))))
    }
}

/// A listener that one thread has alone: its sockets go where it goes.
struct Alone<'a>(&'a mut Listener<u64>);

impl Alone<'_> {
    fn poll(self, timeout: Duration) -> Result<bool, ClientError> {
        self.0.poll(timeout)
    }
}

fn described<'py>(py: Python<'py>, stream: &Stream<u64>) -> PyResult<Bound<'py, PyDict>> {
    let (model, head, facts) = (&stream.model, stream.model.head(), stream.model.facts());
    let fields = PyDict::new(py);
    let argv: Vec<_> = facts.argv.iter().map(|argument| argument.0.to_str_lossy().into_owned()).collect();
    let threads: Vec<_> = model
        .threads()
        .iter()
        .map(|row| (row.thread, row.name.0.to_str_lossy().into_owned(), row.native_id, row.is_over))
        .collect();
    fields.set_item("id", model.id())?;
    fields.set_item("pid", facts.pid)?;
    fields.set_item("parent", facts.parent)?;
    fields.set_item("host", &facts.host)?;
    fields.set_item("argv", argv)?;
    fields.set_item("python", &facts.python)?;
    fields.set_item("hook", &facts.hook)?;
    fields.set_item("compensated", facts.compensated)?;
    fields.set_item("tree", facts.tree)?;
    fields.set_item("endpoint", &stream.endpoint)?;
    fields.set_item("seq", model.seq())?;
    fields.set_item("epoch", head.epoch)?;
    fields.set_item("age", head.age)?;
    fields.set_item("interval", head.interval)?;
    fields.set_item("paused", head.paused)?;
    fields.set_item("complete", model.is_complete())?;
    fields.set_item("lost", model.lost())?;
    fields.set_item("ncalls", model.sum(None).0)?;
    fields.set_item("threads", threads)?;
    fields.set_item("end", model.end().map(|end| (end.how.clone(), end.detail.clone())))?;
    fields.set_item("gone", stream.is_lost)?;
    Ok(fields)
}

/// As Python knows it.
pub fn raised(error: ClientError) -> PyErr {
    match error {
        ClientError::NotATarget(_) => PyValueError::new_err(error.to_string()),
        _ => PyOSError::new_err(error.to_string()),
    }
}
