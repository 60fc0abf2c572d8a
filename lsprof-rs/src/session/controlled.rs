//! What forks, `os.exec*`, the interpreter's end and subscribers may do with a profile.

use std::sync::Arc;

use pikos_publisher::{Call, Source};
use pikos_wire::Facts;
use pyo3::prelude::*;

/// A profile under control of others than the program. It is not kept alive by that: where it is gone, what may fail raises
/// RuntimeError, and the rest does nothing.
pub trait Controlled {
    /// The object that Python has of it.
    fn object<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>>;

    /// Whether it records.
    fn is_enabled(&self, py: Python<'_>) -> bool;

    /// Raises RuntimeError if the running thread can't stop it.
    fn reach(&self, py: Python<'_>) -> PyResult<()>;

    /// Stops recording.
    fn pause(&self, py: Python<'_>) -> PyResult<()>;

    /// Records again, as it did last, if it doesn't.
    fn resume(&self, py: Python<'_>) -> PyResult<()>;

    /// Forgets all that was recorded so far.
    fn clear(&self, py: Python<'_>) -> PyResult<()>;

    /// Samples so often from now on, where it samples.
    fn set_rate(&self, py: Python<'_>, hz: f64) -> PyResult<()>;

    /// Tells subscribers whether it records, and how.
    fn tell(&self, py: Python<'_>);

    /// Sends the last message; later it may be live anew.
    fn end(&self, py: Python<'_>, how: &str, detail: &str);
}

/// What a publisher has to know of a profile. Lives on where the profile doesn't, until it is told to leave.
pub trait Published {
    /// From now on all that is recorded is in the source that is returned; what was before, too.
    fn source(&self, py: Python<'_>) -> Arc<Source>;

    /// Nobody reads the source any more.
    fn leave(&self);

    /// Who carries out what subscribers ask for, in a thread of its own; else the program's main thread does.
    fn caller(&self) -> Option<Call> {
        None
    }

    /// Says how it records, beside what the process is.
    fn describe(&self, facts: &mut Facts);
}
