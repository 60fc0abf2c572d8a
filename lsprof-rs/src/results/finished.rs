//! What was collected, as the model that the file formats know: plain values, without Python.

use lsprof_engine::{BOTTOM, Counts, FunctionId, TreeTotals};
use pikos_wire::Name;
use pstats_compat::{CallTree, Calls, Edge, Function, Node, NodeId, Profile, Text};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyCode, PyString};

use crate::collect::collector::Collector;

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
    let tree = collector.has_tree().then(|| collector.trees());
    let tree =
        tree.map(|totals| tree_of(py, collector, &totals, &mut functions, &mut numbers)).transpose()?;
    let mut profile = Profile::new(functions, edges);
    profile.tree = tree;
    profile.metadata.compensated = collector.is_compensated();
    Ok(profile)
}

/// Full stacks. A function that is still open, and so has no row, becomes one that is only a caller.
fn tree_of(
    py: Python<'_>,
    collector: &Collector,
    totals: &TreeTotals,
    functions: &mut Vec<Function>,
    numbers: &mut Vec<Option<pstats_compat::FunctionId>>,
) -> PyResult<CallTree> {
    let rate = collector.seconds_per_tick();
    let mut tree = CallTree::default();
    for (place, node) in totals.nodes().iter().enumerate() {
        let counts = &node.counts;
        tree.cut.calls += counts.cut_calls;
        tree.cut.seconds += collector.seconds(counts.cut_own, rate);
        if place == BOTTOM as usize {
            continue;
        }
        let id = node.function.0 as usize;
        if numbers.len() <= id {
            numbers.resize(id + 1, None);
        }
        let number = match numbers[id] {
            Some(number) => number,
            None => {
                let mut open = function(&collector.code(py, node.function), Calls::default())?;
                open.caller_only = true;
                functions.push(open);
                *numbers[id].insert(pstats_compat::FunctionId((functions.len() - 1) as u32))
            }
        };
        tree.nodes.push(Node {
            // The bottom, which is no call, stands in front in the engine's numbering.
            parent: node.parent.checked_sub(1).map(NodeId),
            function: number,
            ncalls: counts.calls,
            tottime: collector.seconds(counts.own.since(counts.own_excess), rate),
        });
    }
    Ok(tree)
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
