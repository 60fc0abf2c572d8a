//! When contexts are looked at because of labels: from the first `pikos.label` on, while a profile is enabled that tells them apart.

use pyo3::prelude::*;

use crate::collect::labels;
use crate::collect::registry;
use crate::hooks;

/// A profile is enabled that tells labels apart.
///
/// # Errors
/// What CPython raises.
pub fn begin(py: Python<'_>) -> PyResult<()> {
    labels::call(py, wrap_pyfunction!(_label_changed, py)?.as_any());
    labels::find(py);
    if labels::any(py) {
        registry::follow_labels(py)?;
    }
    Ok(())
}

/// One is disabled.
pub fn end(py: Python<'_>) {
    if !registry::wants_labels(py) {
        labels::leave(py);
    }
}

/// What `pikos.labels` calls in a thread when a label begins or ends there.
#[pyfunction]
fn _label_changed(py: Python<'_>) -> PyResult<()> {
    if registry::label_changed(py) {
        registry::follow_labels(py)?;
        hooks::follow_contexts(py)?;
    }
    Ok(())
}
