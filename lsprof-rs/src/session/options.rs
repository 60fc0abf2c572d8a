//! What was asked for of a live profile, found to be in order.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use pikos_publisher::{Endpoint, EndpointError, check_interval};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What the user asked for: an endpoint beside the user's own folder of sockets, the interval in seconds, whether to
/// connect to the endpoint, whether it may be beyond loopback, whether forked children are live, too.
#[derive(FromPyObject)]
pub struct LiveWish(Option<String>, f64, bool, bool, bool);

/// A file to write while the program runs, and how often, in seconds.
pub type CheckpointWish = (PathBuf, f64);

/// The same, found to be in order.
#[derive(Clone)]
pub struct LiveOptions {
    /// Beside the user's own folder of sockets.
    pub endpoint: Option<Endpoint>,
    /// From one message to the next.
    pub interval: Duration,
    /// Whether forked children are live, too.
    pub follow: bool,
    /// Whether there are sockets; else there is only a file that is written now and then.
    pub is_public: bool,
    /// That file, and how often.
    pub checkpoint: Option<(PathBuf, Duration)>,
}

/// Seconds from one checkpoint to the next may be these.
const CHECKPOINTS: RangeInclusive<f64> = 0.1..=86_400.0;

impl LiveOptions {
    /// What was asked for; `None` if nothing was. Raises ValueError if it can't be.
    pub fn new(live: Option<LiveWish>, checkpoint: Option<CheckpointWish>) -> PyResult<Option<Self>> {
        if live.is_none() && checkpoint.is_none() {
            return Ok(None);
        }
        let is_public = live.is_some();
        let options =
            live.map_or_else(|| LiveWish(None, 0.5, false, false, false).check(), LiveWish::check)?;
        let checkpoint = match checkpoint {
            None => None,
            Some((path, seconds)) if CHECKPOINTS.contains(&seconds) => {
                Some((path, Duration::from_secs_f64(seconds)))
            }
            Some((_, seconds)) => {
                return Err(PyValueError::new_err(format!(
                    "a checkpoint every {seconds} seconds: it must be from {} to {}",
                    CHECKPOINTS.start(),
                    CHECKPOINTS.end()
                )));
            }
        };
        Ok(Some(Self { is_public, checkpoint, ..options }))
    }
}

impl LiveWish {
    fn check(self) -> PyResult<LiveOptions> {
        let Self(endpoint, interval, connect, remote, follow) = self;
        let interval = check_interval(interval).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let refuse = |error: EndpointError| PyValueError::new_err(error.to_string());
        if connect && endpoint.is_none() {
            return Err(refuse(EndpointError::Nowhere));
        }
        let endpoint =
            endpoint.map(|text| Endpoint::parse(&text, connect, remote)).transpose().map_err(refuse)?;
        Ok(LiveOptions { endpoint, interval, follow, is_public: true, checkpoint: None })
    }
}
