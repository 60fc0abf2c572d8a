//! What the format leaves to be computed: how often each function was called, and its cumulative time.
//!
//! That is its own time and that of its calls, or that of the calls of it by others, if this is more: some writers leave out
//! functions, and then what they called has lost its caller. Where several functions call each other in a circle, the inner
//! calls' times are part of the outer ones' as well and can't be taken out again; there it is at most what went by in the
//! whole circle, and only calls from outside count as calls by others. A function that calls itself is a circle of one.

use crate::model::{Cycles, FunctionId, Profile};

/// Fills in calls and cumulative times from own times and edges.
pub fn fill(profile: &mut Profile) {
    let cycles = Cycles::of(profile);
    // What all functions of a circle did themselves, and what went by in calls that lead out of it.
    let mut whole = vec![0.0; cycles.len()];
    let mut by_others = vec![0.0; profile.functions.len()];
    for (function, id) in profile.functions.iter_mut().zip(0u32..) {
        function.calls.cumtime = function.calls.tottime;
        whole[cycles.group(FunctionId(id))] += function.calls.tottime;
    }
    for edge in &profile.edges {
        let callee = &mut profile.functions[edge.callee.index()].calls;
        callee.ncalls = callee.ncalls.saturating_add(edge.calls.ncalls);
        callee.primitive_calls = callee.ncalls;
        if edge.caller != edge.callee {
            profile.functions[edge.caller.index()].calls.cumtime += edge.calls.cumtime;
        }
        if cycles.group(edge.caller) != cycles.group(edge.callee) {
            whole[cycles.group(edge.caller)] += edge.calls.cumtime;
            by_others[edge.callee.index()] += edge.calls.cumtime;
        }
    }
    for id in profile.ids() {
        let cumtime = &mut profile.functions[id.index()].calls.cumtime;
        if cycles.is_in_one(id) {
            *cumtime = cumtime.min(whole[cycles.group(id)]);
        }
        *cumtime = cumtime.max(by_others[id.index()]);
    }
}
