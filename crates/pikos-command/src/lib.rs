//! The native module `pikos._cli`: the `pikos` command as Python starts it.
//!
//! Beside the extension, not in it: a profiled process loads that one, and has no use for a terminal and a command line. It knows
//! nothing of the extension, and uses what is the same in each CPython.
#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::io::{self, Write};

use pikos_cli::Action;
use pikos_os::signals;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The whole Python surface.
#[pymodule(gil_used = true)]
mod _cli {
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::run;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.setattr("__version__", super::VERSION)
    }
}

/// Runs the `pikos` command; args[0] is its name. Returns the exit code: 0 if all went well, 1 if it failed, 2 if the
/// command line is wrong. Meanwhile, Ctrl-C ends the process.
#[pyfunction]
fn run(py: Python<'_>, args: Vec<OsString>) -> i32 {
    py.detach(|| {
        signals::with_deadly_interrupt(|| {
            let code = pikos_cli::run(args.into_iter(), &|request| {
                ask_python(request.pid, |arguments| {
                    arguments.set_item("timeout", request.timeout)?;
                    match request.action {
                        Action::Attach(start) => {
                            arguments.set_item("interval", start.interval)?;
                            arguments.set_item("fast", start.fast)?;
                            arguments.set_item("tree", start.tree)?;
                            Ok("attach")
                        }
                        Action::Detach => Ok("detach"),
                        Action::Objects { rows, by_module } => {
                            arguments.set_item("rows", rows)?;
                            arguments.set_item("by", if by_module { "module" } else { "type" })?;
                            Ok("objects")
                        }
                    }
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
        is_whole(py)?;
        let arguments = PyDict::new(py);
        let action = fill(&arguments)?;
        py.import("pikos._processes.attach")?.call_method(action, (pid,), Some(&arguments))?.extract()
    })
    .map_err(|error: PyErr| Python::attach(|py| error.value(py).to_string()))
}

/// Fails if the extension, which the other process is about to load, is of another version than the command.
fn is_whole(py: Python<'_>) -> PyResult<()> {
    let extension: String = py.import("pikos._lsprof")?.getattr("__version__")?.extract()?;
    if extension == VERSION {
        return Ok(());
    }
    Err(PyRuntimeError::new_err(format!(
        "this installation is a mixture: the command is of Pikos {VERSION}, the extension of {extension}; put it right with \
         `python -m pip install --force-reinstall pikos`"
    )))
}
