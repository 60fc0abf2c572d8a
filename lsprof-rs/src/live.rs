//! Live profiles, as Python sees them: when a publisher starts and ends, what happens to it at a fork and at the
//! interpreter's end, and what subscribers ask of the program's main thread.

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::time::Duration;

use pikos_wire::{Command, End, Facts, WireText};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyWeakrefMethods, PyWeakrefReference};

use crate::collector::Collector;
use crate::ffi::gil::GilCell;
use crate::ffi::pending;
use crate::profiler::Profiler;
use crate::publisher::{
    Endpoint, INTERVALS, Outcome, Plan, Publisher, Rate, Source, StartError, check_interval,
};

/// What the user asked for: an endpoint beside the user's own folder of sockets, the interval in seconds, whether to
/// connect to the endpoint, whether it may be beyond loopback, whether forked children are live, too.
#[derive(FromPyObject)]
pub struct Wish(Option<String>, f64, bool, bool, bool);

/// A file to write while the program runs, and how often, in seconds.
pub type CheckpointWish = (PathBuf, f64);

/// The same, found to be in order.
#[derive(Clone)]
pub struct Options {
    endpoint: Option<Endpoint>,
    interval: Duration,
    follow: bool,
    /// Whether there are sockets; else there is only a file that is written now and then.
    is_public: bool,
    checkpoint: Option<(PathBuf, Duration)>,
}

impl Options {
    /// What was asked for; `None` if nothing was. Raises ValueError if it can't be.
    pub fn new(live: Option<Wish>, checkpoint: Option<CheckpointWish>) -> PyResult<Option<Self>> {
        if live.is_none() && checkpoint.is_none() {
            return Ok(None);
        }
        let is_public = live.is_some();
        let options = live.map_or_else(|| Wish(None, 0.5, false, false, false).check(), Wish::check)?;
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

/// Seconds from one checkpoint to the next may be these.
const CHECKPOINTS: RangeInclusive<f64> = 0.1..=86_400.0;

impl Wish {
    fn check(self) -> PyResult<Options> {
        let Self(endpoint, interval, connect, remote, follow) = self;
        let Some(interval) = check_interval(interval) else {
            return Err(PyValueError::new_err(format!(
                "interval must be from {} to {} seconds, got {interval}",
                INTERVALS.start(),
                INTERVALS.end()
            )));
        };
        let refuse = |error: crate::publisher::EndpointError| PyValueError::new_err(error.to_string());
        if connect && endpoint.is_none() {
            return Err(refuse(crate::publisher::EndpointError::Nowhere));
        }
        let endpoint =
            endpoint.map(|text| Endpoint::parse(&text, connect, remote)).transpose().map_err(refuse)?;
        Ok(Options { endpoint, interval, follow, is_public: true, checkpoint: None })
    }
}

/// The live side of one profile.
pub struct Live {
    options: Options,
    publisher: RefCell<Option<Publisher>>,
    collector: Rc<Collector>,
    /// The Profiler object.
    profiler: Py<PyWeakrefReference>,
    /// Whether it began in a process that this one was forked from.
    is_inherited: Cell<bool>,
}

/// The profiled process that has made this one.
static PARENT: GilCell<Cell<Option<u32>>> = GilCell::new(Cell::new(None));

/// All live profiles of this process.
static ALL: GilCell<RefCell<Vec<Weak<Live>>>> = GilCell::new(RefCell::new(Vec::new()));

impl Live {
    /// Starts publishing; or says why that can't be.
    pub fn start(
        py: Python<'_>,
        profiler: &Bound<'_, PyAny>,
        collector: &Rc<Collector>,
        options: &Options,
    ) -> PyResult<Result<Rc<Self>, StartError>> {
        watch_interpreter(py)?;
        let live = Rc::new(Self {
            options: options.clone(),
            publisher: RefCell::default(),
            collector: Rc::clone(collector),
            profiler: PyWeakrefReference::new(profiler)?.unbind(),
            is_inherited: Cell::new(false),
        });
        if let Err(error) = live.launch(py)? {
            return Ok(Err(error));
        }
        let mut all = ALL.get(py).borrow_mut();
        all.retain(|other| other.strong_count() > 0);
        all.push(Rc::downgrade(&live));
        drop(all);
        Ok(Ok(live))
    }

    fn launch(&self, py: Python<'_>) -> PyResult<Result<(), StartError>> {
        let source = Source::new();
        let facts = facts(py, PARENT.get(py).get())?;
        source.change(|state| {
            state.facts = facts;
            state.facts.tree = self.collector.has_tree();
            state.paused = true;
        });
        let is_own = !self.is_inherited.get();
        let started = Publisher::start(
            source,
            Plan {
                is_public: self.options.is_public,
                // An endpoint that the parent has bound, and the file, are the parent's.
                extra: self.options.endpoint.clone().filter(|endpoint| is_own || endpoint.connect),
                interval: self.options.interval,
                checkpoint: self.options.checkpoint.clone().filter(|_| is_own),
            },
            pending::call_main_thread,
        );
        match started {
            Ok(publisher) => {
                self.collector.go_live(py, publisher.source());
                self.publisher.replace(Some(publisher));
                if self.options.is_public {
                    py.import("pikos._processes.execs")?.call_method0("watch_streams")?;
                }
                Ok(Ok(()))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    /// Where it is published.
    pub fn endpoints(&self) -> Vec<String> {
        self.publisher.borrow().as_ref().map(Publisher::endpoints).unwrap_or_default()
    }

    /// Says whether it collects, and through which hook.
    pub fn tell(&self, paused: bool, hook: &str) {
        if let Some(publisher) = self.publisher.borrow().as_ref() {
            publisher.source().change(|state| {
                state.paused = paused;
                hook.clone_into(&mut state.facts.hook);
                state.facts.builtins = self.collector.builtins();
                state.facts.compensated = self.collector.is_compensated();
                if self.collector.timer().is_some() {
                    "timer".clone_into(&mut state.facts.clock);
                }
            });
        }
    }

    /// Sends the last message, whatever is recorded by now.
    pub fn end(&self, py: Python<'_>, how: &str, detail: &str) {
        self.collector.leave_live();
        if let Some(mut publisher) = self.publisher.take() {
            let end = End { how: how.to_owned(), detail: detail.to_owned() };
            // Others may run meanwhile: it can take 200 ms.
            let publisher = &mut publisher;
            py.detach(move || publisher.end(end));
            let mut is_last = true;
            for_each(py, |other| is_last &= other.publisher.borrow().is_none());
            if is_last {
                // At the interpreter's end there may be nothing to import any more, and nothing to be undone.
                let _ = py.import("pikos._processes.execs").and_then(|module| module.call_method0("unwatch_streams"));
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.collector.leave_live();
    }
}

/// Calls `act` with each live profile, and nothing borrowed.
fn for_each(py: Python<'_>, mut act: impl FnMut(&Rc<Live>)) {
    let all: Vec<_> = ALL.get(py).borrow().iter().filter_map(Weak::upgrade).collect();
    all.iter().for_each(&mut act);
}

/// Once: forks and the interpreter's end concern us; `pikos._processes.execs` sees to `os.exec*`.
fn watch_interpreter(py: Python<'_>) -> PyResult<()> {
    static WATCHES: GilCell<Cell<bool>> = GilCell::new(Cell::new(false));
    if WATCHES.get(py).replace(true) {
        return Ok(());
    }
    let module = py.import("pikos._lsprof")?;
    let at_fork = PyDict::new(py);
    at_fork.set_item("before", module.getattr("_live_before_fork")?)?;
    at_fork.set_item("after_in_parent", module.getattr("_live_after_fork_in_parent")?)?;
    at_fork.set_item("after_in_child", module.getattr("_live_after_fork_in_child")?)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&at_fork))?;
    py.import("atexit")?.call_method1("register", (module.getattr("_live_at_exit")?,))?;
    Ok(())
}

/// Stops all threads: a child must not inherit a socket, and `os.fork` warns of threads.
#[pyfunction]
pub fn _live_before_fork(py: Python<'_>) {
    for_each(py, |live| {
        if let Some(publisher) = live.publisher.borrow_mut().as_mut() {
            publisher.rest();
        }
    });
}

/// Starts them again.
#[pyfunction]
pub fn _live_after_fork_in_parent(py: Python<'_>) {
    for_each(py, |live| {
        if let Some(publisher) = live.publisher.borrow_mut().as_mut() {
            publisher.resume();
        }
    });
}

/// The child is silent; or, if it was asked to follow, a live process of its own whose numbers begin at zero.
#[pyfunction]
pub fn _live_after_fork_in_child(py: Python<'_>) {
    for_each(py, |live| {
        live.collector.leave_live();
        // Never dropped here: it would clean up what is the parent's.
        let before = live.publisher.take();
        let was_live = before.is_some();
        std::mem::forget(before);
        if !was_live || !live.options.follow || is_about_to_exec(py) {
            return;
        }
        PARENT.get(py).set(Some(std::os::unix::process::parent_id()));
        live.is_inherited.set(true);
        if let Some(profiler) = live.profiler.bind(py).upgrade() {
            if let Ok(profiler) = profiler.cast::<Profiler>() {
                let restarted = profiler.get().forget(py).and_then(|()| live.launch(py));
                match restarted {
                    Ok(Ok(())) => profiler.get().tell_live(py),
                    Ok(Err(problem)) => say_not_live(py, &problem),
                    Err(_) => {}
                }
            }
        }
    });
}

/// Whether `subprocess` has forked, to run a `preexec_fn` and then another program: no Python would come by to end a stream.
fn is_about_to_exec(py: Python<'_>) -> bool {
    let name = || -> PyResult<String> {
        let frame = py.import("sys")?.call_method0("_getframe")?;
        frame.getattr("f_code")?.getattr("co_name")?.extract()
    };
    name().is_ok_and(|name| name == "_execute_child")
}

/// Notes the profiled process that has started this one.
#[pyfunction]
pub fn _live_parent(py: Python<'_>, pid: u32) {
    PARENT.get(py).set(Some(pid));
}

/// The program of this process is about to be replaced: its streams end. Returns the profiles, and whether they were enabled.
#[pyfunction]
pub fn _live_before_exec(py: Python<'_>) -> Vec<(Py<PyAny>, bool)> {
    let mut ended = Vec::new();
    for_each(py, |live| {
        let profiler = live.profiler.bind(py).upgrade();
        let profiler = profiler.as_ref().and_then(|object| object.cast::<Profiler>().ok());
        let Some(profiler) = profiler.filter(|_| live.publisher.borrow().is_some()) else { return };
        let was_enabled = profiler.get().is_enabled(py);
        let _ = Profiler::disable(profiler.clone());
        profiler.get().end_live(py, "exec", "");
        ended.push((profiler.clone().into_any().unbind(), was_enabled));
    });
    ended
}

/// The interpreter is about to end: what is still live ends with it.
#[pyfunction]
pub fn _live_at_exit(py: Python<'_>) -> PyResult<()> {
    let failed = py.import("sys")?.getattr_opt("last_type")?;
    let (how, detail) = match failed.map(|kind| kind.getattr("__name__")?.extract::<String>()).transpose()? {
        Some(name) => ("exception", name),
        None => ("normal", String::new()),
    };
    for_each(py, |live| {
        if let Some(profiler) = live.profiler.bind(py).upgrade() {
            if let Ok(profiler) = profiler.cast::<Profiler>() {
                let _ = Profiler::disable(profiler.clone());
            }
        }
        live.end(py, how, &detail);
    });
    Ok(())
}

/// Does what subscribers have asked for; on the main thread.
pub fn carry_out_tasks(py: Python<'_>) {
    for_each(py, |live| {
        while let Some((mailbox, task)) = {
            let publisher = live.publisher.borrow();
            publisher.as_ref().and_then(|publisher| {
                let mailbox = publisher.mailbox().clone();
                mailbox.take_task().map(|task| (mailbox, task))
            })
        } {
            let stops = task.command == Command::Stop;
            mailbox.finish(task.ticket, live.carry_out(py, &task.command));
            if stops {
                live.end(py, "disabled", "");
            }
        }
    });
}

impl Live {
    fn carry_out(&self, py: Python<'_>, command: &Command) -> Outcome {
        let profiler = self.profiler.bind(py).upgrade();
        let profiler = profiler.as_ref().and_then(|object| object.cast::<Profiler>().ok());
        let Some(profiler) = profiler else { return Err("the profile is gone".to_owned()) };
        let done = match command {
            Command::Pause | Command::Stop => {
                profiler.get().check_reach(py).and_then(|()| Profiler::disable(profiler.clone()))
            }
            Command::Resume => match profiler.get().is_enabled(py) {
                true => Ok(()),
                false => Profiler::enable(profiler.clone(), None, None),
            },
            Command::Clear => profiler.get().forget(py),
            other => return Err(format!("{other:?} is not for the main thread")),
        };
        done.map_err(|error| error.value(py).to_string())
    }
}

/// What the process is.
pub fn facts(py: Python<'_>, parent: Option<u32>) -> PyResult<Facts> {
    let sys = py.import("sys")?;
    let version = py.version_info();
    let argv: Vec<OsString> = sys.getattr("argv").and_then(|argv| argv.extract()).unwrap_or_default();
    let host: String = py.import("os")?.call_method0("uname")?.getattr("nodename")?.extract()?;
    Ok(Facts {
        pid: std::process::id(),
        parent,
        host,
        argv: argv
            .iter()
            .map(|word| WireText(pstats_compat::Text::from_os_bytes(word.as_encoded_bytes())))
            .collect(),
        python: format!("CPython {}.{}.{}", version.major, version.minor, version.patch),
        pikos: env!("CARGO_PKG_VERSION").to_owned(),
        clock: lsprof_engine::clock::name().to_owned(),
        ..Facts::default()
    })
}

/// On standard error, if there is one: the program goes on without.
pub fn say_not_live(py: Python<'_>, problem: &StartError) {
    let text = format!("pikos: the profile is not live: {problem}\n");
    let stderr = py.import("sys").and_then(|sys| sys.getattr("stderr"));
    // Without one there is nobody to tell.
    let _ = stderr.and_then(|stderr| stderr.call_method1("write", (text,)));
}

/// How the collector's ticks become seconds, for the publisher.
pub fn rate(collector: &Collector) -> Rate {
    match (collector.timer(), collector.fixed_rate()) {
        (Some(timer), _) => Rate::Timer(timer.seconds_per_tick()),
        (None, Some(seconds)) => Rate::Fixed(seconds),
        (None, None) => Rate::Clock,
    }
}
