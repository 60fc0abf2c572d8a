//! An approximation of full stacks from the caller edges.
//!
//! Edges say that `f` spent 3 s in `g`; they don't say how much of that on the way through which
//! caller of `f`. The approximation assumes that `g` behaved alike whoever called `f`, and shares
//! its time out in proportion. So it is right for each function's total and each single edge, and
//! a guess for anything longer. A function that stands in the stack already is not entered again:
//! recursion is drawn as time of the frame that led to it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::model::{CallTree, Counts, Edge, EdgeDetail, FunctionId, Node, NodeId, Profile};

/// No more nodes than this are made; the greatest come first.
const MAX_NODES: usize = 50_000;
/// No stack is deeper than this.
const MAX_DEPTH: u32 = 256;
/// A node below this part of the whole is left in its parent.
const MIN_PART: f64 = 1e-5;

/// A node that may still be taken apart.
struct Open {
    node: NodeId,
    seconds: f64,
    depth: u32,
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of two equal ones the older goes first, so that the result is always the same.
        self.seconds.total_cmp(&other.seconds).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Open {}

/// Stacks as they may have been; one node for each.
pub fn approximate(profile: &Profile) -> CallTree {
    let by_caller = profile.edges_by_caller();
    let times = EdgeTimes::of(profile);
    let mut tree = CallTree::default();
    let mut open = BinaryHeap::new();
    let roots = roots(profile, &times);
    let total: f64 = roots.iter().map(|(_, seconds)| seconds).sum();
    for (function, seconds) in roots {
        push(&mut tree, &mut open, None, function, profile.function(function).calls.ncalls, seconds, 0);
    }
    while let Some(Open { node, seconds, depth }) = open.pop() {
        let function = tree.nodes[node.index()].function;
        let part = seconds / times.cumtime[function.index()];
        let mut calls: Vec<(&Edge, f64)> = by_caller
            .of(&profile.edges, function)
            .map(|edge| (edge, times.seconds(edge) * part))
            .filter(|&(edge, seconds)| {
                seconds > 0.0 && seconds.is_finite() && !is_on_stack(&tree, node, edge.callee)
            })
            .collect();
        let own = (profile.function(function).calls.tottime * part).max(0.0).min(seconds);
        let below: f64 = calls.iter().map(|(_, seconds)| seconds).sum();
        let shrink = ((seconds - own) / below).min(1.0);
        let mut left = seconds;
        if depth + 1 >= MAX_DEPTH {
            tree.cut.calls += calls.len() as u64;
            tree.cut.seconds += below * shrink;
            calls.clear();
        }
        for (edge, seconds) in calls {
            let seconds = seconds * shrink;
            if tree.nodes.len() >= MAX_NODES || seconds < total * MIN_PART {
                tree.cut.calls += 1;
                tree.cut.seconds += seconds;
                continue;
            }
            left -= seconds;
            let ncalls = (edge.calls.ncalls as f64 * part).round() as u64;
            push(&mut tree, &mut open, Some(node), edge.callee, ncalls, seconds, depth + 1);
        }
        tree.nodes[node.index()].tottime = left.max(0.0);
    }
    tree
}

fn push(
    tree: &mut CallTree,
    open: &mut BinaryHeap<Open>,
    parent: Option<NodeId>,
    function: FunctionId,
    ncalls: u64,
    seconds: f64,
    depth: u32,
) {
    let node = NodeId(tree.nodes.len() as u32);
    // Until it is taken apart, all its time is its own.
    tree.nodes.push(Node { parent, function, ncalls, tottime: seconds });
    open.push(Open { node, seconds, depth });
}

fn is_on_stack(tree: &CallTree, top: NodeId, function: FunctionId) -> bool {
    let mut next = Some(top);
    while let Some(node) = next {
        let node = &tree.nodes[node.index()];
        if node.function == function {
            return true;
        }
        next = node.parent;
    }
    false
}

/// Inclusive times, estimated where the profile has none.
struct EdgeTimes {
    /// Calls of each function by others, if edges have only counts.
    calls_by_others: Option<Vec<u64>>,
    /// Of each function. A mere caller has the sum of what it called; never 0.
    cumtime: Vec<f64>,
}

impl EdgeTimes {
    fn of(profile: &Profile) -> Self {
        let others = || profile.edges.iter().filter(|edge| edge.caller != edge.callee);
        let calls_by_others = (profile.metadata.edges == EdgeDetail::CountsOnly).then(|| {
            let mut calls = vec![0u64; profile.functions.len()];
            for edge in others() {
                let calls = &mut calls[edge.callee.index()];
                *calls = calls.saturating_add(edge.calls.ncalls);
            }
            calls
        });
        let cumtime = profile.functions.iter().map(|function| function.calls.cumtime).collect();
        let mut times = Self { calls_by_others, cumtime };
        for edge in others() {
            if profile.function(edge.caller).caller_only {
                let seconds = times.seconds(edge);
                times.cumtime[edge.caller.index()] += seconds;
            }
        }
        times
    }

    fn seconds(&self, edge: &Edge) -> f64 {
        match &self.calls_by_others {
            None => edge.calls.cumtime,
            Some(calls) => {
                let part = edge.calls.ncalls as f64 / calls[edge.callee.index()].max(1) as f64;
                self.cumtime[edge.callee.index()] * part
            }
        }
    }
}

/// Where stacks begin, with the time that no caller accounts for.
fn roots(profile: &Profile, times: &EdgeTimes) -> Vec<(FunctionId, f64)> {
    let mut unaccounted = times.cumtime.clone();
    for edge in profile.edges.iter().filter(|edge| edge.caller != edge.callee) {
        unaccounted[edge.callee.index()] -= times.seconds(edge);
    }
    // A function that began the program and was entered again from inside itself, as `exec` is by
    // every import: callers account for time that lies within its own. If each outermost call had
    // no caller, none of its time is theirs.
    if profile.metadata.counts == Counts::Calls {
        let mut by_callers = vec![0u64; profile.functions.len()];
        for edge in &profile.edges {
            let calls = &mut by_callers[edge.callee.index()];
            *calls = calls.saturating_add(edge.calls.ncalls);
        }
        for (id, function) in profile.rows() {
            let without_caller = function.calls.ncalls.saturating_sub(by_callers[id.index()]);
            if without_caller > 0 && without_caller >= function.calls.primitive_calls {
                unaccounted[id.index()] = times.cumtime[id.index()];
            }
        }
    }
    // Below this it is the rounding of many additions.
    let is_root = |id: FunctionId| {
        let whole = times.cumtime[id.index()];
        whole.is_finite() && whole > 0.0 && unaccounted[id.index()] > whole * 1e-6
    };
    let roots: Vec<_> =
        profile.ids().filter(|&id| is_root(id)).map(|id| (id, unaccounted[id.index()])).collect();
    if !roots.is_empty() {
        return roots;
    }
    // Nothing but a cycle: begin with its greatest.
    let greatest = profile.ids().max_by(|a, b| times.cumtime[a.index()].total_cmp(&times.cumtime[b.index()]));
    let seconds = |id: FunctionId| times.cumtime[id.index()];
    greatest
        .filter(|&id| seconds(id) > 0.0 && seconds(id).is_finite())
        .map(|id| (id, seconds(id)))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Calls, Function};

    fn function(name: &str, tottime: f64, cumtime: f64) -> Function {
        let calls = Calls { ncalls: 1, primitive_calls: 1, tottime, cumtime };
        Function::new("a.py".into(), 1, name.into(), calls)
    }

    fn edge(caller: u32, callee: u32, cumtime: f64) -> Edge {
        let calls = Calls { ncalls: 1, primitive_calls: 1, tottime: 0.0, cumtime };
        Edge { caller: FunctionId(caller), callee: FunctionId(callee), calls }
    }

    #[test]
    fn a_shared_callee_is_shared_out() {
        // main calls a (3 s) and b (1 s), both of which only call c.
        let profile = Profile::new(
            vec![
                function("main", 0.0, 4.0),
                function("a", 0.0, 3.0),
                function("b", 0.0, 1.0),
                function("c", 4.0, 4.0),
            ],
            vec![edge(0, 1, 3.0), edge(0, 2, 1.0), edge(1, 3, 3.0), edge(2, 3, 1.0)],
        );
        let tree = approximate(&profile);
        let leaves: Vec<f64> = tree
            .nodes
            .iter()
            .filter(|node| node.function == FunctionId(3))
            .map(|node| node.tottime)
            .collect();
        assert_eq!(leaves, vec![3.0, 1.0]);
        assert_eq!(tree.cumtimes()[0], 4.0);
    }

    #[test]
    fn recursion_ends_and_no_time_is_lost() {
        let profile = Profile::new(
            vec![function("a", 1.0, 2.0), function("b", 1.0, 1.5)],
            vec![edge(0, 1, 1.5), edge(1, 0, 1.0), edge(0, 0, 0.5)],
        );
        let tree = approximate(&profile);
        let roots: f64 = tree
            .nodes
            .iter()
            .zip(tree.cumtimes())
            .filter(|(node, _)| node.parent.is_none())
            .map(|(_, seconds)| seconds)
            .sum();
        assert!((roots - 1.0).abs() < 1e-12 || (roots - 2.0).abs() < 1e-12, "{roots}");
        assert!(tree.is_sound(2));
    }

    #[test]
    fn a_root_that_is_entered_again_keeps_all_its_time() {
        let mut exec = function("exec", 1.0, 5.0);
        exec.calls.ncalls = 2;
        let profile =
            Profile::new(vec![exec, function("import", 4.0, 4.0)], vec![edge(0, 1, 4.0), edge(1, 0, 2.0)]);
        let tree = approximate(&profile);
        assert_eq!(tree.nodes.iter().filter(|node| node.parent.is_none()).count(), 1);
        assert_eq!(tree.cumtimes()[0], 5.0);
    }

    #[test]
    fn times_that_are_no_numbers_make_no_stacks() {
        let profile = Profile::new(
            vec![function("a", f64::NAN, f64::NAN), function("b", f64::INFINITY, f64::INFINITY)],
            vec![edge(0, 1, f64::NAN)],
        );
        assert!(approximate(&profile).nodes.is_empty());
    }
}
