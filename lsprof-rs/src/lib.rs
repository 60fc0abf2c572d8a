//! The native module `pikos._lsprof`.

use pyo3::prelude::*;

/// The whole Python surface at a glance.
#[pymodule(gil_used = true)]
mod _lsprof {}
