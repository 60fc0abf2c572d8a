//! Adds trees up, each thread's for itself: those of one name, process and number are one.

use std::collections::HashMap;

use crate::model::{CallTree, Cut, FunctionId, IdMap, Node, NodeId, Thread, ThreadKey};

/// A sum of trees.
#[derive(Clone, Default)]
pub(super) struct TreeMerger {
    threads: Vec<Sum>,
    /// The sums of each thread. In one tree several may look the same, and are not.
    known: HashMap<ThreadKey, Vec<usize>>,
    cut: Cut,
    /// Whether any tree told its threads apart.
    are_apart: bool,
}

/// The stacks of one thread.
#[derive(Clone, Default)]
struct Sum {
    thread: Thread,
    nodes: Vec<Node>,
    known: IdMap<(Option<NodeId>, FunctionId), NodeId>,
}

impl TreeMerger {
    /// Adds one, whose functions have these numbers in the sum.
    pub fn add(&mut self, tree: &CallTree, moved: &[FunctionId]) {
        self.cut.calls = self.cut.calls.saturating_add(tree.cut.calls);
        self.cut.seconds += tree.cut.seconds;
        self.are_apart |= !tree.threads.is_empty();
        // How many of each have come in this tree.
        let mut seen: HashMap<ThreadKey, usize> = HashMap::new();
        for (thread, stacks) in tree.parts() {
            let thread = thread.cloned().unwrap_or_default();
            let key = thread.key();
            let turn = seen.entry(key.clone()).or_default();
            let sums = self.known.entry(key).or_default();
            if *turn == sums.len() {
                sums.push(self.threads.len());
                self.threads.push(Sum { thread, ..Sum::default() });
            }
            let sum = &mut self.threads[sums[*turn]];
            *turn += 1;
            sum.add(&tree.nodes[stacks.clone()], stacks.start, moved);
        }
    }

    /// Nothing is counted in the sum.
    pub fn forget_calls(&mut self) {
        self.threads.iter_mut().flat_map(|sum| &mut sum.nodes).for_each(|node| node.ncalls = 0);
    }

    /// The sum.
    pub fn finish(self) -> CallTree {
        let mut tree = CallTree { cut: self.cut, ..CallTree::default() };
        for Sum { thread, nodes, .. } in self.threads {
            tree.begin(self.are_apart.then_some(&thread));
            let first = tree.nodes.len() as u32;
            let moved = |node: Node| Node { parent: node.parent.map(|id| NodeId(id.0 + first)), ..node };
            tree.nodes.extend(nodes.into_iter().map(moved));
        }
        tree
    }
}

impl Sum {
    /// Adds the stacks of a thread, the first of which has the number `first` in its tree.
    fn add(&mut self, nodes: &[Node], first: usize, moved: &[FunctionId]) {
        let mut places: Vec<NodeId> = Vec::with_capacity(nodes.len());
        for node in nodes {
            let parent = node.parent.map(|parent| places[parent.index() - first]);
            let function = moved[node.function.index()];
            let next = NodeId(self.nodes.len() as u32);
            let id = *self.known.entry((parent, function)).or_insert(next);
            match self.nodes.get_mut(id.index()) {
                Some(sum) => sum.absorb(node),
                None => self.nodes.push(Node { parent, function, ..*node }),
            }
            places.push(id);
        }
    }
}
