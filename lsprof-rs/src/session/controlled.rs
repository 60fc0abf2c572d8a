//! What forks, `os.exec*`, the interpreter's end and subscribers may do with a profile.

use pyo3::prelude::*;

/// A profile under control of others than the program. It is not kept alive by that: where it is gone, what may fail raises
/// RuntimeError, and the rest does nothing.
pub trait Controlled {
    /// The Profiler object.
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

    /// Tells subscribers whether it records, and how.
    fn tell(&self, py: Python<'_>);

    /// Sends the last message; later it may be live anew.
    fn end(&self, py: Python<'_>, how: &str, detail: &str);
}
