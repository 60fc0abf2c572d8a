//! Files that are there as a whole, or as they were: for what Python has made.

use std::path::PathBuf;

use pstats_compat::formats;
use pyo3::prelude::*;

use super::stored::file_error;

/// Puts these bytes at `path`, or leaves what is there. False where it can only be written to, a device or a pipe: that may
/// take as long as it likes, so the caller does it, in Python, where Ctrl-C ends it. OSError if it can't be written.
#[pyfunction]
pub fn _replace_file(py: Python<'_>, path: PathBuf, data: &[u8]) -> PyResult<bool> {
    if formats::replaceable(&path).is_none() {
        return Ok(false);
    }
    py.detach(|| formats::replace(&path, |out| Ok(out.write_all(data)?)))
        .map_err(|error| file_error(py, error, &path))?;
    Ok(true)
}
