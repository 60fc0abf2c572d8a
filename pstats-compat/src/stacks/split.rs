//! Functions that do one thing for one caller and another for the next: wrappers, trampolines, whatever calls what it is given.
//!
//! What such a function called can't be told apart by its edges, unless they fit each other: a caller that called it as often as it
//! called something, in the same time but for its own, is the one for which it did. Then the function is two functions here, each
//! with its caller and its callee. `exec_module` of the import system is above all that was imported, and `_handle_fromlist` isn't,
//! though both go by `_call_with_frames_removed`.

use super::figures::{Link, Times};
use crate::model::{Cycles, FunctionId, Profile};

/// Times that differ by less than this part are the same, but for rounding.
const SAME: f64 = 1e-4;
/// Where calls were made within each other, the function's own time must be no more than this part of theirs: else it says nothing.
const LITTLE: f64 = 0.1;

/// Takes such functions apart. Returns which function each of the parts is of, that are added behind the functions.
pub(super) fn split(profile: &Profile, functions: &mut Vec<Times>, links: &mut [Link]) -> Vec<u32> {
    let mut parts_of = Vec::new();
    let cycles = Cycles::of(profile);
    let mut into = vec![Vec::new(); functions.len()];
    let mut from = vec![Vec::new(); functions.len()];
    for (place, link) in links.iter().enumerate() {
        into[link.callee as usize].push(place);
        from[link.caller as usize].push(place);
    }
    for function in 0..into.len() {
        // In a circle, what was never entered from within itself would be, by its other part.
        let may_be = functions[function].recurses || !cycles.is_in_one(FunctionId(function as u32));
        if !may_be || into[function].len() < 2 || from[function].len() < 2 {
            continue;
        }
        let mut pairs = pairs(links, &into[function], &from[function]);
        if pairs.len() == into[function].len() {
            // One of them keeps what is left.
            pairs.sort_by(|a, b| links[a.0].whole.total_cmp(&links[b.0].whole));
            pairs.pop();
        }
        let all_into: f64 = into[function].iter().map(|&place| links[place].whole).sum();
        let mut left_into = all_into;
        for (caller, callee) in pairs {
            let part = functions.len() as u32;
            parts_of.push(function as u32);
            let link = &mut links[caller];
            functions.push(Times {
                calls: link.calls,
                own: link.own,
                whole: link.whole,
                own_in_itself: 0.0,
                calls_from_nowhere: functions[function].calls_from_nowhere.map(|_| 0),
                recurses: functions[function].recurses,
            });
            link.callee = part;
            left_into -= link.whole;
            let rest = &mut functions[function];
            rest.calls = rest.calls.saturating_sub(link.calls);
            rest.own = (rest.own - link.own).max(0.0);
            links[callee].caller = part;
        }
        let rest = &mut functions[function];
        let from_nowhere = (rest.whole - all_into).max(0.0);
        rest.whole = rest.whole.min(left_into.max(0.0) + from_nowhere).max(rest.own);
    }
    parts_of
}

/// Links into a function and links out of it that fit each other and no others.
fn pairs(links: &[Link], into: &[usize], from: &[usize]) -> Vec<(usize, usize)> {
    let fit = |caller: &Link, callee: &Link| {
        // What the calls took but for the function's own time. Calls within calls are in the time once, and in own time as often as there were.
        let budget = caller.whole - caller.own;
        let most = if caller.nested { caller.whole } else { budget };
        let is_told = !caller.nested || caller.own <= caller.whole * LITTLE;
        is_told
            && caller.calls > 0
            && caller.calls == callee.calls
            && caller.caller != callee.callee
            && (budget * (1.0 - SAME)..=most * (1.0 + SAME)).contains(&callee.whole)
    };
    // By their numbers of calls, so that each is compared with few.
    let mut by_calls: Vec<usize> = from.to_vec();
    by_calls.sort_by_key(|&place| links[place].calls);
    let candidates = |caller: usize| {
        let calls = links[caller].calls;
        let start = by_calls.partition_point(|&place| links[place].calls < calls);
        by_calls[start..]
            .iter()
            .copied()
            .take_while(move |&place| links[place].calls == calls)
            .filter(move |&callee| fit(&links[caller], &links[callee]))
    };
    let mut found: Vec<(usize, usize)> = Vec::new();
    for &caller in into {
        let mut fitting = candidates(caller).take(2);
        if let (Some(callee), None) = (fitting.next(), fitting.next()) {
            found.push((caller, callee));
        }
    }
    // What fits two callers is neither's.
    found.sort_by_key(|pair| pair.1);
    let is_shared = |at: usize| {
        let callee = found[at].1;
        at > 0 && found[at - 1].1 == callee || found.get(at + 1).is_some_and(|next| next.1 == callee)
    };
    (0..found.len()).filter(|&at| !is_shared(at)).map(|at| found[at]).collect()
}
