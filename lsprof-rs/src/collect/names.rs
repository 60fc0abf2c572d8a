//! What functions are called, in the words of the file formats and of the live stream.

use pikos_wire::Name;
use pstats_compat::{Calls, Function};
use pyo3::prelude::*;
use pyo3::types::PyCode;

use crate::ffi::strings::text;

/// A function by what cProfile calls `code`: a code object, or a built-in's label.
pub fn function(code: &Bound<'_, PyAny>, calls: Calls) -> PyResult<Function> {
    let Ok(code) = code.cast::<PyCode>() else {
        return Ok(Function::new("~".into(), 0, text(code)?, calls));
    };
    let line = code.getattr("co_firstlineno")?.extract::<i64>()?;
    let mut function = Function::new(
        text(&code.getattr("co_filename")?)?,
        u32::try_from(line).unwrap_or(0),
        text(&code.getattr("co_name")?)?,
        calls,
    );
    function.qualname = Some(text(&code.getattr("co_qualname")?)?);
    Ok(function)
}

/// A function's name for the live stream. What can't be read is empty.
pub fn name(code: &Bound<'_, PyAny>, number: u32) -> Name {
    let function = function(code, Calls::default());
    let function = function.unwrap_or_else(|_| Function::new("".into(), 0, "".into(), Calls::default()));
    Name {
        function: number,
        file: function.file.into(),
        line: function.line,
        name: function.name.into(),
        qualname: function.qualname.map(Into::into),
    }
}
