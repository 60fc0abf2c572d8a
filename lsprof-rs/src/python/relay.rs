//! Profiles of other processes, passed on as live streams of theirs: for whoever gathers them by another way than ours.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pikos_os::host;
use pikos_publisher::{Endpoint, Part, Relay, Voice, check_interval};
use pikos_wire::{End, Facts, WireText};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

use crate::python::stored::StoredProfile;

/// Sends streams, each of one process. They are to be had where this user's live processes are, and at an endpoint if one is given.
#[pyclass(name = "_Relay", module = "pikos._lsprof", frozen)]
pub struct PyRelay {
    open: Mutex<Option<Open>>,
    endpoints: Vec<String>,
    interval: Duration,
}

struct Open {
    relay: Relay,
    voices: HashMap<String, Voice>,
}

#[pymethods]
impl PyRelay {
    /// Opens it. Raises ValueError for what is no endpoint or interval, OSError if it can't be had.
    #[new]
    fn new(endpoint: Option<&str>, connect: bool, remote: bool, interval: f64) -> PyResult<Self> {
        let interval = check_interval(interval).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let extra = endpoint.map(|text| Endpoint::parse(text, connect, remote)).transpose();
        let extra = extra.map_err(|error| PyValueError::new_err(error.to_string()))?;
        let relay = Relay::open(extra).map_err(|error| PyOSError::new_err(error.to_string()))?;
        let endpoints = relay.endpoints();
        let open = Mutex::new(Some(Open { relay, voices: HashMap::new() }));
        Ok(Self { open, endpoints, interval })
    }

    /// Where its streams are to be had.
    #[getter]
    fn endpoints(&self) -> Vec<String> {
        self.endpoints.clone()
    }

    /// Whether anybody listens, and whether somebody has come since this was asked last.
    fn listeners(&self) -> (bool, bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_mut().map_or((false, false), |open| open.relay.listeners())
    }

    /// Tells what is known of a process at `time` (seconds since 1970): its figures so far, by label. about: its host, its number, its
    /// words, its Python. end: how it ended, in its last message.
    #[pyo3(signature = (id, about, parts, time, end=None))]
    fn tell(
        &self,
        py: Python<'_>,
        id: String,
        about: (String, u32, Vec<String>, String),
        parts: Vec<(String, Py<StoredProfile>)>,
        time: f64,
        end: Option<(String, String)>,
    ) -> bool {
        let (host, pid, argv, python) = about;
        let end = end.map(|(how, detail)| End { how, detail });
        py.detach(|| {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(Open { relay, voices }) = open.as_mut() else { return false };
            let words: Vec<WireText> = argv.iter().map(|word| word.as_str().into()).collect();
            let voice = voices.entry(id.clone()).or_insert_with(|| {
                let facts = Facts { host, pid, python, started: time, ..of_this_pikos(time) };
                Voice::new(id, facts)
            });
            voice.facts_mut().argv = words;
            let parts = parts.iter();
            let parts = parts.map(|(name, profile)| Part { name, profile: profile.get().profile() });
            let parts: Vec<Part<'_>> = parts.collect();
            relay.send(&voice.message(&parts, self.interval, time, end))
        })
    }

    /// Ends all of its streams.
    fn close(&self, py: Python<'_>) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| drop(open));
    }
}

fn of_this_pikos(time: f64) -> Facts {
    Facts {
        zone: host::zone_at(time),
        pikos: env!("CARGO_PKG_VERSION").to_owned(),
        clock: "monotonic".to_owned(),
        hook: "passed on".to_owned(),
        builtins: true,
        ..Facts::default()
    }
}
