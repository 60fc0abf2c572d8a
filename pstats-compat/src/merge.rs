//! Adds profiles up, one after another: a thousand files need the memory of their sum, not of all.
//!
//! Functions are one if their labels are, but for addresses in them: those are another in each process.

use crate::error::{Error, Result};
use crate::model::{
    CallTree, Edge, EdgeIndex, Function, FunctionId, IdMap, LabelIndex, Metadata, Node, NodeId, Profile,
    label,
};

/// A sum of profiles.
#[derive(Default)]
pub struct Merger {
    sum: Profile,
    count: usize,
    by_label: LabelIndex,
    edges: EdgeLists,
    /// Stacks are exact only if every profile brought them.
    trees: Option<TreeMerger>,
}

/// Finds edges of the sum by their ends without hashing: a list of the edges into each function, and
/// for the function that is looked at, where its callers' edges are.
#[derive(Default)]
struct EdgeLists {
    /// For each function, its newest in-edge.
    newest: Vec<Option<EdgePlace>>,
    /// For each edge, the one into the same function that came before it.
    before: Vec<Option<EdgePlace>>,
    /// For each function, the edge that it was last found to be the caller of. It may be that of
    /// another callee: whoever reads it compares both ends.
    as_caller: Vec<u32>,
    /// For each function, one of the profile added last that had its label; checked likewise.
    own: Vec<FunctionId>,
}

/// A place in the edges of the sum, plus one.
type EdgePlace = std::num::NonZeroU32;

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
    pub fn add(&mut self, mut profile: Profile) -> Result<()> {
        check_room(&self.sum, &profile)?;
        profile.drop_addresses();
        if self.count == 0 {
            self.sum.metadata = profile.metadata.clone();
            self.trees = profile.tree.is_some().then(TreeMerger::default);
        } else {
            self.sum.metadata = combined(&self.sum.metadata, &profile.metadata)?;
        }
        let first = if self.count == 0 { profile.unique_labels() } else { None };
        self.count += 1;
        let moved: Vec<FunctionId> = match first {
            // The first one is taken as it is.
            Some(by_label) => {
                self.by_label = by_label;
                self.sum.functions = std::mem::take(&mut profile.functions);
                self.sum.edges = std::mem::take(&mut profile.edges);
                self.edges.resize(self.sum.functions.len());
                self.edges.take(&self.sum.edges);
                self.sum.ids().collect()
            }
            None => {
                let functions = std::mem::take(&mut profile.functions).into_iter();
                let moved: Vec<FunctionId> = functions.map(|function| self.add_function(function)).collect();
                self.edges.resize(self.sum.functions.len());
                self.add_edges(&profile.edges, &moved);
                moved
            }
        };
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
        let next = FunctionId(self.sum.functions.len() as u32);
        let id = self.by_label.find_or_insert(&self.sum.functions, label(&function), next);
        if id == next {
            self.sum.functions.push(function);
        } else {
            self.sum.functions[id.index()].absorb(function);
        }
        id
    }

    /// Adds edges whose ends are numbered as in their own profile.
    fn add_edges(&mut self, edges: &[Edge], moved: &[FunctionId]) {
        let first = self.edges.first_of_same_label(moved);
        // By callee, so that the list of each is walked once, whatever order the edges came in.
        let by_callee = EdgeIndex::of_edges(edges, moved.len(), |edge| first[edge.callee.index()]);
        for (own, &callee) in (0u32..).map(FunctionId).zip(moved) {
            let places = by_callee.places(own);
            if !places.is_empty() {
                self.edges.look_at(callee, &self.sum.edges);
            }
            for &place in places {
                let Edge { caller, calls, .. } = edges[place as usize];
                self.edges.add(Edge { caller: moved[caller.index()], callee, calls }, &mut self.sum.edges);
            }
        }
    }
}

impl EdgeLists {
    fn resize(&mut self, functions: usize) {
        self.newest.resize(functions, None);
        self.as_caller.resize(functions, 0);
        self.own.resize(functions, FunctionId(0));
    }

    /// Edges that are all different and all that the sum has.
    fn take(&mut self, edges: &[Edge]) {
        self.before = (0u32..)
            .zip(edges)
            .map(|(place, edge)| self.newest[edge.callee.index()].replace(place_of(place)))
            .collect();
    }

    /// For each function of a profile, the first of those that are one function in the sum.
    fn first_of_same_label(&mut self, moved: &[FunctionId]) -> Vec<FunctionId> {
        let ids = (0u32..).map(FunctionId).zip(moved);
        ids.map(|(own, id)| {
            let noted = &mut self.own[id.index()];
            if *noted >= own || moved[noted.index()] != *id {
                *noted = own;
            }
            *noted
        })
        .collect()
    }

    /// Notes where the edges into `callee` are.
    fn look_at(&mut self, callee: FunctionId, sum: &[Edge]) {
        let mut next = self.newest[callee.index()];
        while let Some(place) = next {
            let place = place.get() - 1;
            self.as_caller[sum[place as usize].caller.index()] = place;
            next = self.before[place as usize];
        }
    }

    /// Adds one edge into the function that was looked at last.
    fn add(&mut self, edge: Edge, sum: &mut Vec<Edge>) {
        let place = &mut self.as_caller[edge.caller.index()];
        let is_same = |known: &&mut Edge| (known.caller, known.callee) == (edge.caller, edge.callee);
        if let Some(known) = sum.get_mut(*place as usize).filter(is_same) {
            known.calls.add(&edge.calls);
            return;
        }
        *place = sum.len() as u32;
        let newest = &mut self.newest[edge.callee.index()];
        self.before.push(newest.replace(place_of(*place)));
        sum.push(edge);
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

fn place_of(place: u32) -> EdgePlace {
    EdgePlace::MIN.saturating_add(place)
}

/// Refuses what ids of 32 bits can't number.
fn check_room(sum: &Profile, more: &Profile) -> Result<()> {
    let fits = |a: usize, b: usize| a.checked_add(b).is_some_and(|all| all < u32::MAX as usize);
    if fits(sum.functions.len(), more.functions.len()) && fits(sum.edges.len(), more.edges.len()) {
        return Ok(());
    }
    Err(Error::Different { problem: "together they have more than 4 billion functions or edges".to_owned() })
}

/// What is known of a sum of two, if they may be added.
fn combined(a: &Metadata, b: &Metadata) -> Result<Metadata> {
    let different = |problem: String| Err(Error::Different { problem });
    if a.counts != b.counts {
        return different(format!("one counts {}, another {}", a.counts, b.counts));
    }
    if a.unit != b.unit {
        return different(format!("one is in {}, another in {}", a.unit, b.unit));
    }
    if a.edges != b.edges {
        return different(format!("one has {} for its callers, another {}", a.edges, b.edges));
    }
    if a.compensated != b.compensated {
        return different("only one had the profiler's own cost taken out".to_owned());
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
    fn edges_are_found_again_in_any_order() {
        let calls = Calls { ncalls: 1, primitive_calls: 1, tottime: 0.0, cumtime: 0.0 };
        let function = |n: u32| Function::new("a.py".into(), n, "f".into(), calls);
        let edge = |(caller, callee)| Edge { caller: FunctionId(caller), callee: FunctionId(callee), calls };
        let ends: Vec<(u32, u32)> = (0..20).flat_map(|a| (0..20).map(move |b| (a, b))).collect();
        let mut merger = Merger::new();
        // Each profile numbers its functions another way, and names some edges twice.
        for turn in 0..5u32 {
            let functions = (0..20).map(|n| function((n * 7 + turn) % 20)).collect();
            let known = ends.iter().copied().filter(|(a, b)| (a + b + turn) % 3 != 0);
            let edges = known.chain(ends.iter().copied().take(30)).map(edge).collect();
            merger.add(Profile::new(functions, edges)).expect("alike");
        }
        let mut expected = std::collections::BTreeMap::new();
        for turn in 0..5u32 {
            let known = ends.iter().copied().filter(|(a, b)| (a + b + turn) % 3 != 0);
            for (a, b) in known.chain(ends.iter().copied().take(30)) {
                *expected.entry(((a * 7 + turn) % 20, (b * 7 + turn) % 20)).or_insert(0) += 1;
            }
        }
        let sum = merger.finish();
        let line = |id: FunctionId| sum.function(id).line;
        let found: Vec<_> =
            sum.edges.iter().map(|e| ((line(e.caller), line(e.callee)), e.calls.ncalls)).collect();
        assert_eq!(found.len(), expected.len(), "no edge stands there twice");
        assert_eq!(found.into_iter().collect::<std::collections::BTreeMap<_, _>>(), expected);
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
