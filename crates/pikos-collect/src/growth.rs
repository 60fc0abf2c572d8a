//! What was added to a profile, and under each label set of it, since it was looked at last.

use std::collections::HashMap;

use pstats_compat::{CallTree, Calls, Edge, Function, FunctionId, LabelSet, Node, NodeId, Profile, Text};

type Label = (Text, u32, Text);

/// What is in `now` and wasn't in `then`. Where something has become less (a profile was cleared), nothing was added.
pub fn since(now: &Profile, then: Option<&Profile>) -> Profile {
    let Some(then) = then else { return now.clone() };
    let mut grown = grown(now, then);
    let known: HashMap<&[(Text, Text)], &Profile> =
        then.label_sets.iter().map(|set| (&set.labels[..], &set.profile)).collect();
    let set = |set: &LabelSet| {
        let before = match (known.get(&set.labels[..]), then.label_sets.is_empty()) {
            (None, true) if set.labels.is_empty() => Some(then),
            (before, _) => before.copied(),
        };
        LabelSet { labels: set.labels.clone(), profile: since(&set.profile, before) }
    };
    let sets = now.label_sets.iter().map(set);
    grown.label_sets = sets.filter(|set| !set.profile.functions.is_empty()).collect();
    grown
}

fn grown(now: &Profile, then: &Profile) -> Profile {
    let label =
        |function: &Function| -> Label { (function.file.clone(), function.line, function.name.clone()) };
    let known: HashMap<Label, FunctionId> = then.ids().map(|id| (label(then.function(id)), id)).collect();
    // The place of each function of `now` in `then`.
    let before: Vec<Option<FunctionId>> =
        now.functions.iter().map(|function| known.get(&label(function)).copied()).collect();
    let mut grown = Profile { metadata: now.metadata.clone(), ..Profile::default() };
    grown.functions = now
        .functions
        .iter()
        .zip(&before)
        .map(|(function, before)| {
            let old = before.map(|id| then.function(id)).filter(|old| !old.caller_only);
            let Some(old) = old else { return function.clone() };
            let calls = less(&function.calls, &old.calls);
            Function { calls, gil_wait: (function.gil_wait - old.gil_wait).max(0.0), ..function.clone() }
        })
        .collect();
    let edges: HashMap<(FunctionId, FunctionId), &Calls> =
        then.edges.iter().map(|edge| ((edge.caller, edge.callee), &edge.calls)).collect();
    let edge = |edge: &Edge| {
        let ends = before[edge.caller.index()].zip(before[edge.callee.index()]);
        let old = ends.and_then(|ends| edges.get(&ends));
        let calls = old.map_or(edge.calls, |old| less(&edge.calls, old));
        is_something(&calls).then(|| Edge { calls, ..edge.clone() })
    };
    grown.edges = now.edges.iter().filter_map(edge).collect();
    grown.tree = now.tree.as_ref().map(|tree| grown_tree(tree, then.tree.as_ref(), &before));
    drop_idle(&mut grown);
    grown
}

fn less(now: &Calls, then: &Calls) -> Calls {
    Calls {
        ncalls: now.ncalls.saturating_sub(then.ncalls),
        primitive_calls: now.primitive_calls.saturating_sub(then.primitive_calls),
        tottime: (now.tottime - then.tottime).max(0.0),
        cumtime: (now.cumtime - then.cumtime).max(0.0),
        cpu_tottime: (now.cpu_tottime - then.cpu_tottime).max(0.0),
        cpu_cumtime: (now.cpu_cumtime - then.cpu_cumtime).max(0.0),
    }
}

fn is_something(calls: &Calls) -> bool {
    calls.ncalls > 0 || calls.tottime > 0.0 || calls.cumtime > 0.0
}

/// The stacks of all threads together.
fn grown_tree(now: &CallTree, then: Option<&CallTree>, before: &[Option<FunctionId>]) -> CallTree {
    let now = now.added_up();
    let then = then.map(|then| then.added_up());
    let nodes = then.as_ref().map_or(&[][..], |then| &then.nodes);
    let places: HashMap<(Option<NodeId>, FunctionId), NodeId> =
        (0u32..).zip(nodes).map(|(place, node)| ((node.parent, node.function), NodeId(place))).collect();
    // The place of each stack of `now` in `then`: its parent's is known before.
    let mut known: Vec<Option<NodeId>> = Vec::with_capacity(now.nodes.len());
    let mut grown: Vec<Node> = Vec::with_capacity(now.nodes.len());
    for node in &now.nodes {
        let parent = node.parent.map_or(Some(None), |parent| known[parent.index()].map(Some));
        let old = parent.zip(before[node.function.index()]).and_then(|at| places.get(&at)).copied();
        let (ncalls, tottime) = old.map_or((0, 0.0), |old| {
            let old = &nodes[old.index()];
            (old.ncalls, old.tottime)
        });
        grown.push(Node {
            ncalls: node.ncalls.saturating_sub(ncalls),
            tottime: (node.tottime - tottime).max(0.0),
            ..node.clone()
        });
        known.push(old);
    }
    let mut is_kept: Vec<bool> = grown.iter().map(|node| node.ncalls > 0 || node.tottime > 0.0).collect();
    for place in (0..grown.len()).rev() {
        if let Some(parent) = grown[place].parent.filter(|_| is_kept[place]) {
            is_kept[parent.index()] = true;
        }
    }
    let mut moved = vec![NodeId(0); grown.len()];
    let mut tree = CallTree::default();
    for (place, node) in grown.into_iter().enumerate().filter(|(place, _)| is_kept[*place]) {
        moved[place] = NodeId(tree.nodes.len() as u32);
        tree.nodes.push(Node { parent: node.parent.map(|parent| moved[parent.index()]), ..node });
    }
    let old = then.map_or_else(Default::default, |then| then.cut);
    tree.cut.calls = now.cut.calls.saturating_sub(old.calls);
    tree.cut.seconds = (now.cut.seconds - old.seconds).max(0.0);
    tree
}

/// Leaves out the functions that did nothing, unless a stack or an edge names them.
fn drop_idle(profile: &mut Profile) {
    let mut is_named = vec![false; profile.functions.len()];
    for edge in &profile.edges {
        is_named[edge.caller.index()] = true;
        is_named[edge.callee.index()] = true;
    }
    for node in profile.tree.iter().flat_map(|tree| &tree.nodes) {
        is_named[node.function.index()] = true;
    }
    let mut moved = vec![FunctionId(0); profile.functions.len()];
    let mut kept = Vec::new();
    for (place, mut function) in std::mem::take(&mut profile.functions).into_iter().enumerate() {
        let is_idle = !function.caller_only && !is_something(&function.calls);
        if is_idle && !is_named[place] {
            continue;
        }
        function.caller_only |= is_idle;
        moved[place] = FunctionId(kept.len() as u32);
        kept.push(function);
    }
    profile.functions = kept;
    for edge in &mut profile.edges {
        (edge.caller, edge.callee) = (moved[edge.caller.index()], moved[edge.callee.index()]);
    }
    for node in profile.tree.iter_mut().flat_map(|tree| &mut tree.nodes) {
        node.function = moved[node.function.index()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `main` that called `f` so often.
    fn profile(calls: u64, idle: bool) -> Profile {
        let of = |ncalls: u64| Calls {
            ncalls,
            primitive_calls: ncalls,
            tottime: ncalls as f64,
            cumtime: ncalls as f64,
            ..Calls::default()
        };
        let function = |name: &str, ncalls| Function::new("a.py".into(), 1, name.into(), of(ncalls));
        let mut functions = vec![function("f", calls), function("main", 1)];
        if idle {
            functions.insert(0, function("old", 5));
        }
        let first = u32::from(idle);
        let edge = Edge { caller: FunctionId(first + 1), callee: FunctionId(first), calls: of(calls) };
        let node = |parent, function: u32, ncalls: u64| Node {
            parent,
            function: FunctionId(first + function),
            ncalls,
            tottime: ncalls as f64,
        };
        let nodes = vec![node(None, 1, 1), node(Some(NodeId(0)), 0, calls)];
        let tree = Some(CallTree { nodes, ..CallTree::default() });
        Profile { tree, ..Profile::new(functions, vec![edge]) }
    }

    #[test]
    fn only_what_is_new_is_left() {
        let grown = since(&profile(7, true), Some(&profile(3, true)));
        let rows: Vec<_> =
            grown.rows().map(|(_, function)| (function.name.clone(), function.calls.ncalls)).collect();
        assert_eq!(rows, [("f".into(), 4)], "main and old did nothing");
        assert_eq!((grown.functions.len(), grown.edges[0].calls.ncalls), (2, 4));
        let nodes: Vec<u64> =
            grown.tree.as_ref().expect("kept").nodes.iter().map(|node| node.ncalls).collect();
        assert_eq!(nodes, [0, 4], "whoever called stays below");
        assert!(grown.tree.expect("kept").is_sound(2));
    }

    #[test]
    fn what_was_cleared_added_nothing_and_what_is_new_is_all_there() {
        let grown = since(&profile(3, false), Some(&profile(7, true)));
        assert_eq!((grown.rows().count(), grown.edges.len()), (0, 0));
        assert_eq!(since(&profile(3, false), None), profile(3, false));
        let grown = since(&profile(9, true), Some(&Profile::default()));
        assert_eq!(grown.rows().map(|(_, function)| function.calls.ncalls).sum::<u64>(), 15);
    }
    #[test]
    fn what_is_new_is_told_by_label() {
        let labelled = |calls: &[(&str, u64)]| {
            let set = |(value, calls): &(&str, u64)| {
                let labels = (!value.is_empty()).then(|| ("job".into(), (*value).into()));
                LabelSet { labels: labels.into_iter().collect(), profile: profile(*calls, false) }
            };
            let all = calls.iter().map(|(_, calls)| calls).sum();
            Profile { label_sets: calls.iter().map(set).collect(), ..profile(all, false) }
        };
        let told = |grown: Profile| -> Vec<_> {
            let sets = grown.label_sets.iter();
            sets.map(|set| (set.to_string(), set.profile.functions[0].calls.ncalls)).collect()
        };
        let (before, now) = (labelled(&[("", 2), ("a", 3)]), labelled(&[("", 2), ("a", 7), ("b", 1)]));
        let expected = [("job=a".to_owned(), 4), ("job=b".to_owned(), 1)];
        assert_eq!(told(since(&now, Some(&before))), expected);
        // Before the first label all was without one.
        assert_eq!(
            told(since(&labelled(&[("", 5), ("a", 1)]), Some(&profile(3, false)))),
            [("no label".to_owned(), 2), ("job=a".to_owned(), 1)]
        );
    }
}
