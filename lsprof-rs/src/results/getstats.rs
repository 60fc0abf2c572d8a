//! What was collected, as cProfile gives it: struct sequences, and the dict that `pstats` reads.
//!
//! The one place where our names become CPython's: calls → callcount (`nc`), recursive calls → reccallcount
//! (`nc - cc`), total → totaltime (`ct`), own → inlinetime (`tt`).

use lsprof_engine::{Counts, FunctionId, FunctionTotals, Totals};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCode, PyDict, PyList, PyString, PyTuple};

use crate::collect::collector::Collector;
use crate::ffi::struct_sequence::StructSequence;

/// The struct sequence types of the module.
pub struct Types {
    /// A function.
    pub entry: StructSequence,
    /// A callee of a function.
    pub subentry: StructSequence,
    /// A thread.
    pub thread: StructSequence,
    /// A label set.
    pub labels: StructSequence,
}

/// Makes the types, once.
pub fn types(py: Python<'_>) -> PyResult<&Types> {
    static TYPES: PyOnceLock<Types> = PyOnceLock::new();
    TYPES.get_or_try_init(py, || {
        Ok(Types {
            entry: StructSequence::new(
                py,
                c"_lsprof.profiler_entry",
                &[
                    (c"code", c"code object or built-in function name"),
                    (c"callcount", c"how many times this was called"),
                    (c"reccallcount", c"how many of these calls were recursive"),
                    (c"totaltime", c"seconds in this function and all that it called"),
                    (c"inlinetime", c"seconds in this function itself"),
                    (c"calls", c"None, or a list of profiler_subentry: the functions that it called"),
                ],
            )?,
            subentry: StructSequence::new(
                py,
                c"_lsprof.profiler_subentry",
                &[
                    (c"code", c"called code object or built-in function name"),
                    (c"callcount", c"how many times it was called from here"),
                    (c"reccallcount", c"how many of these calls were recursive"),
                    (c"totaltime", c"seconds in these calls and all that they called"),
                    (c"inlinetime", c"seconds in these calls themselves"),
                ],
            )?,
            thread: StructSequence::new(
                py,
                c"_lsprof.profiler_thread",
                &[
                    (c"name", c"the thread's name, as threading has it"),
                    (c"ident", c"threading.get_ident() of the thread"),
                    (c"native_id", c"threading.get_native_id() of the thread"),
                    (c"totaltime", c"seconds in all functions of this thread together"),
                    (c"entries", c"list of profiler_entry: the functions that this thread called"),
                    (
                        c"gil_wait",
                        c"seconds that it waited for the GIL, where these were taken out; else 0.0",
                    ),
                ],
            )?,
            labels: StructSequence::new(
                py,
                c"_lsprof.profiler_labels",
                &[
                    (c"labels", c"a dict of names and values; empty where there was no label"),
                    (c"totaltime", c"seconds in all functions together under these labels"),
                    (
                        c"entries",
                        c"list of profiler_entry: calls that ended, and times that passed, under them",
                    ),
                ],
            )?,
        })
    })
}

/// The totals as a list of `profiler_entry`.
pub fn entries<'py>(py: Python<'py>, collector: &Collector, totals: &Totals) -> PyResult<Bound<'py, PyList>> {
    entries_of(py, collector, totals, totals.functions())
}

/// One `profiler_labels` for each label set, in the order in which they came; none where there was no label.
pub fn labels<'py>(py: Python<'py>, collector: &Collector) -> PyResult<Bound<'py, PyList>> {
    let rate = collector.seconds_per_tick();
    let list = PyList::empty(py);
    for (labels, totals, _) in collector.by_label() {
        let pairs = PyDict::new(py);
        labels.iter().try_for_each(|(name, value)| pairs.set_item(name, value))?;
        list.append(types(py)?.labels.make(
            py,
            [
                pairs.into_any(),
                collector.own(&totals.sum(), rate).into_pyobject(py)?.into_any(),
                entries_of(py, collector, &totals, totals.functions_with_time())?.into_any(),
            ],
        )?)?;
    }
    Ok(list)
}

fn entries_of<'py>(
    py: Python<'py>,
    collector: &Collector,
    totals: &Totals,
    functions: impl Iterator<Item = FunctionTotals>,
) -> PyResult<Bound<'py, PyList>> {
    let rate = collector.seconds_per_tick();
    let list = PyList::empty(py);
    let mut edges = totals.edges();
    for (function, counts) in functions {
        // Edges are in the order of their callers, as functions are.
        let start = edges.partition_point(|((caller, _), _)| *caller < function);
        let end = edges.partition_point(|((caller, _), _)| *caller <= function);
        let calls = subentries(py, collector, &edges[start..end], rate)?;
        edges = &edges[end..];
        let [code, callcount, reccallcount, totaltime, inlinetime] =
            fields(py, collector, function, &counts, rate)?;
        let entry =
            types(py)?.entry.make(py, [code, callcount, reccallcount, totaltime, inlinetime, calls])?;
        list.append(entry)?;
    }
    Ok(list)
}

/// One `profiler_thread` for each thread that was seen, in that order.
pub fn threads<'py>(py: Python<'py>, collector: &Collector) -> PyResult<Bound<'py, PyList>> {
    let mut seen = Vec::new();
    collector.for_each_thread(|thread| {
        thread.thread.learn_name(py);
        seen.push((thread.thread.name(), thread.thread.ident, thread.thread.native_id, thread.totals()));
    });
    let rate = collector.seconds_per_tick();
    let list = PyList::empty(py);
    for (name, ident, native_id, totals) in seen {
        list.append(types(py)?.thread.make(
            py,
            [
                PyString::new(py, &name).into_any(),
                ident.into_pyobject(py)?.into_any(),
                native_id.into_pyobject(py)?.into_any(),
                collector.own(&totals.sum(), rate).into_pyobject(py)?.into_any(),
                entries(py, collector, &totals)?.into_any(),
                collector.seconds(totals.sum().waited, rate).into_pyobject(py)?.into_any(),
            ],
        )?)?;
    }
    Ok(list)
}

/// The dict that `pstats.Stats` reads: `{label: (cc, nc, tt, ct, {caller label: (nc, cc, tt, ct)})}`.
///
/// Functions with one label (two lambdas on one line) are added up; cProfile keeps the last one only.
pub fn stats<'py>(py: Python<'py>, collector: &Collector, totals: &Totals) -> PyResult<Bound<'py, PyDict>> {
    let rate = collector.seconds_per_tick();
    let stats = PyDict::new(py);
    let mut labels: Vec<Option<Bound<'py, PyTuple>>> = Vec::new();
    for (function, counts) in totals.functions() {
        let label = label(py, &collector.code(py, function))?;
        let index = function.0 as usize;
        labels.resize(labels.len().max(index + 1), None);
        labels[index] = Some(label.clone());
        let (nc, cc, tt, ct) = seconds(collector, &counts, rate);
        let row = match stats.get_item(&label)? {
            Some(same) => {
                let (cc0, nc0, tt0, ct0, callers): (u64, u64, f64, f64, Bound<'py, PyDict>) =
                    same.extract()?;
                (cc0 + cc, nc0 + nc, tt0 + tt, ct0 + ct, callers)
            }
            None => (cc, nc, tt, ct, PyDict::new(py)),
        };
        stats.set_item(label, row)?;
    }
    let label_of = |function: FunctionId| labels.get(function.0 as usize).and_then(Option::as_ref);
    for ((caller, callee), counts) in totals.edges() {
        // A caller that is still open has no row, and so no callers' rows either: cProfile's rule.
        let (Some(caller), Some(callee)) = (label_of(*caller), label_of(*callee)) else { continue };
        let Some(row) = stats.get_item(callee)? else { continue };
        let callers = row.get_item(4)?.cast_into::<PyDict>()?;
        let (mut nc, mut cc, mut tt, mut ct) = seconds(collector, counts, rate);
        if let Some(same) = callers.get_item(caller)? {
            let (nc0, cc0, tt0, ct0): (u64, u64, f64, f64) = same.extract()?;
            (nc, cc, tt, ct) = (nc + nc0, cc + cc0, tt + tt0, ct + ct0);
        }
        callers.set_item(caller, (nc, cc, tt, ct))?;
    }
    Ok(stats)
}

/// cProfile's label of what `getstats` calls `code`: (file, line, name); built-ins sort under `~`.
pub fn label<'py>(py: Python<'py>, code: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
    match code.cast::<PyCode>() {
        Ok(code) => (code.getattr("co_filename")?, code.getattr("co_firstlineno")?, code.getattr("co_name")?)
            .into_pyobject(py),
        Err(_) => ("~", 0, code).into_pyobject(py),
    }
}

/// (nc, cc, tt, ct)
fn seconds(collector: &Collector, counts: &Counts, rate: f64) -> (u64, u64, f64, f64) {
    (
        counts.calls,
        counts.calls - counts.recursive_calls.min(counts.calls),
        collector.own(counts, rate),
        collector.total(counts, rate),
    )
}

fn subentries<'py>(
    py: Python<'py>,
    collector: &Collector,
    edges: &[((FunctionId, FunctionId), Counts)],
    rate: f64,
) -> PyResult<Bound<'py, PyAny>> {
    if edges.is_empty() {
        return Ok(py.None().into_bound(py));
    }
    let list = PyList::empty(py);
    for ((_, callee), counts) in edges {
        list.append(types(py)?.subentry.make(py, fields(py, collector, *callee, counts, rate)?)?)?;
    }
    Ok(list.into_any())
}

/// code, callcount, reccallcount, totaltime, inlinetime
fn fields<'py>(
    py: Python<'py>,
    collector: &Collector,
    function: FunctionId,
    counts: &Counts,
    rate: f64,
) -> PyResult<[Bound<'py, PyAny>; 5]> {
    Ok([
        collector.code(py, function),
        counts.calls.into_pyobject(py)?.into_any(),
        counts.recursive_calls.into_pyobject(py)?.into_any(),
        collector.total(counts, rate).into_pyobject(py)?.into_any(),
        collector.own(counts, rate).into_pyobject(py)?.into_any(),
    ])
}
