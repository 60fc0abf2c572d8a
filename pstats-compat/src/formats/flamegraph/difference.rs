//! Two profiles as one tree: every stack of either, with its times in both.

use std::borrow::Cow;

use crate::diff::{Diff, Pair};
use crate::model::{CallTree, Function, FunctionId, IdMap, Node, NodeId, Profile, Unit};
use crate::stacks::Stacks;

/// The stacks of two profiles. Functions are those of the newer one, where it has them.
pub struct Difference<'p> {
    /// The older one and the newer one.
    pub(in crate::formats) profiles: (&'p Profile, &'p Profile),
    pub(in crate::formats) pairs: Vec<Pair>,
    pub(super) functions: Vec<&'p Function>,
    /// Its times are those of the newer profile.
    pub(in crate::formats) tree: CallTree,
    pub(in crate::formats) before: Times,
    pub(super) after: Times,
    pub(in crate::formats) unit: &'p Unit,
    /// What is estimated in them, or was not recorded of them.
    pub notes: Vec<String>,
    /// The greatest change of one stack's own time.
    greatest: f64,
}

/// The times of one of the profiles, for each node.
pub(in crate::formats) struct Times {
    pub own: Vec<f64>,
    pub cumulative: Vec<f64>,
}

impl Times {
    /// Over all nodes.
    pub fn total(&self) -> f64 {
        self.own.iter().sum()
    }
}

impl<'p> Difference<'p> {
    /// Finds the stacks of both.
    pub fn of(diff: &Diff<'p>) -> Self {
        let functions: Vec<&Function> = diff
            .pairs
            .iter()
            .map(|pair| match (pair.after, pair.before) {
                (Some(id), _) => diff.after.function(id),
                (None, Some(id)) => diff.before.function(id),
                (None, None) => unreachable!("a pair is of one function at least"),
            })
            .collect();
        let (old, new) = (Stacks::of(diff.before), Stacks::of(diff.after));
        let mut union = Union::default();
        let before = union.add(&old.tree, &numbers(&diff.pairs, diff.before, |pair| pair.before));
        let after = union.add(&new.tree, &numbers(&diff.pairs, diff.after, |pair| pair.after));
        let mut tree = union.tree;
        let mut own = |times: Vec<f64>| {
            let mut own = times;
            own.resize(tree.nodes.len(), 0.0);
            tree.nodes.iter_mut().zip(&own).for_each(|(node, &time)| node.tottime = time);
            Times { cumulative: tree.cumtimes(), own }
        };
        let (before, after) = (own(before), own(after));
        let greatest = before.own.iter().zip(&after.own).map(|(was, is)| (is - was).abs());
        let greatest = greatest.filter(|change| change.is_finite()).fold(0.0, f64::max);
        let notes = match (old.told(), new.told()) {
            (Some(old), Some(new)) if old == new => vec![old],
            (old, new) => {
                let of = |which: &str, note: Option<String>| note.map(|note| format!("{which}: {note}"));
                [of("before", old), of("after", new)].into_iter().flatten().collect()
            }
        };
        let unit = &diff.after.metadata.unit;
        let (profiles, pairs) = ((diff.before, diff.after), diff.pairs.clone());
        Self { profiles, pairs, functions, tree, before, after, unit, notes, greatest }
    }

    /// The places of each profile's functions among those of both, the older one's first.
    pub(in crate::formats) fn numbers(&self) -> [Vec<FunctionId>; 2] {
        let (before, after) = self.profiles;
        [numbers(&self.pairs, before, |pair| pair.before), numbers(&self.pairs, after, |pair| pair.after)]
    }

    /// How much this very stack changed, from -1 (faster) to 1 (slower), compared with the one that changed most. By its own
    /// time: by that of all below it, everything above a change would be coloured as well.
    pub(super) fn heat(&self, node: NodeId) -> f64 {
        let change = self.after.own[node.index()] - self.before.own[node.index()];
        if self.greatest > 0.0 { (change / self.greatest).clamp(-1.0, 1.0) } else { 0.0 }
    }

    pub(super) fn function(&self, node: NodeId) -> &'p Function {
        self.functions[self.tree.nodes[node.index()].function.index()]
    }

    pub(super) fn name(&self, node: NodeId) -> Cow<'p, str> {
        self.function(node).display_name()
    }
}

/// The place of each function of a profile among the pairs.
fn numbers(pairs: &[Pair], profile: &Profile, id: fn(&Pair) -> Option<FunctionId>) -> Vec<FunctionId> {
    let mut numbers = vec![FunctionId(0); profile.functions.len()];
    for (pair, number) in pairs.iter().zip(0u32..) {
        if let Some(id) = id(pair) {
            numbers[id.index()] = FunctionId(number);
        }
    }
    numbers
}

#[derive(Default)]
struct Union {
    tree: CallTree,
    nodes: IdMap<(Option<NodeId>, FunctionId), NodeId>,
}

impl Union {
    /// Adds the stacks of a tree, and returns its own times for each node so far.
    fn add(&mut self, tree: &CallTree, numbers: &[FunctionId]) -> Vec<f64> {
        let mut own = vec![0.0; self.tree.nodes.len()];
        let mut places: Vec<NodeId> = Vec::with_capacity(tree.nodes.len());
        for node in &tree.nodes {
            let parent = node.parent.map(|parent| places[parent.index()]);
            let function = numbers[node.function.index()];
            let next = NodeId(self.tree.nodes.len() as u32);
            let id = *self.nodes.entry((parent, function)).or_insert(next);
            if id == next {
                self.tree.nodes.push(Node { parent, function, ncalls: 0, tottime: 0.0 });
                own.push(0.0);
            }
            own[id.index()] += node.tottime;
            places.push(id);
        }
        own
    }
}
