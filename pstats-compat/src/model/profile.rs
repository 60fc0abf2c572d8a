//! A finished profile: functions, caller edges, and nothing about how they were measured.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use super::function::{Edge, Function};
use super::function_id::FunctionId;
use super::id_map::IdMap;
use super::index::EdgeIndex;
use super::labels::{LabelIndex, label};
use super::metadata::Metadata;
use super::objects::Objects;
use super::tasks::Tasks;
use super::text::Text;
use super::tree::CallTree;

/// A finished profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// All functions; an index into it is a [`FunctionId`].
    pub functions: Vec<Function>,
    /// All caller edges, in no order.
    pub edges: Vec<Edge>,
    /// Exact full stacks, if the profiler recorded them.
    pub tree: Option<CallTree>,
    /// What is known of coroutines and tasks, if the profiler followed them.
    pub tasks: Option<Tasks>,
    /// What is known of the objects that the program made, if they were counted.
    pub objects: Option<Objects>,
    /// What the figures mean and where they came from.
    pub metadata: Metadata,
    /// The figures of each label set, in the order in which these came; none where there was no label. Their functions are all among
    /// the profile's own.
    pub label_sets: Vec<LabelSet>,
}

/// A part of a profile: its calls and times under some labels. The sum over all parts is the whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabelSet {
    /// Names and values, by name; none where there was no label.
    pub labels: Vec<(Text, Text)>,
    /// Functions and edges, with full stacks where the whole has them. Has no label sets itself, and nothing of its own to say of the run.
    pub profile: Profile,
}

impl LabelSet {
    /// The value of a label.
    pub fn value(&self, name: &str) -> Option<&Text> {
        self.labels.iter().find(|(known, _)| known.as_bytes() == name.as_bytes()).map(|(_, value)| value)
    }
}

/// `route=/pay, tenant=a`.
impl fmt::Display for LabelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.labels.is_empty() {
            return f.write_str("no label");
        }
        for (place, (name, value)) in self.labels.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{}={}", name.to_str_lossy(), value.to_str_lossy())?;
        }
        Ok(())
    }
}

impl Profile {
    /// A profile of plain tables.
    pub fn new(functions: Vec<Function>, edges: Vec<Edge>) -> Self {
        Self { functions, edges, ..Self::default() }
    }

    /// The function of an id. Ids come from this same profile, so they always point to one.
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.index()]
    }

    /// Every function that has a row of its own, with its id.
    pub fn rows(&self) -> impl Iterator<Item = (FunctionId, &Function)> {
        (0u32..).map(FunctionId).zip(&self.functions).filter(|(_, function)| !function.caller_only)
    }

    /// Whether there are objects by type, and nothing else.
    pub fn has_objects_alone(&self) -> bool {
        self.objects.is_some() && self.functions.is_empty()
    }

    /// Adds objects to those that are known, if any are.
    pub fn add_objects(&mut self, objects: Objects) {
        match &mut self.objects {
            Some(sum) => sum.absorb(objects),
            none => *none = Some(objects),
        }
    }

    /// The own times of all functions together.
    pub fn tottime(&self) -> f64 {
        self.rows().map(|(_, function)| function.calls.tottime).sum()
    }

    /// Whether it is known of functions what they waited for the GIL.
    pub fn has_gil_waits(&self) -> bool {
        self.functions.iter().any(|function| function.gil_wait > 0.0)
    }

    /// Whether it is known how long processors were at work on the calls.
    pub fn has_cpu(&self) -> bool {
        self.functions.iter().any(|function| function.calls.cpu_tottime > 0.0)
    }

    /// Whether it is known how long each call took.
    pub fn has_distributions(&self) -> bool {
        self.functions.iter().any(|function| function.distribution.is_some())
    }

    /// Leaves out how long processors were at work.
    pub(crate) fn drop_cpu(&mut self) {
        let functions = self.functions.iter_mut().map(|function| &mut function.calls);
        for calls in functions.chain(self.edges.iter_mut().map(|edge| &mut edge.calls)) {
            (calls.cpu_tottime, calls.cpu_cumtime) = (0.0, 0.0);
        }
    }

    /// Leaves out how long each call took.
    pub(crate) fn drop_distributions(&mut self) {
        self.functions.iter_mut().for_each(|function| function.distribution = None);
    }

    /// Who called each function.
    pub fn edges_by_callee(&self) -> EdgeIndex {
        EdgeIndex::of_edges(&self.edges, self.functions.len(), |edge| edge.callee)
    }

    /// Whom each function called.
    pub fn edges_by_caller(&self) -> EdgeIndex {
        EdgeIndex::of_edges(&self.edges, self.functions.len(), |edge| edge.caller)
    }

    /// Makes labels `(file, line, name)` and edges `(caller, callee)` unique.
    ///
    /// Two code objects may share a label (two lambdas on one line, every dataclass `__init__`);
    /// a format that is keyed by label would keep only the last. Their figures are added up.
    /// Functions stay in the order of their first appearance.
    pub fn merge_labels(&mut self) {
        let mut kept: Vec<Function> = Vec::with_capacity(self.functions.len());
        let mut by_label = LabelIndex::default();
        by_label.reserve(self.functions.len());
        let mut moved: Vec<FunctionId> = Vec::with_capacity(self.functions.len());
        for function in self.functions.drain(..) {
            let next = FunctionId(kept.len() as u32);
            let id = by_label.find_or_insert(&kept, label(&function), next);
            if id == next {
                kept.push(function);
            } else {
                kept[id.index()].absorb(function);
            }
            moved.push(id);
        }
        self.functions = kept;
        self.renumber(&moved);
        self.each_part(Profile::merge_labels);
    }

    /// Does the same to the figures of each label set.
    fn each_part(&mut self, act: impl Fn(&mut Profile)) {
        self.label_sets.iter_mut().for_each(|set| act(&mut set.profile));
    }

    /// Cuts folders off file names, as pstats' `strip_dirs` does; labels that become equal by it are
    /// added up.
    pub fn strip_dirs(&mut self) {
        let short = |file: &Text| -> Text {
            let name = file.as_bytes().rsplit(|&byte| byte == b'/').next();
            name.unwrap_or_default().to_vec().into()
        };
        let mut shortened: HashMap<Text, Text> = HashMap::new();
        for function in &mut self.functions {
            let file = &function.file;
            function.file = shortened.entry(file.clone()).or_insert_with(|| short(file)).clone();
        }
        if let Some(objects) = &mut self.objects {
            objects.rename_files(|file| Some(short(file)));
        }
        self.each_part(Profile::strip_dirs);
        self.merge_labels();
    }

    /// Puts files that lie below the folder `from` below `to`. An empty `to` leaves the rest of the path.
    pub fn map_folder(&mut self, from: &[u8], to: &[u8]) {
        let trimmed = |folder: &[u8]| folder.strip_suffix(b"/").unwrap_or(folder).to_vec();
        let (from, to) = (trimmed(from), trimmed(to));
        let moved = |file: &Text| -> Option<Text> {
            let rest = file.as_bytes().strip_prefix(&from[..]);
            let rest = rest.filter(|rest| matches!(rest.first(), Some(b'/' | b'\\')))?;
            let rest = if to.is_empty() { &rest[1..] } else { rest };
            Some([&to, rest].concat().into())
        };
        for function in &mut self.functions {
            if let Some(file) = moved(&function.file) {
                function.file = file;
            }
        }
        if let Some(objects) = &mut self.objects {
            objects.rename_files(moved);
        }
        self.each_part(|part| part.map_folder(&from, &to));
    }

    /// Makes labels unique, and those of one run the same as another's: the addresses that stand in some are left out.
    pub fn make_comparable(&mut self) {
        self.drop_addresses();
        if self.unique_labels().is_none() {
            self.merge_labels();
        }
    }

    /// Leaves out the addresses that stand in labels; some may be equal then.
    pub(crate) fn drop_addresses(&mut self) {
        self.functions.iter_mut().for_each(Function::drop_addresses);
        self.each_part(Profile::drop_addresses);
    }

    /// This profile if its labels and edges are unique already, else a merged copy.
    pub fn with_unique_labels(&self) -> Cow<'_, Profile> {
        if self.unique_labels().is_some() {
            return Cow::Borrowed(self);
        }
        let mut merged = self.clone();
        merged.merge_labels();
        Cow::Owned(merged)
    }

    /// The functions by their labels, if these and the edges are unique.
    pub(crate) fn unique_labels(&self) -> Option<LabelIndex> {
        let mut by_label = LabelIndex::default();
        by_label.reserve(self.functions.len());
        let labels_differ = self
            .ids()
            .zip(&self.functions)
            .all(|(id, function)| by_label.find_or_insert(&self.functions, label(function), id) == id);
        (labels_differ && self.has_unique_edges()).then_some(by_label)
    }

    fn has_unique_edges(&self) -> bool {
        let by_callee = self.edges_by_callee();
        let mut callee_of_caller = vec![None; self.functions.len()];
        self.ids().all(|callee| {
            by_callee
                .of(&self.edges, callee)
                .all(|edge| callee_of_caller[edge.caller.index()].replace(callee) != Some(callee))
        })
    }

    /// The ids of all functions, in order.
    pub fn ids(&self) -> impl Iterator<Item = FunctionId> + use<> {
        (0..self.functions.len() as u32).map(FunctionId)
    }

    /// Gives every edge and tree node the new id of its functions and adds equal edges up.
    fn renumber(&mut self, moved: &[FunctionId]) {
        let mut by_ends: IdMap<(FunctionId, FunctionId), usize> = IdMap::default();
        by_ends.reserve(self.edges.len());
        let mut kept: Vec<Edge> = Vec::with_capacity(self.edges.len());
        for mut edge in self.edges.drain(..) {
            edge.caller = moved[edge.caller.index()];
            edge.callee = moved[edge.callee.index()];
            let next = kept.len();
            let at = *by_ends.entry((edge.caller, edge.callee)).or_insert(next);
            if at == next {
                kept.push(edge);
            } else {
                kept[at].calls.add(&edge.calls);
            }
        }
        self.edges = kept;
        for distribution in self.functions.iter_mut().filter_map(|function| function.distribution.as_mut()) {
            distribution.renumber(|id| Some(moved[id.index()]));
        }
        if let Some(tree) = &mut self.tree {
            tree.renumber(moved);
        }
        if let Some(tasks) = &mut self.tasks {
            tasks.renumber(|id| Some(moved[id.index()]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::function::Calls;
    use super::*;

    fn calls(ncalls: u64, seconds: f64) -> Calls {
        Calls { ncalls, primitive_calls: ncalls, tottime: seconds, cumtime: seconds, ..Calls::default() }
    }

    fn function(name: &str, ncalls: u64) -> Function {
        Function::new("a.py".into(), 1, name.into(), calls(ncalls, ncalls as f64))
    }

    #[test]
    fn equal_labels_and_their_edges_are_added_up() {
        let mut profile = Profile::new(
            vec![function("main", 1), function("<lambda>", 2), function("<lambda>", 3)],
            vec![
                Edge { caller: FunctionId(0), callee: FunctionId(1), calls: calls(2, 2.0) },
                Edge { caller: FunctionId(0), callee: FunctionId(2), calls: calls(3, 3.0) },
            ],
        );
        profile.merge_labels();
        assert_eq!(profile.functions, vec![function("main", 1), function("<lambda>", 5)]);
        let sum = Edge { caller: FunctionId(0), callee: FunctionId(1), calls: calls(5, 5.0) };
        assert_eq!(profile.edges, vec![sum]);
    }

    #[test]
    fn a_row_wins_over_a_mere_caller() {
        let caller = Function { caller_only: true, ..function("main", 0) };
        let mut profile = Profile::new(vec![caller, function("main", 7)], vec![]);
        profile.merge_labels();
        assert_eq!(profile.functions, vec![function("main", 7)]);
    }
}
