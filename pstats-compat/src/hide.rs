//! Profiles without some of their functions: the time of those left out goes to whoever called them.
//!
//! A function that stays keeps its calls and its cumulative time. Its own time grows by that of hidden functions below it, and
//! it calls what they called. How much of a hidden function's time is whose comes from the stacks: it is exact where they were
//! recorded, else as good as they are. What a hidden function has without a caller that stays is left out of the whole, or stands
//! beside it as a row of its own.

use crate::model::{
    CallTree, Calls, Edge, EdgeDetail, Function, FunctionId, IdMap, Node, NodeId, Profile, Thread,
};
use crate::stacks::Stacks;

/// What is left of a profile.
pub struct Shown {
    /// With ids of its own.
    pub profile: Profile,
    /// How many functions are hidden.
    pub hidden: usize,
    /// The time of hidden functions below none that is shown.
    pub lost: f64,
}

/// Leaves out the functions for which `is_hidden` says so; one answer for each function. What is lost by that is nowhere.
pub fn hide(profile: &Profile, is_hidden: &[bool]) -> Shown {
    hide_with(profile, &Stacks::by_thread(profile), is_hidden, None)
}

/// The same, by stacks of the profile's that are known already; what would be lost is the time of `rest`, at the bottom of stacks.
pub fn hide_with(
    profile: &Profile,
    stacks: &Stacks<'_>,
    is_hidden: &[bool],
    rest: Option<Function>,
) -> Shown {
    let tree = &stacks.tree;
    let cumulative = tree.cumtimes();
    let mut builder = Builder::new(profile, is_hidden);
    // For each node, the one that stands for it now.
    let mut places: Vec<Option<NodeId>> = Vec::with_capacity(tree.nodes.len());
    let mut lost = 0.0;
    let rest = rest.map(|function| builder.add(function));
    for (thread, stacks) in tree.parts() {
        builder.begin(thread);
        for (node, &cumulative) in tree.nodes[stacks.clone()].iter().zip(&cumulative[stacks]) {
            let above = node.parent.and_then(|parent| places[parent.index()]);
            let is_gap =
                node.parent.is_some_and(|parent| is_hidden[tree.nodes[parent.index()].function.index()]);
            let place = match (builder.numbers[node.function.index()], above) {
                (Some(function), _) => {
                    let place = builder.put(above, function, node);
                    if let Some(above) = above.filter(|_| is_gap) {
                        builder.call(above, function, node.ncalls, node.tottime, cumulative);
                    }
                    Some(place)
                }
                (None, Some(above)) => {
                    builder.take_over(above, node.tottime);
                    builder.hand_on(above, profile.function(node.function), node.tottime);
                    Some(above)
                }
                (None, None) => {
                    lost += node.tottime;
                    if let Some(rest) = rest.filter(|_| node.tottime != 0.0) {
                        builder.leave_to(rest, node.tottime);
                    }
                    None
                }
            };
            places.push(place);
        }
    }
    let hidden = is_hidden.iter().filter(|&&hidden| hidden).count();
    let cut = tree.cut;
    let tree = stacks.exact().then_some(CallTree { cut, ..builder.tree });
    Shown { profile: Profile { tree, ..builder.profile }, hidden, lost }
}

struct Builder {
    profile: Profile,
    /// The new ids of functions that stay.
    numbers: Vec<Option<FunctionId>>,
    edges: IdMap<(FunctionId, FunctionId), usize>,
    tree: CallTree,
    nodes: IdMap<(Option<NodeId>, FunctionId), NodeId>,
}

impl Builder {
    /// The functions that stay, and the edges between them.
    fn new(profile: &Profile, is_hidden: &[bool]) -> Self {
        let mut functions: Vec<Function> = Vec::new();
        let numbers: Vec<Option<FunctionId>> = profile
            .functions
            .iter()
            .zip(is_hidden)
            .map(|(function, &is_hidden)| {
                (!is_hidden).then(|| {
                    functions.push(function.clone());
                    FunctionId(functions.len() as u32 - 1)
                })
            })
            .collect();
        let edges = profile.edges.iter().filter_map(|edge| {
            let (caller, callee) = (numbers[edge.caller.index()]?, numbers[edge.callee.index()]?);
            Some(Edge { caller, callee, calls: edge.calls })
        });
        let edges: Vec<Edge> = edges.collect();
        for distribution in functions.iter_mut().filter_map(|function| function.distribution.as_mut()) {
            distribution.renumber(|id| numbers[id.index()]);
        }
        let places = edges.iter().enumerate().map(|(place, edge)| ((edge.caller, edge.callee), place));
        Self {
            edges: places.collect(),
            profile: Profile {
                metadata: profile.metadata.clone(),
                tasks: profile.tasks.clone().map(|mut tasks| {
                    tasks.renumber(|id| numbers[id.index()]);
                    tasks
                }),
                objects: profile.objects.clone(),
                ..Profile::new(functions, edges)
            },
            numbers,
            tree: CallTree::default(),
            nodes: IdMap::default(),
        }
    }

    /// One more function, which nobody calls.
    fn add(&mut self, function: Function) -> FunctionId {
        self.profile.functions.push(function);
        FunctionId(self.profile.functions.len() as u32 - 1)
    }

    /// Adds time to a function at the bottom of stacks.
    fn leave_to(&mut self, function: FunctionId, time: f64) {
        let node = Node { parent: None, function, ncalls: 0, tottime: 0.0 };
        let place = self.put(None, function, &node);
        self.take_over(place, time);
        self.profile.functions[function.index()].calls.cumtime += time;
    }

    /// Stacks that follow are of this thread.
    fn begin(&mut self, thread: Option<&Thread>) {
        self.tree.begin(thread);
        self.nodes.clear();
    }

    /// The node of a function that stays.
    fn put(&mut self, parent: Option<NodeId>, function: FunctionId, node: &Node) -> NodeId {
        let next = NodeId(self.tree.nodes.len() as u32);
        let id = *self.nodes.entry((parent, function)).or_insert(next);
        match self.tree.nodes.get_mut(id.index()) {
            Some(sum) => sum.absorb(node),
            None => self.tree.nodes.push(Node { parent, function, ..*node }),
        }
        id
    }

    /// Adds a hidden function's own time to the stack that led to it.
    fn take_over(&mut self, place: NodeId, time: f64) {
        let Node { parent, function, .. } = self.tree.nodes[place.index()];
        self.tree.nodes[place.index()].tottime += time;
        self.profile.functions[function.index()].calls.tottime += time;
        let caller = parent.map(|parent| self.tree.nodes[parent.index()].function);
        if let Some(&edge) = caller.and_then(|caller| self.edges.get(&(caller, function))) {
            if self.profile.metadata.edges == EdgeDetail::Full {
                self.profile.edges[edge].calls.tottime += time;
            }
        }
    }

    /// What a hidden function waited for the GIL, and what it had of processors, goes where its own time goes, in proportion.
    fn hand_on(&mut self, place: NodeId, hidden: &Function, time: f64) {
        if hidden.calls.tottime > 0.0 {
            let part = time / hidden.calls.tottime;
            let Node { parent, function: owner, .. } = self.tree.nodes[place.index()];
            self.profile.functions[owner.index()].gil_wait += part * hidden.gil_wait;
            let cpu = part * hidden.calls.cpu_tottime;
            self.profile.functions[owner.index()].calls.cpu_tottime += cpu;
            let caller = parent.map(|parent| self.tree.nodes[parent.index()].function);
            if let Some(&edge) = caller.and_then(|caller| self.edges.get(&(caller, owner))) {
                self.profile.edges[edge].calls.cpu_tottime += cpu;
            }
        }
    }

    /// Notes a call that went through hidden functions.
    fn call(&mut self, above: NodeId, callee: FunctionId, ncalls: u64, tottime: f64, cumulative: f64) {
        let caller = self.tree.nodes[above.index()].function;
        let edges = &mut self.profile.edges;
        let place = *self.edges.entry((caller, callee)).or_insert_with(|| {
            edges.push(Edge { caller, callee, calls: Calls::default() });
            edges.len() - 1
        });
        let is_outermost = !self.is_open(above, caller, callee);
        let detail = self.profile.metadata.edges;
        let calls = &mut self.profile.edges[place].calls;
        calls.ncalls = calls.ncalls.saturating_add(ncalls);
        if is_outermost {
            calls.primitive_calls = calls.primitive_calls.saturating_add(ncalls);
        }
        if detail != EdgeDetail::CountsOnly && is_outermost {
            calls.cumtime += cumulative;
        }
        if detail == EdgeDetail::Full {
            calls.tottime += tottime;
        }
    }

    /// Whether this very call is on the stack already: its time is in that of the outer one.
    fn is_open(&self, top: NodeId, caller: FunctionId, callee: FunctionId) -> bool {
        let mut node = &self.tree.nodes[top.index()];
        while let Some(parent) = node.parent {
            let below = &self.tree.nodes[parent.index()];
            if (below.function, node.function) == (caller, callee) {
                return true;
            }
            node = below;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        let calls = |ncalls, tottime, cumtime| Calls {
            ncalls,
            primitive_calls: ncalls,
            tottime,
            cumtime,
            ..Calls::default()
        };
        let function = |name: &str, calls| Function::new("a.py".into(), 1, name.into(), calls);
        let edge =
            |caller, callee, calls| Edge { caller: FunctionId(caller), callee: FunctionId(callee), calls };
        let functions = vec![
            function("main", calls(1, 1.0, 7.0)),
            function("wrapper", calls(2, 2.0, 6.0)),
            function("work", calls(4, 3.0, 4.0)),
            function("leaf", calls(8, 1.0, 1.0)),
        ];
        let edges = vec![
            edge(0, 1, calls(2, 2.0, 6.0)),
            edge(1, 2, calls(4, 3.0, 4.0)),
            edge(2, 3, calls(8, 1.0, 1.0)),
        ];
        let node = |parent: Option<u32>, function, ncalls, tottime| Node {
            parent: parent.map(NodeId),
            function: FunctionId(function),
            ncalls,
            tottime,
        };
        let nodes = vec![
            node(None, 0, 1, 1.0),
            node(Some(0), 1, 2, 2.0),
            node(Some(1), 2, 4, 3.0),
            node(Some(2), 3, 8, 1.0),
        ];
        Profile { tree: Some(CallTree { nodes, ..CallTree::default() }), ..Profile::new(functions, edges) }
    }

    fn hidden(profile: &Profile, names: &[&str]) -> Shown {
        let is_hidden: Vec<bool> =
            profile.functions.iter().map(|f| names.contains(&&*f.name.to_str_lossy())).collect();
        hide(profile, &is_hidden)
    }

    fn times(profile: &Profile) -> Vec<(String, f64, f64)> {
        profile.functions.iter().map(|f| (f.name.to_string(), f.calls.tottime, f.calls.cumtime)).collect()
    }

    #[test]
    fn time_goes_to_callers_and_calls_go_through() {
        for exact in [true, false] {
            let mut whole = profile();
            whole.tree = whole.tree.filter(|_| exact);
            let shown = hidden(&whole, &["wrapper", "leaf"]);
            assert_eq!((shown.hidden, shown.lost), (2, 0.0));
            let expected = [("main".to_owned(), 3.0, 7.0), ("work".to_owned(), 4.0, 4.0)];
            assert_eq!(times(&shown.profile), expected);
            let edges = &shown.profile.edges;
            assert_eq!(edges.len(), 1);
            assert_eq!(
                (edges[0].calls.ncalls, edges[0].calls.tottime, edges[0].calls.cumtime),
                (4, 4.0, 4.0)
            );
            assert_eq!(shown.profile.tree.is_some(), exact);
            assert_eq!(crate::check::check(&shown.profile), []);
        }
    }

    #[test]
    fn what_nobody_is_left_to_take_is_told() {
        let shown = hidden(&profile(), &["main", "wrapper"]);
        assert_eq!(shown.lost, 3.0);
        assert_eq!(times(&shown.profile), [("work".to_owned(), 3.0, 4.0), ("leaf".to_owned(), 1.0, 1.0)]);
        assert_eq!(shown.profile.tree.expect("exact").nodes.len(), 2);
    }
}
