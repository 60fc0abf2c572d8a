//! Python's strings, which need not be UTF-8: names that the system couldn't decode hold lone surrogates.

use pstats_compat::Text;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// A string's bytes, as marshal writes them.
pub fn text(string: &Bound<'_, PyAny>) -> PyResult<Text> {
    let string = string.cast::<PyString>()?;
    match string.to_str() {
        Ok(text) => Ok(text.into()),
        Err(_) => {
            let bytes = string.call_method1("encode", ("utf-8", "surrogatepass"))?;
            Ok(bytes.cast::<PyBytes>()?.as_bytes().to_vec().into())
        }
    }
}
