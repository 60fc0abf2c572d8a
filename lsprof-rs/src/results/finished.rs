//! What was collected, as the model that the file formats know: plain values, without Python.

use lsprof_engine::{BOTTOM, Counts, FunctionId, TreeTotals};
use pikos_client::run_facts;
use pstats_compat::{CallTree, Calls, Cut, Edge, Function, Node, NodeId, Profile};
use pyo3::prelude::*;

use crate::collect::collector::Collector;
use crate::collect::names;

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
        functions.push(names::function(&collector.code(py, FunctionId(id)), calls(&counts))?);
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
    let cut = profile.tree.as_ref().map_or(Cut::default(), |tree| tree.cut);
    profile.metadata.facts = run_facts(&collector.run().about(), &collector.run().recorded(), cut);
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
                let mut open = names::function(&collector.code(py, node.function), Calls::default())?;
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
