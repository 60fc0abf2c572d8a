//! Stacks as a file has them, one after another, put together to a profile.

use std::collections::HashMap;

use super::tables::fill_tables;
use crate::model::{
    CallTree, Calls, Counts, Function, FunctionId, IdMap, LabelIndex, Metadata, Node, NodeId, Profile, Text,
    Thread, ThreadKey,
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
    threads: Vec<OneThread>,
    by_thread: HashMap<ThreadKey, usize>,
    /// The thread whose stacks come in.
    thread: usize,
}

/// A thread, and where its stacks are.
struct OneThread {
    thread: Thread,
    /// The bottoms of its stacks.
    bottoms: IdMap<FunctionId, NodeId>,
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

    /// Stacks that are entered from now on are of one more thread.
    pub fn add_thread(&mut self, thread: Thread) {
        self.thread = self.threads.len();
        self.threads.push(OneThread { thread, bottoms: IdMap::default() });
    }

    /// Stacks that are entered from now on are of this thread, which may have come before.
    pub fn go_on_with(&mut self, thread: Thread) {
        if self.threads.get(self.thread).is_some_and(|one| one.thread.is_same(&thread)) {
            return;
        }
        let next = self.threads.len();
        let number = *self.by_thread.entry(thread.key()).or_insert(next);
        if number == next {
            self.add_thread(thread);
        }
        self.thread = number;
    }

    /// The node for a function on top of a stack. `None` if there are too many, or the stack is too deep.
    pub fn enter(&mut self, parent: Option<NodeId>, function: FunctionId) -> Option<NodeId> {
        let depth = parent.map_or(0, |parent| self.depths[parent.index()] + 1);
        if self.tree.nodes.len() == MOST_STACKS || depth == DEEPEST {
            return None;
        }
        let next = NodeId(self.tree.nodes.len() as u32);
        let id = match (parent, self.threads.get_mut(self.thread)) {
            (None, Some(thread)) => *thread.bottoms.entry(function).or_insert(next),
            _ => *self.nodes.entry((parent, function)).or_insert(next),
        };
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

    /// The profile with its tables. One thread of which no name is known tells nothing apart.
    pub fn finish(mut self, metadata: Metadata) -> Profile {
        if self.threads.len() > 1 || self.threads.iter().any(|one| one.thread.name.is_some()) {
            self.sort_by_thread();
        }
        let counts = if self.are_counted { Counts::Calls } else { Counts::Unknown };
        let metadata = Metadata { counts, ..metadata };
        let mut profile = Profile { metadata, ..Profile::new(self.functions, Vec::new()) };
        fill_tables(&mut profile, &self.tree);
        profile.tree = Some(self.tree);
        profile
    }

    /// Puts the stacks of each thread together: in a file they may take turns.
    fn sort_by_thread(&mut self) {
        let nodes = &self.tree.nodes;
        let mut threads = vec![0; nodes.len()];
        for (thread, one) in self.threads.iter().enumerate() {
            one.bottoms.values().for_each(|bottom| threads[bottom.index()] = thread);
        }
        for (place, node) in nodes.iter().enumerate() {
            if let Some(parent) = node.parent {
                threads[place] = threads[parent.index()];
            }
        }
        let mut order: Vec<usize> = (0..nodes.len()).collect();
        order.sort_by_key(|&place| threads[place]);
        let mut moved = vec![NodeId(0); nodes.len()];
        for (&place, to) in order.iter().zip((0..).map(NodeId)) {
            moved[place] = to;
        }
        let sorted = order.iter().map(|&place| Node {
            parent: nodes[place].parent.map(|parent| moved[parent.index()]),
            ..nodes[place]
        });
        let sorted = sorted.collect();
        for (number, one) in self.threads.drain(..).enumerate() {
            let first = order.partition_point(|&place| threads[place] < number) as u32;
            self.tree.threads.push(Thread { first: NodeId(first), ..one.thread });
        }
        self.tree.nodes = sorted;
    }
}
