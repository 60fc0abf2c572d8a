//! Files that are there as a whole, or as they were: for what Python has made, and for what was recorded.

use std::path::{Path, PathBuf};

use pstats_compat::Profile;
use pstats_compat::formats::{self, Format, Output};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

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

/// What a file of that name is to hold.
pub fn bytes<'py>(
    py: Python<'py>,
    path: &Path,
    recorded: impl FnOnce() -> PyResult<(Profile, Format)>,
) -> PyResult<Bound<'py, PyBytes>> {
    let (profile, format) = recorded()?;
    let mut bytes = Vec::new();
    py.detach(|| format.write(&profile, &mut bytes)).map_err(|error| file_error(py, error, path))?;
    Ok(PyBytes::new(py, &bytes))
}

/// Writes what was recorded to a file as a whole, or leaves what is there. With `fresh`, nothing may be there, not even a link. False,
/// and nothing is asked for, where it can only be written to: a device or a pipe. OSError if it can't be written.
pub fn save(
    py: Python<'_>,
    path: &Path,
    fresh: bool,
    recorded: impl FnOnce() -> PyResult<(Profile, Format)>,
) -> PyResult<bool> {
    if !fresh && formats::replaceable(path).is_none() {
        return Ok(false);
    }
    let (profile, format) = recorded()?;
    let saved = py.detach(|| {
        if fresh {
            formats::create(path, |out| format.write(&profile, out))
        } else {
            formats::save(&Output::new(&profile, format), path)
        }
    });
    saved.map(|()| true).map_err(|error| file_error(py, error, path))
}
