//! The wheel's `pikos` command.

use std::ffi::OsString;
use std::io::{self, Write};

use pyo3::prelude::*;

use crate::ffi::signals;

/// Runs the `pikos` command; args[0] is its name. Returns the exit code: 0 if all went well, 1 if it failed, 2 if the
/// command line is wrong. Meanwhile, Ctrl-C ends the process.
#[pyfunction]
pub fn _command(py: Python<'_>, args: Vec<OsString>) -> i32 {
    py.detach(|| {
        signals::with_deadly_interrupt(|| {
            let code = pikos_cli::run(args.into_iter());
            // A native program's end would do this; ours is Python's, which doesn't know of this buffer. Whoever left
            // the pipe doesn't mind.
            let _ = io::stdout().flush();
            code
        })
    })
}
