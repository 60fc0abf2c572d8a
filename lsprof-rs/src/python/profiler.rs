//! The type `Profiler`: cProfile's `_lsprof.Profiler`, with threads.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use lsprof_engine::Totals;
use pstats_compat::Profile;
use pstats_compat::formats::Format;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyTuple};
use pyo3::{PyTraverseError, PyVisit};

use super::stored::StoredProfile;
use super::whole_file;
use crate::collect::collector::Collector;
use crate::collect::kinds::{Calibration, CostLine};
use crate::collect::timer::Timer;
use crate::ffi::gil::GilCell;
use crate::hooks::Wish;
use crate::results::{coroutines, finished, getstats};
use crate::session::life::{NEEDS_BUILTINS, Session, Settings};
use crate::session::options::Asked;

/// Profiler(timer=None, timeunit=0.0, subcalls=True, builtins=True, *, options=None, costs=None)
/// --
///
/// Records the calls of Python functions and built-ins.
///
/// timer: a callable that returns seconds; with timeunit > 0, integers worth timeunit seconds each. By default
/// the CPU's cycle counter. subcalls: tell calls apart by their callers. builtins: count built-ins as well.
/// options: what else it is asked to do, a pikos._options.Options, which says what that can be.
/// costs: what recording costs, which is taken out of the times; a list of what pikos._calibration finds.
#[pyclass(name = "Profiler", module = "_lsprof", subclass, weakref, frozen)]
pub struct Profiler(GilCell<Rc<Session>>);

#[pymethods]
impl Profiler {
    /// Takes anything: a subclass may have an `__init__` of its own.
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self(GilCell::new(Session::new(|object| object.cast::<Self>().is_ok())))
    }

    #[pyo3(signature = (timer=None, timeunit=0.0, subcalls=Truth(true), builtins=Truth(true), *, options=None,
                        costs=None))]
    #[allow(clippy::too_many_arguments)] // Python's
    fn __init__(
        &self,
        py: Python<'_>,
        timer: Option<&Bound<'_, PyAny>>,
        timeunit: f64,
        subcalls: Truth,
        builtins: Truth,
        options: Option<&Bound<'_, PyAny>>,
        costs: Option<Vec<CostLine<'_>>>,
    ) -> PyResult<()> {
        let session = self.0.get(py);
        session.refuse_in_timer("initialise")?;
        let asked = options.map(Asked::read).transpose()?.unwrap_or_default();
        if asked.follows_context && asked.threads.is_some() {
            return Err(PyValueError::new_err(
                "context=True covers one context, in whatever thread: leave threads out",
            ));
        }
        let wish = Wish::parse(asked.hook.as_deref())?;
        wish.check_builtins(builtins.0)?;
        let wish = follow_through(wish, &asked)?;
        if timer.is_some() && (asked.compensate || costs.is_some()) {
            return Err(PyValueError::new_err("compensate=True needs the built-in clock: leave timer out"));
        }
        if asked.takes_waits_out && timer.is_some() {
            return Err(PyValueError::new_err("gil_wait=\"out\" needs the built-in clock: leave timer out"));
        }
        if asked.cpu && timer.is_some() {
            return Err(PyValueError::new_err("cpu=True needs the built-in clock: leave timer out"));
        }
        if asked.samples.is_some() {
            refuse_clock(timer.is_some(), asked.compensate || costs.is_some(), &asked)?;
        }
        if asked.takes_waits_out && !builtins.0 {
            return Err(PyValueError::new_err(NEEDS_BUILTINS));
        }
        let settings = Settings {
            wish,
            timer: timer.map(|timer| Timer::new(timer, timeunit)),
            subcalls: subcalls.0,
            builtins: builtins.0,
            wants_calibration: asked.compensate && costs.is_none(),
            calibration: costs.map(Calibration::from_lines).transpose()?,
            asked,
        };
        session.set_up(py, settings);
        Ok(())
    }

    /// enable(subcalls=None, builtins=None)
    /// --
    ///
    /// Starts recording. subcalls and builtins, where given, replace those of the constructor.
    ///
    /// Raises ValueError if another profile, or another tool that holds the interpreter's profiler slot, covers
    /// a thread that this one would; the message names it. Also if builtins are asked for of a hook that can't see them.
    #[pyo3(signature = (subcalls=None, builtins=None))]
    fn enable(slf: Bound<'_, Self>, subcalls: Option<Truth>, builtins: Option<Truth>) -> PyResult<()> {
        let session = slf.get().0.get(slf.py());
        session.enable(slf.as_any(), subcalls.map(|value| value.0), builtins.map(|value| value.0))
    }

    /// Stops recording. Calls that are still open count as if they returned now. Does nothing if not enabled.
    ///
    /// Raises RuntimeError if called by the profile's own timer.
    fn disable(slf: Bound<'_, Self>) -> PyResult<()> {
        slf.get().0.get(slf.py()).disable(slf.as_any())
    }

    /// Forgets all that was recorded so far.
    ///
    /// Raises RuntimeError if called by the profile's own timer.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        self.0.get(py).clear(py)
    }

    /// Finds out what recording costs, if that is to be taken out of the times: else the first enable() does.
    fn _calibrate(&self, py: Python<'_>) -> PyResult<()> {
        let session = self.0.get(py);
        session.calibrate(py, session.collector().builtins())
    }

    /// Begins to publish without recording anything, if the profile is to be live and isn't yet. Returns why that can't be, or
    /// None.
    fn _go_live(slf: Bound<'_, Self>) -> PyResult<Option<String>> {
        let session = slf.get().0.get(slf.py());
        let problem = session.go_live(slf.as_any(), true)?;
        session.tell_live(slf.py());
        Ok(problem.map(|error| error.to_string()))
    }

    /// Sends the last message, which says how it ended, and publishes no more. Waits at most 0.2 s for it to leave.
    /// Does nothing if the profile isn't live.
    fn _end_live(&self, py: Python<'_>, how: &str, detail: &str) {
        self.0.get(py).end_live(py, how, detail);
    }

    /// How many threads ran Python while it was enabled, and were not covered: others than the one that enabled it, with
    /// threads=False; with threads=True those that C made on 3.11, if any went unseen. There, one that C made counts each time that it
    /// came to Python, and one that has a profile of its own counts as well.
    fn _threads_missed(&self, py: Python<'_>) -> usize {
        self.0.get(py).threads_missed(py)
    }

    /// Where the profile is published; empty if it isn't live.
    #[getter]
    fn endpoints(&self, py: Python<'_>) -> Vec<String> {
        self.0.get(py).endpoints()
    }

    /// getstats(thread=None, *, raw=False)
    /// --
    ///
    /// Returns a list of profiler_entry, one for each function that returned at least once: code (a code object,
    /// or a built-in's name), callcount, reccallcount, totaltime and inlinetime in seconds, and calls (None, or a
    /// list of profiler_subentry for the functions that it called).
    ///
    /// thread: count one thread only; its ident, its name, or its threading.Thread. Raises ValueError if no such
    /// thread was seen. raw: with compensate=True, the times as they were measured.
    #[pyo3(signature = (thread=None, *, raw=false))]
    fn getstats<'py>(
        &self,
        py: Python<'py>,
        thread: Option<&Bound<'py, PyAny>>,
        raw: bool,
    ) -> PyResult<Bound<'py, PyList>> {
        let collector = self.0.get(py).collector();
        let totals = match thread {
            None => collector.totals(),
            Some(thread) => totals_of(py, collector, thread)?,
        };
        getstats::entries(py, collector, &if raw { totals.raw() } else { totals })
    }

    /// What recording took, in seconds, and as a share of all the time that was measured. (0.0, 0.0) without
    /// compensate=True: then nobody kept account.
    fn overhead(&self, py: Python<'_>) -> (f64, f64) {
        let collector = self.0.get(py).collector();
        let sum = collector.totals().sum();
        let rate = collector.seconds_per_tick();
        let taken = collector.seconds(sum.own_excess, rate);
        let all = collector.seconds(sum.own, rate);
        (taken, if all > 0.0 { taken / all } else { 0.0 })
    }

    /// With gil_wait="out": the seconds that all threads waited for the GIL, which are in no function's times. Else 0.0.
    fn gil_wait(&self, py: Python<'_>) -> f64 {
        let collector = self.0.get(py).collector();
        collector.seconds(collector.totals().sum().waited, collector.seconds_per_tick())
    }

    /// Returns a list of profiler_thread, one for each thread in which something was recorded: name, ident,
    /// native_id, totaltime in seconds, entries as getstats() gives them, and gil_wait, which is this thread's part of gil_wait().
    fn thread_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        getstats::threads(py, self.0.get(py).collector())
    }

    /// Returns a list of profiler_labels, one for each set of pikos.label under which something was recorded, that without any label
    /// among them: labels (a dict), totaltime in seconds, and entries as getstats() gives them. A call counts for the set under which it
    /// ended, a moment for the one that was set just then; so the sums over all sets are those of getstats(). Empty where there was no
    /// label.
    fn label_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        getstats::labels(py, self.0.get(py).collector())
    }

    /// With tasks=True: a list of profiler_coroutine, one for each function whose coroutines, asynchronous generators (or generators, with
    /// generators=True) had a step: code, started, steps, run, parked, elapsed (= run + parked), longest_step, longest_step_at,
    /// returned, raised, cancelled, dropped, never_awaited, inherited, alive, and callers: the same figures by who awaited them first.
    /// Times are in seconds, summed over all of them; longest_step_at since recording began. Else an empty list.
    fn coroutine_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        coroutines::coroutines(py, self.0.get(py).collector())
    }

    /// With tasks=True: a list of profiler_task, one for each task that is under way, or was when recording stopped: name, code (of its
    /// coroutine), state, since (seconds in this state), run, parked, steps, longest_step, longest_step_at, began, awaits (the code of
    /// the innermost coroutine that it awaits), id, parent (the id of the task that made it, or None), awaited_by (the ids of the tasks
    /// that wait for it). Else an empty list.
    fn task_stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        coroutines::tasks(py, self.0.get(py).collector())
    }

    /// With tasks=True: a list of profiler_slow_step, the longest steps of at least slow_step seconds, at most 100, the longest first: at,
    /// seconds, task (its name, or None), code, and path: (code, seconds) of the calls that took more than half of it. Else an empty
    /// list.
    fn slow_steps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        coroutines::slow_steps(py, self.0.get(py).collector())
    }

    /// The dict that pstats.Stats reads: {(file, line, name): (cc, nc, tottime, cumtime, callers)}.
    fn _stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let collector = self.0.get(py).collector();
        getstats::stats(py, collector, &collector.totals())
    }

    /// The profile as the bytes of a file that pstats.Stats loads: marshal of the dict that `_stats` returns.
    fn _pstats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let profile = finished::profile(py, self.0.get(py).collector())?;
        let mut bytes = Vec::new();
        py.detach(|| pstats_compat::formats::pstats::write(&profile, &mut bytes))
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// What a file of that name is to hold, as bytes.
    fn _bytes_for<'py>(&self, py: Python<'py>, path: PathBuf) -> PyResult<Bound<'py, PyBytes>> {
        whole_file::bytes(py, &path, || self.recorded(py, &path))
    }

    /// Writes the profile so far to a file as a whole, or leaves what is there: in the format that its name says, else what
    /// `_pstats` returns, or with full stacks as our own format. With `fresh`, nothing may be there, not even a link.
    /// False where it can only be written to: a device or a pipe.
    ///
    /// It is one step, which a signal's handler in Python comes before or after. Raises OSError.
    #[pyo3(signature = (path, fresh=false))]
    fn _save(&self, py: Python<'_>, path: PathBuf, fresh: bool) -> PyResult<bool> {
        whole_file::save(py, &path, fresh, || self.recorded(py, &path))
    }

    /// The profile so far, as something to sort, search and export.
    fn _finished(&self, py: Python<'_>) -> PyResult<StoredProfile> {
        let mut profile = finished::profile(py, self.0.get(py).collector())?;
        py.detach(|| profile.merge_labels());
        Ok(StoredProfile::new(profile))
    }

    /// The raw ticks of each function: {code: (calls, own, total, own excess, total excess)}.
    fn _ticks<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let collector = self.0.get(py).collector();
        let ticks = PyDict::new(py);
        for (function, counts) in collector.totals().functions() {
            let row = (
                counts.calls,
                counts.own.signed(),
                counts.total.signed(),
                counts.own_excess.signed(),
                counts.total_excess.signed(),
            );
            ticks.set_item(collector.code(py, function), row)?;
        }
        Ok(ticks)
    }

    /// Whether what recording costs is taken out of the times.
    #[getter]
    fn compensate(&self, py: Python<'_>) -> bool {
        self.0.get(py).compensates()
    }

    /// Whether full stacks are kept.
    #[getter]
    fn tree(&self, py: Python<'_>) -> bool {
        self.0.get(py).collector().has_tree()
    }

    /// Whether it is recording.
    #[getter]
    fn _is_enabled(&self, py: Python<'_>) -> bool {
        self.0.get(py).is_enabled()
    }

    /// The threads argument that the profile was made with.
    #[getter]
    fn threads(&self, py: Python<'_>) -> Option<bool> {
        self.0.get(py).threads()
    }

    /// (name, reason): the hook that the profile's events come through while it is enabled, then the one that they
    /// came through last; before that, the one that it would get now.
    #[getter]
    fn hook(&self, py: Python<'_>) -> PyResult<(&'static str, String)> {
        let choice = self.0.get(py).hook(py)?;
        Ok((choice.name, choice.reason.into_owned()))
    }

    /// What CPython's Profiler registers with sys.monitoring; here for its own tests.
    #[cfg(Py_3_12)]
    #[getter(_pystart_callback)]
    fn pystart_callback(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        crate::hooks::callback(py, "_pystart_callback")
    }

    #[cfg(Py_3_12)]
    #[getter(_pyreturn_callback)]
    fn pyreturn_callback(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        crate::hooks::callback(py, "_pyreturn_callback")
    }

    #[cfg(Py_3_12)]
    #[getter(_ccall_callback)]
    fn ccall_callback(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        crate::hooks::callback(py, "_ccall_callback")
    }

    #[cfg(Py_3_12)]
    #[getter(_creturn_callback)]
    fn creturn_callback(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        crate::hooks::callback(py, "_creturn_callback")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.0.get_in_traverse(&visit).collector().timer() {
            Some(timer) => visit.call(timer.callable()),
            None => Ok(()),
        }
    }

    fn __clear__(&self) {
        Python::attach(|py| self.0.get(py).collector().set_timer(None));
    }
}

impl Profiler {
    /// The profile so far, and the format that a file of that name is to have; in all but pstats' own each label is one function.
    fn recorded(&self, py: Python<'_>, path: &Path) -> PyResult<(Profile, Format)> {
        let mut profile = finished::profile(py, self.0.get(py).collector())?;
        let format = Format::of_recorded(path, Format::untold(profile.tree.is_some()));
        if format != Format::Pstats {
            py.detach(|| profile.merge_labels());
        }
        Ok((profile, format))
    }
}

/// The hook by which steps of coroutines can be followed, where that is asked for: the ordinary one tells how each ends.
fn follow_through(wish: Wish, asked: &Asked) -> PyResult<Wish> {
    match (&asked.followed, wish) {
        (Some(_), _) if asked.samples.is_some() => Err(PyValueError::new_err(
            "tasks=True needs the time of each step, which times=\"sampled\" doesn't take: leave one of them out",
        )),
        (Some(_), Wish::FrameEval) => Err(PyValueError::new_err(
            "tasks=True needs the ordinary hook, which tells how each step ends: leave hook out, or say hook=\"fast\"",
        )),
        (Some(_), _) => Ok(Wish::Ordinary),
        (None, wish) => Ok(wish),
    }
}

/// What needs a clock at each call, which sampled times do without.
fn refuse_clock(has_timer: bool, compensates: bool, asked: &Asked) -> PyResult<()> {
    let what = match () {
        () if has_timer => "a timer is read at each call: leave timer out",
        () if compensates => "compensate=True corrects times that are taken at each call: leave it out",
        () if asked.takes_waits_out => "gil_wait=\"out\" needs the time of each call: leave it out",
        () if asked.distribution => "distribution=True needs the time of each call: leave it out",
        () if asked.cpu => "cpu=True needs the time of each call: leave it out",
        () => return Ok(()),
    };
    Err(PyValueError::new_err(format!(
        "times=\"sampled\" takes no time at calls, and {what}, or leave times out"
    )))
}

fn totals_of(py: Python<'_>, collector: &Collector, thread: &Bound<'_, PyAny>) -> PyResult<Totals> {
    let thread = thread.getattr("ident").unwrap_or_else(|_| thread.clone());
    let mut found = None;
    collector.for_each_thread(|seen| {
        seen.thread.learn_name(py);
        let same = match thread.extract::<String>() {
            Ok(name) => seen.thread.name() == name,
            Err(_) => thread.extract::<u64>().is_ok_and(|ident| ident == seen.thread.ident),
        };
        if same {
            seen.add_to(found.get_or_insert_with(Totals::default));
        }
    });
    found.ok_or_else(|| {
        PyValueError::new_err(format!(
            "no thread {thread} was profiled; thread_stats() lists those that were"
        ))
    })
}

/// Any object's truth, as CPython takes flags from 3.12 on.
struct Truth(bool);

impl<'a, 'py> FromPyObject<'a, 'py> for Truth {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        object.is_truthy().map(Truth)
    }
}
