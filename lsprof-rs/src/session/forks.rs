//! What happens to live profiles and samplers when the process forks, when another program takes its place, and when the interpreter
//! ends.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use pikos_os::thread;
use pikos_publisher::RecordStream;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use super::live::{self, for_each};
use crate::collect::samples;
use crate::ffi::at_fork;
use crate::ffi::gil::GilCell;
use crate::ffi::modules;
use crate::ffi::pending;
use crate::ffi::thread as thread_of_python;
use crate::guards::exec;

/// What has threads of its own beside those that publish.
pub trait Rests {
    /// Ends them, for the time of a fork. Returns how many.
    fn rest(&self, py: Python<'_>) -> u64;

    /// Starts them again.
    fn resume(&self, py: Python<'_>);

    /// In a forked child, which has none of them: begins anew, or is silent. `is_about_to_exec`: another program comes at once.
    fn leave_to_parent(&self, py: Python<'_>, is_about_to_exec: bool);

    /// The interpreter is about to end.
    fn end(&self, py: Python<'_>);
}

static RESTING: GilCell<RefCell<Vec<Weak<dyn Rests>>>> = GilCell::new(RefCell::new(Vec::new()));

/// Watches the interpreter for this one as well.
pub fn watch_for(py: Python<'_>, rests: &Rc<dyn Rests>) -> PyResult<()> {
    watch_interpreter(py)?;
    let mut all = RESTING.get(py).borrow_mut();
    all.retain(|other| other.strong_count() > 0);
    all.push(Rc::downgrade(rests));
    Ok(())
}

fn for_each_resting(py: Python<'_>, mut act: impl FnMut(&Rc<dyn Rests>)) {
    let all: Vec<_> = RESTING.get(py).borrow().iter().filter_map(Weak::upgrade).collect();
    all.iter().for_each(&mut act);
}

/// Once: forks, `os.exec*` and the interpreter's end concern us.
pub fn watch_interpreter(py: Python<'_>) -> PyResult<()> {
    static WATCHES: GilCell<Cell<bool>> = GilCell::new(Cell::new(false));
    if WATCHES.get(py).replace(true) {
        return Ok(());
    }
    at_fork::watch(py)?;
    exec::_before_exec(wrap_pyfunction!(_live_before_exec, py)?.into_any())?;
    let at_exit = modules::own(py)?.getattr("_live_at_exit")?;
    py.import("atexit")?.call_method1("register", (at_exit,))?;
    Ok(())
}

/// The system counts a thread that has ended for a moment more; never longer than this.
const GOES: Duration = Duration::from_millis(20);

/// Stops all threads: a child must not inherit a socket, and `os.fork` counts threads, to warn of them.
#[pyfunction]
pub fn _live_before_fork(py: Python<'_>) {
    let all = thread::count();
    let mut stopped = RecordStream::rest_all();
    stopped += samples::rest_all(py);
    for_each(py, |live| stopped += live.rest());
    for_each_resting(py, |rests| stopped += rests.rest(py));
    let Some(all) = all.filter(|_| stopped > 0) else { return };
    let deadline = Instant::now() + GOES;
    while thread::count().is_some_and(|count| count > all.saturating_sub(stopped))
        && Instant::now() < deadline
    {
        std::thread::sleep(Duration::from_micros(50));
    }
}

/// Starts them again. 3.12 and 3.13 may count only after this, so there they start when `os.fork` has returned to Python; unless the
/// program has threads of its own, which it is warned of with and without ours.
#[pyfunction]
pub fn _live_after_fork_in_parent(py: Python<'_>) {
    let counts_late = cfg!(all(Py_3_12, not(Py_3_14)));
    if counts_late && thread::count() == Some(1) && pending::call_main_thread(go_on) {
        return;
    }
    go_on(py);
}

fn go_on(py: Python<'_>) {
    samples::resume_all(py);
    for_each_resting(py, |rests| rests.resume(py));
    for_each(py, |live| live.resume());
    RecordStream::resume_all();
}

/// The child is silent; or, if it was asked to follow, a live process of its own whose numbers begin at zero.
#[pyfunction]
pub fn _live_after_fork_in_child(py: Python<'_>) {
    let is_about_to_exec = is_about_to_exec(py);
    for_each_resting(py, |rests| rests.leave_to_parent(py, is_about_to_exec));
    for_each(py, |live| {
        if live.leave_to_parent() && !is_about_to_exec {
            live::set_parent(py, pikos_os::process::parent());
            live.begin_anew(py);
        }
    });
    if !is_about_to_exec {
        samples::resume_all_in_child(py, thread_of_python::mark());
    }
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
    live::set_parent(py, Some(pid));
}

/// The program of this process is about to be replaced: its streams end. Returns what makes them begin again, if it stays.
#[pyfunction]
fn _live_before_exec(py: Python<'_>) -> PyResult<Bound<'_, PyCFunction>> {
    let mut ended = Vec::new();
    for_each(py, |live| {
        let profile = live.profile();
        let Some(object) = profile.object(py).filter(|_| live.is_publishing()) else { return };
        let was_enabled = profile.is_enabled(py);
        let _ = profile.pause(py);
        profile.end(py, "exec", "");
        ended.push((object.unbind(), was_enabled));
    });
    let go_on = move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| {
        for (profile, was_enabled) in &ended {
            // What can't be live again is recorded still.
            let _ = profile.call_method0(args.py(), "_go_live");
            if *was_enabled {
                let _ = profile.call_method0(args.py(), "enable");
            }
        }
    };
    PyCFunction::new_closure(py, None, None, go_on)
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
        // Where the profile is gone, or won't: what it has recorded is still to be sent.
        let _ = live.profile().pause(py);
        live.end(py, how, &detail);
    });
    for_each_resting(py, |rests| rests.end(py));
    Ok(())
}
