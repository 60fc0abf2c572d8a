//! Profiles kept apart in one: what each of them has stays its own, below a function that stands for the whole of it.

use crate::model::{CallTree, Calls, Edge, Function, FunctionId, Node, NodeId, Profile, Text};

/// The profile under a name: `f` becomes `f [name]`, and all that nobody in it called is called by `name`.
///
/// So nothing of it is added to what others have, in tables and graphs as in stacks, and each has a box of its own at the top
/// of a flame graph.
pub fn named(mut profile: Profile, name: &str) -> Profile {
    let own = format!(" [{name}]");
    for function in &mut profile.functions {
        let rename = |text: &Text| Text::from([text.as_bytes(), own.as_bytes()].concat());
        function.qualname = function.qualname.as_ref().map(rename);
        function.name = rename(&function.name);
    }
    let mut by_callers = vec![Calls::default(); profile.functions.len()];
    for edge in profile.edges.iter().filter(|edge| edge.caller != edge.callee) {
        by_callers[edge.callee.index()].add(&edge.calls);
    }
    let top = FunctionId(profile.functions.len() as u32);
    let mut cumtime = 0.0;
    for (id, function) in (0u32..).map(FunctionId).zip(&profile.functions) {
        let sum = &by_callers[id.index()];
        let ncalls = function.calls.primitive_calls.saturating_sub(sum.ncalls);
        let is_bottom = !function.caller_only && (sum.ncalls == 0 && sum.cumtime == 0.0 || ncalls > 0);
        if is_bottom {
            let left = (function.calls.cumtime - sum.cumtime).max(0.0);
            let tottime = (function.calls.tottime - sum.tottime).max(0.0);
            cumtime += left;
            let calls = Calls { ncalls, primitive_calls: ncalls, tottime, cumtime: left, ..Calls::default() };
            profile.edges.push(Edge { caller: top, callee: id, calls });
        }
    }
    let whole = profile.tottime();
    // Each thread has entered it once.
    let ncalls = profile.tree.as_ref().map_or(1, |tree| tree.threads.len().max(1) as u64);
    let calls = Calls {
        ncalls,
        primitive_calls: ncalls,
        tottime: 0.0,
        cumtime: cumtime.max(whole),
        ..Calls::default()
    };
    profile.functions.push(Function::new(Text::default(), 0, name.into(), calls));
    profile.tree = profile.tree.map(|tree| below(tree, top));
    profile
}

/// The stacks with one more function at the bottom of each: one bottom for each thread.
fn below(tree: CallTree, bottom: FunctionId) -> CallTree {
    let mut raised = CallTree { cut: tree.cut, ..CallTree::default() };
    for (thread, stacks) in tree.parts() {
        raised.begin(thread);
        let first = raised.nodes.len();
        let shifted = |id: NodeId| NodeId((id.index() - stacks.start + first + 1) as u32);
        raised.nodes.push(Node { parent: None, function: bottom, ncalls: 1, tottime: 0.0 });
        raised.nodes.extend(
            tree.nodes[stacks.clone()].iter().map(|node| Node {
                parent: Some(node.parent.map_or(NodeId(first as u32), shifted)),
                ..*node
            }),
        );
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_called_is_called_by_the_whole() {
        let calls = |ncalls, tottime, cumtime| Calls {
            ncalls,
            primitive_calls: ncalls,
            tottime,
            cumtime,
            ..Calls::default()
        };
        let function = |name: &str, calls| Function::new("a.py".into(), 1, name.into(), calls);
        let edge = Edge { caller: FunctionId(0), callee: FunctionId(1), calls: calls(2, 2.0, 2.0) };
        let nodes = vec![
            Node { parent: None, function: FunctionId(0), ncalls: 1, tottime: 1.0 },
            Node { parent: Some(NodeId(0)), function: FunctionId(1), ncalls: 2, tottime: 2.0 },
        ];
        let profile = Profile {
            tree: Some(CallTree { nodes, ..CallTree::default() }),
            ..Profile::new(
                vec![function("main", calls(1, 1.0, 3.0)), function("f", calls(2, 2.0, 2.0))],
                vec![edge],
            )
        };
        let profile = named(profile, "x");
        let names: Vec<String> = profile.functions.iter().map(|f| f.name.to_string()).collect();
        assert_eq!(names, ["main [x]", "f [x]", "x"]);
        assert_eq!(profile.functions[2].calls, calls(1, 0.0, 3.0));
        assert_eq!(profile.edges.len(), 2);
        assert_eq!(
            profile.edges[1],
            Edge { caller: FunctionId(2), callee: FunctionId(0), calls: calls(1, 1.0, 3.0) }
        );
        let tree = profile.tree.as_ref().expect("it had one");
        assert!(tree.is_sound(3));
        assert_eq!(tree.cumtimes(), [3.0, 3.0, 2.0]);
        assert_eq!(crate::check::check(&profile), []);
    }
}
