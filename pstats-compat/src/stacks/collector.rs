//! Flat tables from full stacks: what a reader of stacks still has to work out.

use crate::model::{
    CallTree, Calls, Counts, Edge, Function, FunctionId, IdMap, LabelIndex, Metadata, Node, NodeId, Profile,
    Text,
};

/// So many stacks and functions are taken in, and no deeper stack: what a file may make of memory has an end.
const MOST_STACKS: usize = 10_000_000;
const MOST_FUNCTIONS: usize = 10_000_000;
const DEEPEST: u32 = 1_000_000;

/// Grows a tree from stacks as they come in, and turns it into a profile.
#[derive(Default)]
pub(crate) struct StackCollector {
    functions: Vec<Function>,
    by_label: LabelIndex,
    tree: CallTree,
    nodes: IdMap<(Option<NodeId>, FunctionId), NodeId>,
    depths: Vec<u32>,
    are_counted: bool,
}

impl StackCollector {
    /// The id of a function, new or known. `None` if there are too many.
    pub fn function(&mut self, file: Text, line: u32, name: Text) -> Option<FunctionId> {
        if self.functions.len() == MOST_FUNCTIONS {
            return None;
        }
        let next = FunctionId(self.functions.len() as u32);
        let id = self.by_label.find_or_insert(&self.functions, (&file, line, &name), next);
        if id == next {
            self.functions.push(Function::new(file, line, name, Calls::default()));
        }
        Some(id)
    }

    /// The node for a function on top of a stack. `None` if there are too many, or the stack is too deep.
    pub fn enter(&mut self, parent: Option<NodeId>, function: FunctionId) -> Option<NodeId> {
        let depth = parent.map_or(0, |parent| self.depths[parent.index()] + 1);
        if self.tree.nodes.len() == MOST_STACKS || depth == DEEPEST {
            return None;
        }
        let next = NodeId(self.tree.nodes.len() as u32);
        let id = *self.nodes.entry((parent, function)).or_insert(next);
        if id == next {
            self.depths.push(depth);
            self.tree.nodes.push(Node { parent, function, ncalls: 0, tottime: 0.0 });
        }
        Some(id)
    }

    /// Adds time to a stack.
    pub fn spend(&mut self, node: NodeId, time: f64) {
        self.tree.nodes[node.index()].tottime += time;
    }

    /// Counts calls that led to a stack. Who counts some, counts all.
    pub fn call(&mut self, node: NodeId, count: u64) {
        let ncalls = &mut self.tree.nodes[node.index()].ncalls;
        *ncalls = ncalls.saturating_add(count);
        self.are_counted = true;
    }

    /// The profile with its tables.
    pub fn finish(self, metadata: Metadata) -> Profile {
        let counts = if self.are_counted { Counts::Calls } else { Counts::Unknown };
        let metadata = Metadata { counts, ..metadata };
        let mut profile = Profile { metadata, ..Profile::new(self.functions, Vec::new()) };
        fill_tables(&mut profile, &self.tree);
        profile.tree = Some(self.tree);
        profile
    }
}

/// Adds own and cumulative times and the calls of every function and edge. As in pstats, only the outermost
/// activation adds to a cumulative time and to the primitive calls.
fn fill_tables(profile: &mut Profile, tree: &CallTree) {
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
