//! What was collected, as the model that the file formats know: plain values, without Python.

use std::sync::atomic::Ordering;

use lsprof_engine::{BOTTOM, Counts, DurationTotals, FunctionId, Ticks, TreeTotals, ticks_of};
use pikos_client::run_facts;
use pikos_publisher::folded_row;
use pikos_wire::Recorded;
use pstats_compat::{
    CallTree, Calls, Cut, Distribution, Edge, Function, Node, NodeId, Profile, Slowest, Thread,
};
use pyo3::prelude::*;

use crate::collect::collector::{Collector, ThreadRecorder};
use crate::collect::names;
use crate::collect::threads::name_of;

/// The totals of all threads as a profile, times in seconds.
pub fn profile(py: Python<'_>, collector: &Collector) -> PyResult<Profile> {
    let totals = collector.totals();
    let rate = collector.seconds_per_tick();
    let calls = |counts: &Counts| {
        let (cpu_tottime, cpu_cumtime) = collector.cpu(counts, rate);
        Calls {
            ncalls: counts.calls,
            primitive_calls: counts.calls.saturating_sub(counts.recursive_calls),
            tottime: collector.own(counts, rate),
            cumtime: collector.total(counts, rate),
            cpu_tottime,
            cpu_cumtime,
        }
    };
    let mut functions = Vec::new();
    // Our numbers of functions have gaps where one was entered and has not returned yet.
    let mut numbers: Vec<Option<pstats_compat::FunctionId>> = Vec::new();
    for (FunctionId(id), counts) in totals.functions() {
        let index = id as usize;
        numbers.resize(index, None);
        numbers.push(u32::try_from(functions.len()).ok().map(pstats_compat::FunctionId));
        let function = names::function(&collector.code(py, FunctionId(id)), calls(&counts))?;
        functions.push(Function { gil_wait: collector.seconds(counts.waited, rate), ..function });
    }
    let number = |FunctionId(id): FunctionId| numbers.get(id as usize).copied().flatten();
    for (id, _) in totals.functions() {
        if let Some((durations, place)) = totals.durations(id).zip(number(id)) {
            let distribution = distribution(collector, durations, rate, number);
            functions[place.index()].distribution = Some(Box::new(distribution));
        }
    }
    let edges = totals.edges().iter().filter_map(|((caller, callee), counts)| {
        // A caller that is still open has no row, and so no part in its callees' rows: cProfile's rule.
        Some(Edge { caller: number(*caller)?, callee: number(*callee)?, calls: calls(counts) })
    });
    let edges = edges.collect();
    let tree =
        collector.has_tree().then(|| trees(py, collector, &mut functions, &mut numbers)).transpose()?;
    let mut profile = Profile::new(functions, edges);
    profile.tree = tree;
    profile.metadata.compensated = collector.is_compensated();
    let cut = profile.tree.as_ref().map_or(Cut::default(), |tree| tree.cut);
    let waited = collector.seconds(totals.sum().waited, rate);
    let recorded = Recorded { gil_wait: waited, ..collector.recorded() };
    profile.metadata.facts = run_facts(&collector.run().about(), &recorded, None, cut);
    Ok(profile)
}

/// How long the calls of a function took, in seconds. `number`: those of functions in the profile.
fn distribution(
    collector: &Collector,
    totals: &DurationTotals,
    rate: f64,
    number: impl Fn(FunctionId) -> Option<pstats_compat::FunctionId>,
) -> Distribution {
    let seconds = |ticks: Ticks| collector.seconds(ticks, rate);
    let slowest = Slowest {
        seconds: seconds(totals.max),
        at: collector.began().map(|began| seconds(totals.max_ended.since(began))),
        stack: totals.max_stack.iter().filter_map(|&id| number(id)).collect(),
    };
    let mut distribution = Distribution::new(seconds(totals.min), slowest);
    let (min, max) = (totals.min.0 as f64, totals.max.0 as f64);
    for &(part, calls) in &totals.counts {
        distribution.add(ticks_of(part).min(max).max(min) * rate, calls);
    }
    distribution
}

/// Full stacks, each thread's apart, and those of ended threads that are no longer kept apart behind them.
fn trees(
    py: Python<'_>,
    collector: &Collector,
    functions: &mut Vec<Function>,
    numbers: &mut Vec<Option<pstats_compat::FunctionId>>,
) -> PyResult<CallTree> {
    let mut threads = Vec::new();
    collector.for_each_thread(|ThreadRecorder { thread, recorder, .. }| {
        let name = thread.has_name().then(|| thread.name());
        // Whoever has an ended thread's ident now is another one.
        let ident = (!thread.mark.ended.load(Ordering::Acquire)).then_some(thread.ident);
        let mut totals = TreeTotals::default();
        totals.add(recorder.tables());
        threads.push((ident, name, Some(thread.native_id), totals));
    });
    threads.push((None, Some(folded_row().name.0.to_string()), None, collector.ended_trees()));
    let mut tree = CallTree::default();
    let process = Some(u64::from(std::process::id()));
    for (ident, name, id, totals) in threads {
        let first = NodeId(tree.nodes.len() as u32);
        add_tree(py, collector, &totals, &mut tree, functions, numbers)?;
        if tree.nodes.len() > first.index() {
            // Nothing is borrowed here: asking runs the program's Python.
            let name = ident.and_then(|ident| name_of(py, ident)).or(name);
            let name = name.map(|name| name.as_str().into());
            tree.threads.push(Thread { name, process, id, first });
        }
    }
    Ok(tree)
}

/// A thread's stacks. A function that is still open, and so has no row, becomes one that is only a caller.
fn add_tree(
    py: Python<'_>,
    collector: &Collector,
    totals: &TreeTotals,
    tree: &mut CallTree,
    functions: &mut Vec<Function>,
    numbers: &mut Vec<Option<pstats_compat::FunctionId>>,
) -> PyResult<()> {
    let rate = collector.seconds_per_tick();
    let first = tree.nodes.len() as u32;
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
            parent: node.parent.checked_sub(1).map(|parent| NodeId(first + parent)),
            function: number,
            ncalls: counts.calls,
            tottime: collector.seconds(counts.own.since(counts.own_excess), rate),
        });
    }
    Ok(())
}
