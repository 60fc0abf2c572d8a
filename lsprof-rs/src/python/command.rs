//! The wheel's `pikos` command.

use std::ffi::OsString;
use std::io::{self, Write};

use pikos_os::signals;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Runs the `pikos` command; args[0] is its name. Returns the exit code: 0 if all went well, 1 if it failed, 2 if the
/// command line is wrong. Meanwhile, Ctrl-C ends the process.
#[pyfunction]
pub fn _command(py: Python<'_>, args: Vec<OsString>) -> i32 {
    py.detach(|| {
        signals::with_deadly_interrupt(|| {
            let code = pikos_cli::run(args.into_iter(), &|request| {
                ask_python(request.pid, |arguments| {
                    arguments.set_item("timeout", request.timeout)?;
                    let Some(start) = request.start else { return Ok("detach") };
                    arguments.set_item("interval", start.interval)?;
                    arguments.set_item("fast", start.fast)?;
                    arguments.set_item("tree", start.tree)?;
                    Ok("attach")
                })
            });
            // A native program's end would do this; ours is Python's, which doesn't know of this buffer. Whoever left
            // the pipe doesn't mind.
            let _ = io::stdout().flush();
            code
        })
    })
}

/// Calls the function of `pikos._processes.attach` that `fill` names, with the arguments that it fills in. Returns what to tell
/// the user, or why it can't be done.
fn ask_python(
    pid: u32,
    fill: impl FnOnce(&Bound<'_, PyDict>) -> PyResult<&'static str>,
) -> Result<String, String> {
    Python::attach(|py| {
        let arguments = PyDict::new(py);
        let action = fill(&arguments)?;
        py.import("pikos._processes.attach")?.call_method(action, (pid,), Some(&arguments))?.extract()
    })
    .map_err(|error: PyErr| Python::attach(|py| error.value(py).to_string()))
}
