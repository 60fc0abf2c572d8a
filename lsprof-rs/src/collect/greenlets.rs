//! Greenlets: each has a stack of its own, and a clock that stands still while another runs.
//!
//! If the program has imported greenlet, we have it tell us of each switch (`greenlet.settrace`), and pass
//! the news on to whoever asked before us. A program that sets its own trace function later takes ours away:
//! from then on, calls of different greenlets show as if they were nested.
//!
//! Each thread asks when it meets a function that is new to it, which the body of greenlet's own module is. That is too early
//! by some steps, and the next new function may be one that a greenlet runs: so from then on all events ask, until the
//! import is done ([`Timing::Unsettled`]).

use std::rc::Rc;

use lsprof_engine::{StackId, clock};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use crate::collect::collector::{Collector, ThreadRecorder, Timing};
use crate::collect::registry;
use crate::collect::threads::Tracer;
use crate::ffi::modules::imported;

/// Asks greenlet, if it is imported, to tell us of its switches in this thread. False while it is being imported: to be
/// called again.
pub fn follow(py: Python<'_>, thread: &mut ThreadRecorder) -> bool {
    if thread.greenlets.is_some() {
        return true;
    }
    let Some(greenlet) = imported(py, intern!(py, "greenlet")) else { return true };
    if !is_ready(&greenlet) {
        return !is_being_imported(&greenlet);
    }
    // Whatever goes wrong: the program matters more, and its greenlets still run.
    if let Ok((tracer, current)) = install(py, &greenlet) {
        thread.greenlets = Some(tracer);
        thread.recorder.adopt(current);
    }
    true
}

/// As [`follow`], when recording begins: the thread may switch to a greenlet that is older before any function is called.
pub fn follow_at_once(py: Python<'_>) {
    if imported(py, intern!(py, "greenlet")).is_some_and(|greenlet| is_ready(&greenlet)) {
        registry::with_current(py, |thread| _ = follow(py, thread));
    }
}

/// Takes our trace function away from this thread, if it is still there.
pub fn unfollow(py: Python<'_>, collector: &Rc<Collector>) {
    let mut tracer = None;
    registry::with_current(py, |thread| {
        if thread.belongs_to(collector) {
            tracer = thread.greenlets.take();
        }
    });
    let Some(tracer) = tracer else { return };
    let Some(greenlet) = imported(py, intern!(py, "greenlet")) else { return };
    if greenlet.call_method0("gettrace").is_ok_and(|now| now.is(&tracer.ours)) {
        let _ = greenlet.call_method1("settrace", (tracer.before,));
    }
}

/// What `importlib` notes in a module's spec. Without it, a module of the program's own that has the name would be waited for.
fn is_being_imported(greenlet: &Bound<'_, PyAny>) -> bool {
    let py = greenlet.py();
    let spec = greenlet.getattr(intern!(py, "__spec__"));
    let note = spec.and_then(|spec| spec.getattr(intern!(py, "_initializing"))?.is_truthy());
    note.unwrap_or(false)
}

/// Whether the module is the one that we know, and all there.
fn is_ready(greenlet: &Bound<'_, PyAny>) -> bool {
    greenlet.hasattr("settrace").unwrap_or(false)
}

fn install(py: Python<'_>, greenlet: &Bound<'_, PyAny>) -> PyResult<(Tracer, StackId)> {
    let before = greenlet.call_method0("gettrace")?.unbind();
    let next = before.clone_ref(py);
    let ours = PyCFunction::new_closure(
        py,
        Some(c"pikos_greenlet_switch"),
        None,
        move |arguments: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<()> {
            let py = arguments.py();
            switched(arguments)?;
            if !next.is_none(py) {
                next.call1(py, arguments.clone())?;
            }
            Ok(())
        },
    )?
    .into_any();
    greenlet.call_method1("settrace", (&ours,))?;
    let current = stack(&greenlet.call_method0("getcurrent")?);
    Ok((Tracer { ours: ours.unbind(), before }, current))
}

/// `arguments` are greenlet's: the event's name, and for a switch or a throw (from, to). It has switched the thread's events
/// off, and will switch them on if anybody wants any: on 3.11 also in a greenlet that began when nobody did.
fn switched(arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    let began = clock::now();
    let py = arguments.py();
    let (_, (origin, target)): (Bound<'_, PyAny>, (Bound<'_, PyAny>, Bound<'_, PyAny>)) =
        arguments.extract()?;
    let to = stack(&target);
    let (mut moves, mut is_open, mut timer) = (false, false, None);
    registry::with_current(py, |thread| {
        moves = thread.recorder.stack() != to;
        is_open = thread.recorder.is_open();
        timer = thread.timer.clone();
    });
    if !moves {
        return Ok(());
    }
    // Calls whose ends nobody reported would be taken for the next greenlet's at this address.
    let is_over = is_open && origin.getattr(intern!(py, "dead"))?.is_truthy()?;
    let left = timer.as_ref().map_or(began, |timer| timer.read(py));
    registry::with_current(py, |thread| {
        if is_over {
            thread.recorder.leave_all(left);
        }
        thread.switch_evaluation(to);
        let mut resumed = left;
        thread.recorder.switch(to, left, || {
            if timer.is_none() {
                resumed = clock::now();
            }
            resumed
        });
        if thread.timing == Timing::Compensated {
            thread.recorder.spend(clock::now().since(resumed));
        }
    });
    // The stack that goes on may have been parked under other labels than its greenlet has now.
    registry::look_at_context_again(py);
    Ok(())
}

fn stack(greenlet: &Bound<'_, PyAny>) -> StackId {
    StackId(greenlet.as_ptr() as usize)
}
