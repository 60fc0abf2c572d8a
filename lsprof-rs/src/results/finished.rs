//! What was collected, as the model that the file formats know: plain values, without Python.

use std::sync::atomic::Ordering;

use lsprof_engine::{
    BOTTOM, Counts, DurationTotals, FunctionId, FunctionTotals, Ticks, Totals, TreeTotals, ticks_of,
};
use pikos_client::run_facts;
use pikos_publisher::folded_row;
use pikos_wire::Recorded;
use pstats_compat::{
    CallTree, Calls, Cut, Distribution, Edge, Function, LabelSet, Node, NodeId, Profile, Slowest, Thread,
};
use pyo3::prelude::*;

use crate::collect::collector::{Collector, ThreadRecorder};
use crate::collect::names;
use crate::collect::threads::name_of;
use crate::results::coroutines;

/// The totals of all threads as a profile, times in seconds.
pub fn profile(py: Python<'_>, collector: &Collector) -> PyResult<Profile> {
    let totals = collector.totals();
    let rate = collector.seconds_per_tick();
    let (mut functions, edges, mut numbers) = tables(py, collector, &totals, totals.functions())?;
    let tree =
        collector.has_tree().then(|| trees(py, collector, &mut functions, &mut numbers)).transpose()?;
    let label_sets = label_sets(py, collector, &mut functions, &mut numbers)?;
    let tasks = coroutines::for_files(py, collector, &mut functions, &mut numbers)?;
    let mut profile = Profile::new(functions, edges);
    profile.tree = tree;
    profile.label_sets = label_sets;
    profile.tasks = tasks;
    profile.metadata.compensated = collector.is_compensated();
    let cut = profile.tree.as_ref().map_or(Cut::default(), |tree| tree.cut);
    let waited = collector.seconds(totals.sum().waited, rate);
    let recorded = Recorded { gil_wait: waited, ..collector.recorded() };
    profile.metadata.facts = run_facts(&collector.run().about(), &recorded, None, cut);
    Ok(profile)
}

/// By our number of a function, its place among those of the profile. There are gaps where one was entered and has not returned yet.
type Numbers = Vec<Option<pstats_compat::FunctionId>>;

fn tables(
    py: Python<'_>,
    collector: &Collector,
    totals: &Totals,
    rows: impl Iterator<Item = FunctionTotals>,
) -> PyResult<(Vec<Function>, Vec<Edge>, Numbers)> {
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
    let mut numbers = Numbers::new();
    for (FunctionId(id), counts) in rows {
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
    Ok((functions, edges, numbers))
}

/// What ran under each label set. A function that is open under all of them becomes one that is only a caller in the whole.
fn label_sets(
    py: Python<'_>,
    collector: &Collector,
    functions: &mut Vec<Function>,
    numbers: &mut Numbers,
) -> PyResult<Vec<LabelSet>> {
    let mut sets = Vec::new();
    for (labels, totals, tree) in collector.by_label() {
        let (mut own, edges, mut own_numbers) = tables(py, collector, &totals, totals.functions_with_time())?;
        let own_tree = match collector.has_tree() {
            true => {
                let mut own_tree = CallTree::default();
                add_tree(py, collector, &tree, &mut own_tree, &mut own, &mut own_numbers)?;
                Some(own_tree)
            }
            false => None,
        };
        for (id, _) in own_numbers.iter().enumerate().filter(|(_, number)| number.is_some()) {
            number_of(py, collector, FunctionId(id as u32), functions, numbers)?;
        }
        let mut profile = Profile::new(own, edges);
        profile.tree = own_tree;
        let labels = labels.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
        sets.push(LabelSet { labels: labels.collect(), profile });
    }
    Ok(sets)
}

/// A function's place in the profile; one that has no row becomes one that is only a caller.
fn number_of(
    py: Python<'_>,
    collector: &Collector,
    function: FunctionId,
    functions: &mut Vec<Function>,
    numbers: &mut Numbers,
) -> PyResult<pstats_compat::FunctionId> {
    let id = function.0 as usize;
    if numbers.len() <= id {
        numbers.resize(id + 1, None);
    }
    match numbers[id] {
        Some(number) => Ok(number),
        None => {
            let mut open = names::function(&collector.code(py, function), Calls::default())?;
            open.caller_only = true;
            functions.push(open);
            Ok(*numbers[id].insert(pstats_compat::FunctionId((functions.len() - 1) as u32)))
        }
    }
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
    for &(part, calls) in &totals.counts {
        // Not the least or the greatest of this profile: parts of several are to add up to those of all.
        distribution.add(ticks_of(part) * rate, calls);
    }
    distribution
}

/// Full stacks, each thread's apart, and those of ended threads that are no longer kept apart behind them.
fn trees(
    py: Python<'_>,
    collector: &Collector,
    functions: &mut Vec<Function>,
    numbers: &mut Numbers,
) -> PyResult<CallTree> {
    let mut threads = Vec::new();
    collector.for_each_thread(|ThreadRecorder { thread, recorder, .. }| {
        let name = thread.has_name().then(|| thread.name());
        // Whoever has an ended thread's ident now is another one.
        let ident = (!thread.mark.ended.load(Ordering::Acquire)).then_some(thread.ident);
        let mut totals = TreeTotals::default();
        recorder.parts().for_each(|(_, tables)| totals.add(tables));
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
    numbers: &mut Numbers,
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
        let number = number_of(py, collector, node.function, functions, numbers)?;
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
