//! Greenlets: each has a stack of its own, and a clock that stands still while another runs.
//!
//! If the program has imported greenlet, we have it tell us of each switch (`greenlet.settrace`), and pass
//! the news on to whoever asked before us. A program that sets its own trace function later takes ours away:
//! from then on, calls of different greenlets show as if they were nested.

use std::rc::Rc;

use lsprof_engine::{StackId, clock};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use crate::collect::collector::{Collector, ThreadRecorder};
use crate::collect::registry;
use crate::collect::threads::Tracer;
use crate::ffi::modules::imported;

/// Asks greenlet, if it is imported, to tell us of its switches in this thread.
pub fn follow(py: Python<'_>, thread: &mut ThreadRecorder) {
    let Some(greenlet) = module(py) else { return };
    // Whatever goes wrong: the program matters more, and its greenlets still run.
    if let Ok((tracer, current)) = install(py, &greenlet) {
        thread.greenlets = Some(tracer);
        thread.recorder.adopt(current);
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
    let Some(greenlet) = module(py) else { return };
    if greenlet.call_method0("gettrace").is_ok_and(|now| now.is(&tracer.ours)) {
        let _ = greenlet.call_method1("settrace", (tracer.before,));
    }
}

/// The module, once it is ready to use. Never imports it.
fn module(py: Python<'_>) -> Option<Bound<'_, PyAny>> {
    let greenlet = imported(py, intern!(py, "greenlet"))?;
    greenlet.hasattr("settrace").ok()?.then_some(greenlet)
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

/// `arguments` are greenlet's: the event's name, and for a switch or a throw (from, to).
fn switched(arguments: &Bound<'_, PyTuple>) -> PyResult<()> {
    let (_, (_, target)): (Bound<'_, PyAny>, (Bound<'_, PyAny>, Bound<'_, PyAny>)) = arguments.extract()?;
    registry::with_current(arguments.py(), |thread| {
        // A custom timer is not read here: it may raise, and what it would have to stop for isn't a call.
        let now = if thread.timer.is_none() { clock::now() } else { thread.recorder.last_start() };
        thread.recorder.switch(stack(&target), now);
    });
    Ok(())
}

fn stack(greenlet: &Bound<'_, PyAny>) -> StackId {
    StackId(greenlet.as_ptr() as usize)
}
