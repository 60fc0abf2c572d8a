//! A live profile, seen from Python: starts and ends its stream, and takes it through forks.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pikos_wire::{End, Facts, WireText};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::collector::Collector;
use crate::ffi::gil::GilCell;
use crate::finished;
use crate::publisher::{self, Source, Stream, Target};

/// The shortest and the longest time between messages, in seconds.
const INTERVALS: std::ops::RangeInclusive<f64> = 0.02..=60.0;

/// All streams of this process, for forks and for the end.
static STREAMS: GilCell<RefCell<Vec<Weak<RefCell<Stream>>>>> = GilCell::new(RefCell::new(Vec::new()));

/// A profile's stream.
pub struct Live(Rc<RefCell<Stream>>);

/// What the user asked for.
pub struct Wanted<'a> {
    /// None for the user's folder.
    pub endpoint: Option<&'a str>,
    /// Whether the endpoint is a subscriber's.
    pub connect: bool,
    /// Whether it may be on another host.
    pub remote: bool,
    /// Seconds between messages.
    pub interval: f64,
    /// The hook's name.
    pub hook: &'a str,
    /// The profiled process that started this one.
    pub parent: Option<u32>,
}

impl Live {
    /// Starts a stream of what the collector collects.
    pub fn start(py: Python<'_>, collector: &Collector, wanted: &Wanted<'_>) -> PyResult<Self> {
        if !INTERVALS.contains(&wanted.interval) {
            return Err(PyValueError::new_err(format!(
                "interval must be {} to {} seconds, got {}",
                INTERVALS.start(),
                INTERVALS.end(),
                wanted.interval
            )));
        }
        let target =
            Target::parse(wanted.endpoint, wanted.connect, wanted.remote).map_err(PyValueError::new_err)?;
        let streams = STREAMS.get(py);
        streams.borrow_mut().retain(|stream| stream.strong_count() > 0);
        let number = streams.borrow().len() as u32 + 1;
        let facts = facts(py, collector, wanted)?;
        let id = publisher::stream_id(&facts.host, facts.pid, number);
        let source = Arc::new(Source::new(facts));
        collector.set_live(py, &source)?;
        let interval = Duration::from_secs_f64(wanted.interval);
        match Stream::start(source, id, target, interval, number) {
            Ok(stream) => {
                let stream = Rc::new(RefCell::new(stream));
                streams.borrow_mut().push(Rc::downgrade(&stream));
                Ok(Self(stream))
            }
            Err(problem) => {
                collector.forget_live();
                Err(PyOSError::new_err(problem))
            }
        }
    }

    /// Where it goes.
    pub fn endpoint(&self) -> String {
        self.0.borrow().endpoint().to_owned()
    }

    /// Sends the last message.
    pub fn end(&self, how: &str, detail: &str) {
        self.0.borrow_mut().end(End { how: how.to_owned(), detail: detail.to_owned() });
    }
}

fn facts(py: Python<'_>, collector: &Collector, wanted: &Wanted<'_>) -> PyResult<Facts> {
    let sys = py.import("sys")?;
    let mut argv = Vec::new();
    // A program may have put anything there, or nothing.
    for argument in sys.getattr("argv").and_then(|argv| argv.try_iter()).into_iter().flatten() {
        if let Ok(argument) = argument?.cast_into::<PyString>() {
            argv.push(WireText(finished::text(argument.as_any())?));
        }
    }
    let version = py.version_info();
    Ok(Facts {
        pid: std::process::id(),
        parent: wanted.parent,
        host: py.import("os")?.call_method0("uname")?.getattr("nodename")?.extract()?,
        started: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
        argv,
        python: format!("CPython {}.{}.{}", version.major, version.minor, version.patch),
        pikos: env!("CARGO_PKG_VERSION").to_owned(),
        clock: if collector.timer().is_some() {
            "timer".into()
        } else {
            lsprof_engine::clock::name().to_owned()
        },
        hook: wanted.hook.to_owned(),
        compensated: collector.is_compensated(),
        builtins: collector.builtins(),
        control: None,
    })
}

/// Ends all streams: the interpreter is about to.
pub fn end_all(py: Python<'_>) {
    for_each(py, |stream| stream.end(End { how: "normal".into(), detail: String::new() }));
}

/// Stops the threads: none may be under way in a fork.
pub fn before_fork(py: Python<'_>) {
    for_each(py, Stream::rest);
}

/// Starts them again.
pub fn after_fork_in_parent(py: Python<'_>) {
    // A port may have been taken in that moment: then the stream is lost, and the program goes on.
    for_each(py, |stream| _ = stream.resume());
}

/// The child is none of the parent's subscribers' business.
pub fn after_fork_in_child(py: Python<'_>) {
    STREAMS.get(py).borrow_mut().clear();
}

fn for_each(py: Python<'_>, act: impl Fn(&mut Stream)) {
    let streams: Vec<_> = STREAMS.get(py).borrow().iter().filter_map(Weak::upgrade).collect();
    streams.iter().for_each(|stream| act(&mut stream.borrow_mut()));
}
