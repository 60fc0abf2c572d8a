//! Flat tables from full stacks: what a reader of stacks still has to work out.

use crate::model::{CallTree, Calls, Edge, FunctionId, IdMap, NodeId, Profile};

/// Adds own and cumulative times and the calls of every function and edge. As in pstats, only the outermost
/// activation adds to a cumulative time and to the primitive calls.
pub(crate) fn fill_tables(profile: &mut Profile, tree: &CallTree) {
    let cumtimes = tree.cumtimes();
    let (children, roots) = tree.children();
    let mut edge_places: IdMap<(FunctionId, FunctionId), usize> = IdMap::default();
    let mut functions_open = vec![0u32; profile.functions.len()];
    let mut edges_open: Vec<u32> = Vec::new();
    // A stack of its own: the input decides how deep a tree is.
    let mut steps: Vec<Step> = roots.into_iter().rev().map(Step::Enter).collect();
    while let Some(step) = steps.pop() {
        let (id, entering) = match step {
            Step::Enter(id) => (id, true),
            Step::Leave(id) => (id, false),
        };
        let node = &tree.nodes[id.index()];
        let edge_place = node.parent.map(|parent| {
            let ends = (tree.nodes[parent.index()].function, node.function);
            *edge_places.entry(ends).or_insert_with(|| {
                let (caller, callee) = ends;
                profile.edges.push(Edge { caller, callee, calls: Calls::default() });
                edges_open.push(0);
                profile.edges.len() - 1
            })
        });
        if !entering {
            functions_open[node.function.index()] -= 1;
            if let Some(place) = edge_place {
                edges_open[place] -= 1;
            }
            continue;
        }
        let add = |calls: &mut Calls, open: &mut u32| {
            calls.tottime += node.tottime;
            calls.ncalls = calls.ncalls.saturating_add(node.ncalls);
            if *open == 0 {
                calls.cumtime += cumtimes[id.index()];
                calls.primitive_calls = calls.primitive_calls.saturating_add(node.ncalls);
            }
            *open += 1;
        };
        let function = node.function.index();
        add(&mut profile.functions[function].calls, &mut functions_open[function]);
        if let Some(place) = edge_place {
            add(&mut profile.edges[place].calls, &mut edges_open[place]);
        }
        steps.push(Step::Leave(id));
        steps.extend(children[id.index()].iter().rev().map(|&child| Step::Enter(child)));
    }
}

enum Step {
    Enter(NodeId),
    Leave(NodeId),
}
