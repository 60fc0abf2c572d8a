//! The wheel's `pikos` command.

use std::ffi::OsString;
use std::io::{self, Write};

use pikos_os::signals;
use pyo3::prelude::*;

/// Runs the `pikos` command; args[0] is its name. Returns the exit code: 0 if all went well, 1 if it failed, 2 if the
/// command line is wrong. Meanwhile, Ctrl-C ends the process.
#[pyfunction]
pub fn _command(py: Python<'_>, args: Vec<OsString>) -> i32 {
    py.detach(|| {
        signals::with_deadly_interrupt(|| {
            let code = pikos_cli::run(args.into_iter(), &|request| {
                attach_or_detach(request.pid, request.start, request.timeout)
            });
            // A native program's end would do this; ours is Python's, which doesn't know of this buffer. Whoever left
            // the pipe doesn't mind.
            let _ = io::stdout().flush();
            code
        })
    })
}

/// Returns what to tell the user, or why it can't be done.
fn attach_or_detach(pid: u32, start: Option<(f64, bool, bool)>, timeout: f64) -> Result<String, String> {
    Python::attach(|py| {
        let module = py.import("pikos._attach")?;
        let told = match start {
            Some((interval, fast, tree)) => {
                module.call_method1("attach", (pid, interval, fast, tree, timeout))
            }
            None => module.call_method1("detach", (pid, timeout)),
        };
        told?.extract()
    })
    .map_err(|error: PyErr| Python::attach(|py| error.value(py).to_string()))
}
