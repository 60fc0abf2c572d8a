//! Adds profiles up, one after another: a thousand files need the memory of their sum, not of all.

use crate::error::{Error, Result};
use crate::id_map::IdMap;
use crate::model::{Edge, Function, FunctionId, Metadata, Profile, Text};
use crate::tree::{CallTree, Node, NodeId};

/// A sum of profiles.
#[derive(Default)]
pub struct Merger {
    sum: Profile,
    count: usize,
    ids: IdMap<(Text, u32, Text), FunctionId>,
    edges: IdMap<(FunctionId, FunctionId), usize>,
    /// Stacks are exact only if every profile brought them.
    trees: Option<TreeMerger>,
}

#[derive(Default)]
struct TreeMerger {
    tree: CallTree,
    nodes: IdMap<(Option<NodeId>, FunctionId), NodeId>,
}

impl Merger {
    /// Nothing added yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many profiles were added.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds one. Profiles whose counts or times mean something else are refused, and the sum stays
    /// what it was.
    pub fn add(&mut self, profile: Profile) -> Result<()> {
        if self.count == 0 {
            self.sum.metadata = profile.metadata.clone();
            self.trees = profile.tree.is_some().then(TreeMerger::default);
        } else {
            self.sum.metadata = combined(&self.sum.metadata, &profile.metadata)?;
        }
        // Most of what comes first stays; growing step by step would hash it all again.
        if self.count == 0 {
            self.edges.reserve(profile.edges.len());
            self.ids.reserve(profile.functions.len());
            self.sum.edges.reserve(profile.edges.len());
            self.sum.functions.reserve(profile.functions.len());
        }
        self.count += 1;
        let moved: Vec<FunctionId> =
            profile.functions.into_iter().map(|function| self.add_function(function)).collect();
        for edge in profile.edges {
            let ends = (moved[edge.caller.index()], moved[edge.callee.index()]);
            let next = self.sum.edges.len();
            let place = *self.edges.entry(ends).or_insert(next);
            if place == next {
                let (caller, callee) = ends;
                self.sum.edges.push(Edge { caller, callee, calls: edge.calls });
            } else {
                self.sum.edges[place].calls.add(&edge.calls);
            }
        }
        match (&mut self.trees, profile.tree) {
            (Some(trees), Some(tree)) => trees.add(tree, &moved),
            (trees, _) => *trees = None,
        }
        Ok(())
    }

    /// The sum.
    pub fn finish(mut self) -> Profile {
        self.sum.tree = self.trees.map(|trees| trees.tree);
        self.sum
    }

    fn add_function(&mut self, function: Function) -> FunctionId {
        let label = (function.file.clone(), function.line, function.name.clone());
        let next = FunctionId(self.sum.functions.len() as u32);
        let id = *self.ids.entry(label).or_insert(next);
        if id == next {
            self.sum.functions.push(function);
        } else {
            self.sum.functions[id.index()].absorb(function);
        }
        id
    }
}

impl TreeMerger {
    fn add(&mut self, tree: CallTree, moved: &[FunctionId]) {
        self.tree.cut.calls = self.tree.cut.calls.saturating_add(tree.cut.calls);
        self.tree.cut.seconds += tree.cut.seconds;
        let mut places: Vec<NodeId> = Vec::with_capacity(tree.nodes.len());
        for node in tree.nodes {
            let parent = node.parent.map(|parent| places[parent.index()]);
            let function = moved[node.function.index()];
            let next = NodeId(self.tree.nodes.len() as u32);
            let id = *self.nodes.entry((parent, function)).or_insert(next);
            if id == next {
                self.tree.nodes.push(Node { parent, function, ..node });
            } else {
                let sum = &mut self.tree.nodes[id.index()];
                sum.ncalls = sum.ncalls.saturating_add(node.ncalls);
                sum.tottime += node.tottime;
            }
            places.push(id);
        }
    }
}

/// What is known of a sum of two, if they may be added.
fn combined(a: &Metadata, b: &Metadata) -> Result<Metadata> {
    let different = |problem: String| Err(Error::Different { problem });
    if a.counts != b.counts {
        return different(format!("one counts {:?}, another {:?}", a.counts, b.counts));
    }
    if a.unit != b.unit {
        return different(format!("one is in {:?}, another in {:?}", a.unit, b.unit));
    }
    if a.edges != b.edges {
        return different(format!("callers have {:?} in one, {:?} in another", a.edges, b.edges));
    }
    if a.compensated != b.compensated {
        return different("only one had the profiler's cost taken out".to_owned());
    }
    let title = if a.title == b.title { a.title.clone() } else { None };
    Ok(Metadata { title, ..a.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Calls, Counts};

    fn profile(names: &[&str]) -> Profile {
        let calls = Calls { ncalls: 1, primitive_calls: 1, tottime: 0.5, cumtime: 1.0 };
        let functions: Vec<_> =
            names.iter().map(|&n| Function::new("a.py".into(), 1, n.into(), calls)).collect();
        let edges = vec![Edge { caller: FunctionId(0), callee: FunctionId(1), calls }];
        let node = |parent, function| Node { parent, function, ncalls: 1, tottime: 0.5 };
        let nodes = vec![node(None, FunctionId(0)), node(Some(NodeId(0)), FunctionId(1))];
        let tree = Some(CallTree { nodes, ..CallTree::default() });
        Profile { tree, ..Profile::new(functions, edges) }
    }

    #[test]
    fn equal_labels_edges_and_stacks_are_added() {
        let mut merger = Merger::new();
        merger.add(profile(&["main", "f"])).expect("the first");
        merger.add(profile(&["f", "main"])).expect("the second");
        merger.add(profile(&["main", "f"])).expect("the third");
        let sum = merger.finish();
        assert_eq!(sum.functions.len(), 2);
        assert_eq!(sum.functions[0].calls.ncalls, 3);
        let edges: Vec<u64> = sum.edges.iter().map(|edge| edge.calls.ncalls).collect();
        assert_eq!(edges, vec![2, 1]);
        let counts: Vec<u64> =
            sum.tree.expect("every profile had one").nodes.iter().map(|node| node.ncalls).collect();
        assert_eq!(counts, vec![2, 2, 1, 1]);
    }

    #[test]
    fn one_profile_without_stacks_makes_the_sum_inexact() {
        let mut merger = Merger::new();
        merger.add(profile(&["main", "f"])).expect("the first");
        merger.add(Profile { tree: None, ..profile(&["main", "f"]) }).expect("the second");
        assert_eq!(merger.finish().tree, None);
    }

    #[test]
    fn what_is_not_alike_is_refused() {
        let mut merger = Merger::new();
        merger.add(profile(&["main", "f"])).expect("the first");
        let mut sampled = profile(&["main", "f"]);
        sampled.metadata.counts = Counts::Samples;
        assert!(merger.add(sampled).is_err());
        assert_eq!(merger.count(), 1);
    }
}
