//! Adds profiles up, one after another: a thousand files need the memory of their sum, not of all.
//!
//! Functions are one if their labels are, but for addresses in them: those are another in each process.

mod apart;
mod edges;
mod kinds;
mod trees;

use std::collections::HashMap;

use self::edges::EdgeLists;
use self::kinds::{Lost, combined, reduce};
use self::trees::TreeMerger;
use crate::error::{Error, Result};
use crate::model::{
    Calls, Counts, Edge, EdgeIndex, Function, FunctionId, LabelIndex, LabelSet, Profile, Text, label,
};

pub use apart::named;

/// A sum of profiles.
#[derive(Clone, Default)]
pub struct Merger {
    sum: Profile,
    count: usize,
    by_label: LabelIndex,
    edges: EdgeLists,
    /// Stacks are exact only if every profile brought them.
    trees: Option<TreeMerger>,
    /// How many runs these are, a sum that was added counting as many as it has.
    runs: u64,
    /// What was left out of the sum, if that is allowed.
    lost: Option<Lost>,
    /// Equal label sets are added up, too. They are the whole together: of a profile that has none, all is without a label.
    label_sets: Vec<(Labels, Merger)>,
    /// The place of each.
    places: HashMap<Labels, usize>,
}

type Labels = Vec<(Text, Text)>;

impl Merger {
    /// Nothing added yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, for profiles of different kinds: the sum has what all of them have.
    pub fn lossy() -> Self {
        Self { lost: Some(Lost::new()), ..Self::default() }
    }

    /// What was left out since only some of the profiles had it, a sentence each.
    pub fn lost(&self) -> &[&'static str] {
        self.lost.as_deref().unwrap_or_default()
    }

    /// How many profiles were added.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Adds one. Profiles whose counts or times mean something else are refused, and the sum stays
    /// what it was.
    pub fn add(&mut self, mut profile: Profile) -> Result<()> {
        if profile.has_objects_alone() {
            // What others have, full stacks for instance, is not lost because it has none.
            self.runs = self.runs.saturating_add(profile.metadata.take_merged());
            if self.count == 0 {
                self.sum.metadata = match self.sum.objects {
                    Some(_) => combined(&self.sum.metadata, &profile.metadata, self.lost.as_mut())?,
                    None => profile.metadata,
                };
            }
            if let Some(objects) = profile.objects.take() {
                self.sum.add_objects(objects);
            }
            return Ok(());
        }
        check_room(&self.sum, self.edges.waiting(), &profile)?;
        profile.drop_addresses();
        let runs = profile.metadata.take_merged();
        self.keep_common_details(&mut profile);
        if self.count == 0 {
            self.sum.metadata = profile.metadata.clone();
            self.trees = profile.tree.is_some().then(TreeMerger::default);
        } else {
            let metadata = combined(&self.sum.metadata, &profile.metadata, self.lost.as_mut())?;
            reduce(&mut profile, &metadata);
            if self.sum.metadata != metadata {
                self.edges.flush(&mut self.sum.edges);
                reduce(&mut self.sum, &metadata);
            }
            if let Some(trees) = self.trees.as_mut().filter(|_| metadata.counts == Counts::Unknown) {
                trees.forget_calls();
            }
            self.sum.metadata = metadata;
        }
        let label_sets = self.label_sets_of(&mut profile);
        self.runs = self.runs.saturating_add(runs);
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
                let functions = std::mem::take(&mut profile.functions);
                let moved = self.add_functions(functions);
                self.edges.resize(self.sum.functions.len());
                self.add_edges(&profile.edges, &moved);
                moved
            }
        };
        if let Some(mut tasks) = profile.tasks.take() {
            tasks.renumber(|id| Some(moved[id.index()]));
            self.sum.tasks.get_or_insert_default().absorb(tasks);
        }
        if let Some(objects) = profile.objects.take() {
            self.sum.add_objects(objects);
        }
        match (&mut self.trees, profile.tree) {
            (Some(trees), Some(tree)) => trees.add(&tree, &moved),
            (trees, _) => *trees = None,
        }
        label_sets.into_iter().try_for_each(|set| self.add_label_set(set))
    }

    /// The label sets of a profile that is about to be added.
    fn label_sets_of(&mut self, profile: &mut Profile) -> Vec<LabelSet> {
        let sets = std::mem::take(&mut profile.label_sets);
        match (sets.is_empty(), self.label_sets.is_empty()) {
            (true, true) => sets,
            (true, false) => {
                let profile = Profile { tasks: None, ..profile.clone() };
                vec![LabelSet { labels: Labels::new(), profile }]
            }
            (false, is_first) => {
                if is_first && self.count > 0 {
                    let mut before = self.clone();
                    before.sum.tasks = None;
                    self.places.insert(Labels::new(), 0);
                    self.label_sets.push((Labels::new(), before));
                }
                sets
            }
        }
    }

    fn add_label_set(&mut self, LabelSet { labels, mut profile }: LabelSet) -> Result<()> {
        // Of which kind its figures are stands in the whole's.
        profile.metadata = self.sum.metadata.clone();
        let Self { label_sets, places, lost, .. } = self;
        let place = *places.entry(labels).or_insert_with_key(|labels| {
            let lost = lost.as_ref().map(|_| Lost::new());
            label_sets.push((labels.clone(), Merger { lost, ..Self::default() }));
            label_sets.len() - 1
        });
        self.label_sets[place].1.add(profile)
    }

    /// The sum.
    pub fn finish(mut self) -> Profile {
        self.edges.flush(&mut self.sum.edges);
        self.sum.metadata.set_merged(self.runs);
        self.sum.tree = self.trees.map(TreeMerger::finish);
        let sets = self.label_sets.into_iter().map(|(labels, merger)| {
            let profile = Profile { metadata: Default::default(), ..merger.finish() };
            LabelSet { labels, profile }
        });
        self.sum.label_sets = sets.collect();
        self.sum
    }

    /// What isn't known of all calls would say something else of a part of them: then the sum hasn't it.
    fn keep_common_details(&mut self, profile: &mut Profile) {
        if self.sum.functions.is_empty() || profile.functions.is_empty() {
            return;
        }
        if self.sum.has_distributions() != profile.has_distributions() {
            self.sum.drop_distributions();
            profile.drop_distributions();
        }
        if self.sum.has_cpu() != profile.has_cpu() {
            self.edges.flush(&mut self.sum.edges);
            self.sum.drop_cpu();
            profile.drop_cpu();
        }
    }

    /// Adds them up. Returns where each stands in the sum.
    fn add_functions(&mut self, functions: Vec<Function>) -> Vec<FunctionId> {
        // Places first: what is known of a call may name functions that come later.
        let moved: Vec<FunctionId> = functions.iter().map(|function| self.place(function)).collect();
        for (mut function, id) in functions.into_iter().zip(&moved) {
            if let Some(distribution) = &mut function.distribution {
                distribution.renumber(|id| moved.get(id.index()).copied());
            }
            self.sum.functions[id.index()].absorb(function);
        }
        moved
    }

    /// Where a function stands in the sum, with nothing of its own there if it is new.
    fn place(&mut self, function: &Function) -> FunctionId {
        let next = FunctionId(self.sum.functions.len() as u32);
        let id = self.by_label.find_or_insert(&self.sum.functions, label(function), next);
        if id == next {
            let (file, line, name) = (function.file.clone(), function.line, function.name.clone());
            let qualname = function.qualname.clone();
            let label = Function::new(file, line, name, Calls::default());
            self.sum.functions.push(Function { qualname, caller_only: true, ..label });
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
                self.edges.look_at(callee, places.len(), &mut self.sum.edges);
            }
            for &place in places {
                let Edge { caller, calls, .. } = edges[place as usize];
                self.edges.add(Edge { caller: moved[caller.index()], callee, calls }, &mut self.sum.edges);
            }
        }
    }
}

/// Refuses what ids of 32 bits can't number.
fn check_room(sum: &Profile, waiting: usize, more: &Profile) -> Result<()> {
    let fits = |a: usize, b: usize| a.checked_add(b).is_some_and(|all| all < u32::MAX as usize);
    if fits(sum.functions.len(), more.functions.len()) && fits(sum.edges.len() + waiting, more.edges.len()) {
        return Ok(());
    }
    Err(Error::Different { problem: "together they have more than 4 billion functions or edges".to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{CallTree, Calls, EdgeDetail, Node, NodeId};

    fn profile(names: &[&str]) -> Profile {
        let calls = Calls { ncalls: 1, primitive_calls: 1, tottime: 0.5, cumtime: 1.0, ..Calls::default() };
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
        let calls = Calls { ncalls: 1, primitive_calls: 1, tottime: 0.0, cumtime: 0.0, ..Calls::default() };
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
    fn new_edges_in_each_profile_are_sorted_in() {
        let calls = Calls { ncalls: 1, primitive_calls: 1, tottime: 0.0, cumtime: 0.0, ..Calls::default() };
        let function = |n: u32| Function::new("a.py".into(), n, "f".into(), calls);
        let mut merger = Merger::new();
        let mut expected = std::collections::BTreeMap::new();
        let mut random = 1u64;
        for _ in 0..400 {
            let edges: Vec<Edge> = (0..300)
                .map(|_| {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let (caller, callee) = ((random >> 40) as u32 % 300, (random >> 20) as u32 % 100);
                    *expected.entry((caller, callee)).or_insert(0) += 1;
                    Edge { caller: FunctionId(caller), callee: FunctionId(callee), calls }
                })
                .collect();
            merger.add(Profile::new((0..300).map(function).collect(), edges)).expect("alike");
        }
        assert!(merger.edges.sorts(), "else this test shows nothing");
        let sum = merger.finish();
        let found: Vec<_> = sum.edges.iter().map(|e| ((e.caller.0, e.callee.0), e.calls.ncalls)).collect();
        assert_eq!(found.len(), expected.len());
        assert_eq!(found.into_iter().collect::<std::collections::BTreeMap<_, _>>(), expected);
    }

    #[test]
    fn a_lossy_sum_has_what_all_have_and_says_what_it_lost() {
        let with = |detail: EdgeDetail, counts: Counts| {
            let mut profile = profile(&["main", "f"]);
            (profile.metadata.edges, profile.metadata.counts) = (detail, counts);
            for Edge { calls, .. } in &mut profile.edges {
                calls.tottime = if detail == EdgeDetail::Full { calls.tottime } else { 0.0 };
                calls.cumtime = if detail == EdgeDetail::CountsOnly { 0.0 } else { calls.cumtime };
            }
            profile
        };
        let sum = |kinds: &[(EdgeDetail, Counts)]| {
            let mut merger = Merger::lossy();
            kinds.iter().for_each(|&(detail, counts)| merger.add(with(detail, counts)).expect("lossy"));
            let lost = merger.lost().len();
            (merger.finish(), lost)
        };
        let full = (EdgeDetail::Full, Counts::Calls);
        let (same, lost) = sum(&[full, full]);
        assert_eq!((same.edges[0].calls.tottime, same.edges[0].calls.ncalls, lost), (1.0, 2, 0));
        let (both, lost) = sum(&[full, (EdgeDetail::CallsAndCumtime, Counts::Calls), full]);
        let calls = both.edges[0].calls;
        assert_eq!((calls.tottime, calls.cumtime, calls.ncalls, lost), (0.0, 3.0, 3, 1));
        assert_eq!(both.metadata.edges, EdgeDetail::CallsAndCumtime);
        let (counts, lost) =
            sum(&[(EdgeDetail::CallsAndCumtime, Counts::Calls), (EdgeDetail::CountsOnly, Counts::Calls)]);
        assert_eq!((counts.edges[0].calls.cumtime, counts.edges[0].calls.ncalls, lost), (0.0, 2, 1));
        let (none, lost) = sum(&[full, (EdgeDetail::CountsOnly, Counts::Samples), full]);
        assert_eq!((none.functions[0].calls.ncalls, none.functions[0].calls.tottime, lost), (0, 1.5, 2));
        assert_eq!(none.tree.expect("all have one").nodes[0].ncalls, 0);
        let mut other_unit = Merger::lossy();
        other_unit.add(with(full.0, full.1)).expect("the first");
        let mut instructions = with(full.0, full.1);
        instructions.metadata.unit = crate::Unit::Other("Ir".to_owned());
        assert!(other_unit.add(instructions).is_err(), "seconds and instructions have no sum");
    }

    #[test]
    fn facts_that_are_equal_stay_and_runs_are_counted() {
        let of = |host: &str, elapsed: &str| {
            let facts = [("python", "CPython 3.13.0"), ("host", host), ("elapsed", elapsed)];
            let mut profile = profile(&["main", "f"]);
            profile.metadata.facts = facts.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
            profile
        };
        let sum = |profiles: Vec<Profile>| {
            let mut merger = Merger::new();
            profiles.into_iter().for_each(|profile| merger.add(profile).expect("alike"));
            merger.finish()
        };
        let fact = |profile: &Profile, name| profile.metadata.fact(name).map(str::to_owned);
        let two = sum(vec![of("a", "1"), of("a", "2")]);
        assert_eq!(fact(&two, "host").as_deref(), Some("a"));
        assert_eq!((fact(&two, "elapsed"), fact(&two, "merged").as_deref()), (None, Some("2")));
        let three = sum(vec![two, of("b", "1")]);
        assert_eq!((fact(&three, "host"), fact(&three, "merged").as_deref()), (None, Some("3")));
        assert_eq!(fact(&three, "python").as_deref(), Some("CPython 3.13.0"));
        assert_eq!(fact(&sum(vec![of("a", "1")]), "merged"), None);
        // A profile of which nothing is known is one, too; but then nothing is known of the sum.
        let unknown = || profile(&["main", "f"]);
        assert_eq!(sum(vec![unknown(), unknown()]).metadata.facts, [("merged".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn one_profile_without_stacks_makes_the_sum_inexact() {
        let mut merger = Merger::new();
        merger.add(profile(&["main", "f"])).expect("the first");
        merger.add(Profile { tree: None, ..profile(&["main", "f"]) }).expect("the second");
        assert_eq!(merger.finish().tree, None);
    }

    #[test]
    fn label_sets_are_the_whole_together_whoever_has_none() {
        let labelled = |value: &str| {
            let set = |labels: Labels, ncalls: u64| {
                let mut profile = profile(&["main", "f"]);
                profile.functions[1].calls.ncalls = ncalls;
                LabelSet { labels, profile }
            };
            let mut whole = profile(&["main", "f"]);
            whole.functions[1].calls.ncalls = 5;
            whole.label_sets = vec![set(Vec::new(), 2), set(vec![("job".into(), value.into())], 3)];
            whole
        };
        let plain = || profile(&["main", "f"]);
        let sets = |profiles: Vec<Profile>| {
            let mut merger = Merger::new();
            profiles.into_iter().for_each(|profile| merger.add(profile).expect("alike"));
            let sum = merger.finish();
            let calls = |profile: &Profile| profile.functions[1].calls.ncalls;
            let sets: Vec<_> =
                sum.label_sets.iter().map(|set| (set.to_string(), calls(&set.profile))).collect();
            assert_eq!(sets.iter().map(|(_, calls)| calls).sum::<u64>(), calls(&sum));
            sets
        };
        let expected = |plain: u64, others: &[(&str, u64)]| {
            let others = others.iter().map(|(value, calls)| (format!("job={value}"), *calls));
            std::iter::once(("no label".to_owned(), plain)).chain(others).collect::<Vec<_>>()
        };
        assert_eq!(sets(vec![labelled("a"), plain()]), expected(3, &[("a", 3)]));
        assert_eq!(sets(vec![plain(), plain(), labelled("a")]), expected(4, &[("a", 3)]));
        assert_eq!(
            sets(vec![labelled("b"), plain(), labelled("a"), labelled("b")]),
            expected(7, &[("b", 6), ("a", 3)])
        );
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
