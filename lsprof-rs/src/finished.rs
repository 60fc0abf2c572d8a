//! What was collected, as the model that the file formats know: plain values, without Python.

use lsprof_engine::{Counts, FunctionId};
use pstats_compat::{Calls, Edge, Function, Profile, Text};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCode, PyString};

use crate::collector::Collector;

/// The totals of all threads as a profile, times in seconds.
pub fn profile(py: Python<'_>, collector: &Collector) -> PyResult<Profile> {
    let totals = collector.totals();
    let rate = collector.seconds_per_tick();
    let calls = |counts: &Counts| Calls {
        ncalls: counts.calls,
        primitive_calls: counts.calls.saturating_sub(counts.recursive_calls),
        tottime: collector.own(counts, rate),
        cumtime: collector.total(counts, rate),
    };
    let mut functions = Vec::new();
    // Our numbers of functions have gaps where one was entered and has not returned yet.
    let mut numbers: Vec<Option<pstats_compat::FunctionId>> = Vec::new();
    for (FunctionId(id), counts) in totals.functions() {
        let index = id as usize;
        numbers.resize(index, None);
        numbers.push(u32::try_from(functions.len()).ok().map(pstats_compat::FunctionId));
        functions.push(function(&collector.code(py, FunctionId(id)), calls(&counts))?);
    }
    let number = |FunctionId(id): FunctionId| numbers.get(id as usize).copied().flatten();
    let edges = totals.edges().iter().filter_map(|((caller, callee), counts)| {
        // A caller that is still open has no row, and so no part in its callees' rows: cProfile's rule.
        Some(Edge { caller: number(*caller)?, callee: number(*callee)?, calls: calls(counts) })
    });
    let edges = edges.collect();
    Ok(Profile::new(functions, edges))
}

fn function(code: &Bound<'_, PyAny>, calls: Calls) -> PyResult<Function> {
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

/// A string's bytes. File names that the system couldn't decode hold lone surrogates, which marshal writes as they are.
fn text(string: &Bound<'_, PyAny>) -> PyResult<Text> {
    let string = string.cast::<PyString>()?;
    match string.to_str() {
        Ok(text) => Ok(text.into()),
        Err(_) => {
            let bytes = string.call_method1("encode", ("utf-8", "surrogatepass"))?;
            Ok(bytes.cast::<PyBytes>()?.as_bytes().to_vec().into())
        }
    }
}
