//! The threads of a profile, each as a profile of its own.
//!
//! Functions and edges have the figures that follow from the thread's stacks. Calls that were too deep for a stack, or too many, are
//! in none.

use crate::model::{CallTree, Calls, EdgeDetail, Function, FunctionId, IdMap, Node, NodeId, Profile, Thread};
use crate::stacks::fill_tables;

/// Each thread's profile, with what the thread is called; none where threads aren't told apart.
pub fn apart(profile: &Profile) -> Vec<(String, Profile)> {
    let Some(tree) = &profile.tree else { return Vec::new() };
    let threads = tree.parts().filter_map(|(thread, stacks)| Some((thread?, stacks)));
    let one = |(thread, stacks): (&Thread, std::ops::Range<usize>)| {
        let mut functions: Vec<Function> = Vec::new();
        let mut numbers: IdMap<FunctionId, FunctionId> = IdMap::default();
        let mut own = CallTree::default();
        own.begin(Some(thread));
        for node in &tree.nodes[stacks.clone()] {
            let function = *numbers.entry(node.function).or_insert_with(|| {
                let function = profile.function(node.function).clone();
                functions.push(Function {
                    calls: Calls::default(),
                    gil_wait: 0.0,
                    distribution: None,
                    ..function
                });
                FunctionId(functions.len() as u32 - 1)
            });
            let parent = node.parent.map(|parent| NodeId((parent.index() - stacks.start) as u32));
            own.nodes.push(Node { parent, function, ..*node });
        }
        let mut part = Profile::new(functions, Vec::new());
        fill_tables(&mut part, &own);
        // What is only a caller in the whole is no more in a part.
        for function in part.functions.iter_mut().filter(|function| function.caller_only) {
            function.calls = Calls::default();
        }
        part.metadata = profile.metadata.clone();
        part.metadata.edges = EdgeDetail::Full;
        part.tree = Some(own);
        part
    };
    tree.thread_names().into_iter().zip(threads.map(one)).collect()
}
