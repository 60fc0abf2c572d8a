//! What a recording is asked to do: `pikos._options.Options`, read by name.
//!
//! Names, defaults and ranges are written down there, and checked there. What Python can't tell, whether there can be such an
//! endpoint, is found out here.

use std::path::PathBuf;
use std::time::Duration;

use pikos_publisher::{Endpoint, EndpointError, check_interval};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};
use regex::Regex;

use crate::collect::followed::Followed;
use crate::collect::visible::Visible;

/// What a profile was asked for, besides what cProfile's can be.
#[derive(Default)]
pub struct Asked {
    /// Whether all threads are covered; `None` for what the interpreter's cProfile covers.
    pub threads: Option<bool>,
    /// Whether the context that enables it is covered, with its copies, and nothing else.
    pub follows_context: bool,
    /// How calls are reported.
    pub hook: Option<String>,
    /// Whether what recording costs is taken out of the times.
    pub compensate: bool,
    /// Whether what threads wait for the GIL is taken out of the times.
    pub takes_waits_out: bool,
    /// Where times are sampled: from one look to the next.
    pub samples: Option<Duration>,
    /// Whether it is kept how long each call took.
    pub distribution: bool,
    /// Whether it is kept what a processor had of each function.
    pub cpu: bool,
    /// Whether collections of garbage count as calls.
    pub gc: bool,
    /// Depth and nodes, the limits within which full stacks are kept.
    pub tree: Option<(u32, usize)>,
    /// How many label sets are told apart.
    pub label_sets: usize,
    /// What is followed of coroutines.
    pub followed: Option<Followed>,
    /// Which functions are shown as themselves; `None` for all.
    pub visible: Option<Visible>,
    /// What is published.
    pub live: Option<LiveOptions>,
    /// Those options that differ from the default, as Python has them: `threads=True`.
    pub wishes: Vec<String>,
}

impl Asked {
    /// Raises ValueError for what can't be, TypeError for what is nothing of the kind.
    pub fn read(options: &Bound<'_, PyAny>) -> PyResult<Self> {
        let tree: bool = read(options, "tree")?;
        let limits = (read(options, "tree_depth")?, read(options, "tree_nodes")?);
        Ok(Self {
            threads: read(options, "threads")?,
            follows_context: read(options, "context")?,
            hook: read(options, "hook")?,
            compensate: read(options, "compensate")?,
            takes_waits_out: read::<String>(options, "gil_wait")? == "out",
            samples: samples(options)?,
            distribution: read(options, "distribution")?,
            cpu: read(options, "cpu")?,
            gc: read(options, "gc")?,
            tree: tree.then_some(limits),
            label_sets: read(options, "label_sets")?,
            followed: followed(options)?,
            visible: Visible::new(pattern(options, "include")?, pattern(options, "exclude")?),
            live: LiveOptions::read(options)?,
            wishes: wishes(options)?,
        })
    }
}

/// What is published, found to be in order.
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

/// From one look at the clock to the next, where there is only a file to write.
const UNSEEN: Duration = Duration::from_millis(500);

impl LiveOptions {
    /// `None` if nothing is to be published or written.
    pub fn read(options: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let checkpoint = match read::<Option<(PathBuf, f64)>>(options, "checkpoint")? {
            None => None,
            Some((path, seconds)) => {
                let every = Duration::try_from_secs_f64(seconds);
                Some((path, every.map_err(|error| refuse(&format!("checkpoint: {error}")))?))
            }
        };
        let (is_public, endpoint) = match read(options, "live")? {
            Live::Wanted(wanted) => (wanted, None),
            Live::Endpoint(endpoint) => (true, Some(endpoint)),
        };
        if !is_public {
            return Ok(checkpoint.map(|checkpoint| Self {
                endpoint: None,
                interval: UNSEEN,
                follow: false,
                is_public,
                checkpoint: Some(checkpoint),
            }));
        }
        let interval =
            check_interval(read(options, "interval")?).map_err(|error| refuse(&error.to_string()))?;
        let (connect, remote) = (read(options, "connect")?, read(options, "remote")?);
        if connect && endpoint.is_none() {
            return Err(refuse(&EndpointError::Nowhere.to_string()));
        }
        let endpoint = endpoint.map(|text| Endpoint::parse(&text, connect, remote)).transpose();
        let endpoint = endpoint.map_err(|error| refuse(&error.to_string()))?;
        Ok(Some(Self { endpoint, interval, follow: read(options, "follow")?, is_public, checkpoint }))
    }
}

/// What is followed of coroutines.
fn followed(options: &Bound<'_, PyAny>) -> PyResult<Option<Followed>> {
    let slow = Duration::try_from_secs_f64(read(options, "slow_step")?);
    let slow = slow.map_err(|error| refuse(&format!("slow_step: {error}")))?;
    let followed = Followed { slow, generators: read(options, "generators")? };
    Ok(read::<bool>(options, "tasks")?.then_some(followed))
}

/// Looks a second, where times are sampled and nobody says how many.
const USUAL_RATE: f64 = 1000.0;

/// From one look to the next, where times are sampled.
fn samples(options: &Bound<'_, PyAny>) -> PyResult<Option<Duration>> {
    let rate = read::<Option<f64>>(options, "rate")?.unwrap_or(USUAL_RATE);
    let is_wanted = read::<String>(options, "times")? == "sampled";
    let interval = is_wanted.then(|| Duration::try_from_secs_f64(rate.recip())).transpose();
    interval.map_err(|error| refuse(&format!("rate: {error}")))
}

/// Whether to publish; or that, and where, too.
enum Live {
    Wanted(bool),
    Endpoint(String),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Live {
    type Error = PyErr;

    /// Tries no kind that it isn't: of the error in that PyO3 would make an exception, which it can't on 3.15 while `site` runs.
    fn extract(value: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        match value.cast::<PyBool>() {
            Ok(wanted) => Ok(Self::Wanted(wanted.is_true())),
            Err(_) => value.extract().map(Self::Endpoint),
        }
    }
}

/// The option of this name.
pub fn read<'py, T: FromPyObjectOwned<'py>>(options: &Bound<'py, PyAny>, name: &str) -> PyResult<T> {
    let value = options.getattr(name)?;
    value.extract().map_err(Into::into).map_err(|error: PyErr| {
        // Of a tuple the length may be wrong.
        let is_another_kind = error.is_instance_of::<PyTypeError>(options.py())
            || error.is_instance_of::<PyValueError>(options.py());
        if is_another_kind { PyTypeError::new_err(format!("{name} can't be {value:?}")) } else { error }
    })
}

/// Those that differ from the default: `threads=True`.
pub fn wishes(options: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    let wishes = options.call_method0("wishes")?.cast_into::<PyDict>()?;
    wishes.iter().map(|(name, value)| Ok(format!("{name}={}", value.repr()?))).collect()
}

/// The option of this name, a regular expression.
fn pattern(options: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<Regex>> {
    let text: Option<String> = read(options, name)?;
    let compiled = text.map(|text| {
        Regex::new(&text).map_err(|error| {
            // It draws the pattern with an arrow below, and says what is wrong in its last line.
            let drawn = error.to_string();
            let problem = drawn.lines().last().unwrap_or_default().trim_start_matches("error: ");
            refuse(&format!("{name} is not a regular expression, {text:?}: {problem}"))
        })
    });
    compiled.transpose()
}

fn refuse(why: &str) -> PyErr {
    PyValueError::new_err(why.to_owned())
}
