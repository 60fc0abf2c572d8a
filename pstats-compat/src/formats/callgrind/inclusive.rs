//! What the format leaves to be computed: how often each function was called, and its cumulative time.
//!
//! That is its own time and that of its calls. Calls of itself are part of its other calls. Where several functions call
//! each other in a circle, the inner calls' times are part of the outer ones' as well and can't be taken out again; then it
//! is at most what went by in the whole circle.

use crate::model::{Cycles, FunctionId, Profile};

/// Fills in calls and cumulative times from own times and edges.
pub fn fill(profile: &mut Profile) {
    let cycles = Cycles::of(profile);
    // What all functions of a circle did themselves, and what went by in calls that lead out of it.
    let mut whole = vec![0.0; cycles.len()];
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
        }
    }
    for id in profile.ids().filter(|&id| cycles.is_in_one(id)) {
        let cumtime = &mut profile.functions[id.index()].calls.cumtime;
        *cumtime = cumtime.min(whole[cycles.group(id)]);
    }
}
