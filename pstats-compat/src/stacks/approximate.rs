//! Stacks from the caller edges.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::contexts::{Contexts, NONE};
use crate::model::{CallTree, FunctionId, Node, NodeId, Profile};

/// No more nodes than this are made, but one for each function; the greatest come first.
const MAX_NODES: usize = 50_000;
/// No stack is deeper than this.
const MAX_DEPTH: u32 = 256;
/// A node below this part of the whole has no place of its own if its function has another one,
const MIN_PART: f64 = 1e-5;
/// and below this one while there are few nodes.
const MIN_PART_OF_FEW: f64 = 1e-7;
const FEW: usize = 5_000;
/// No more ways than this are looked at while nodes are made.
const MAX_WORK: usize = 8_000_000;

/// A node that may still be taken apart.
struct Open {
    node: u32,
    seconds: f64,
}

impl Ord for Open {
    fn cmp(&self, other: &Self) -> Ordering {
        // Of two equal ones the older goes first, so that the result is always the same.
        self.seconds.total_cmp(&other.seconds).then(other.node.cmp(&self.node))
    }
}

impl PartialOrd for Open {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Open {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Open {}

/// Which part of its context a node is.
#[derive(Clone, Copy, Default)]
struct Part {
    own: f64,
    below: f64,
    calls: f64,
}

impl Part {
    fn add(&mut self, other: Part) {
        self.own += other.own;
        self.below += other.below;
        self.calls += other.calls;
    }
}

struct Sprout {
    parent: u32,
    context: u32,
    way: u32,
    depth: u32,
    part: Part,
    /// Nodes above it that were made when it was taken apart, in the order of the ways.
    children: std::ops::Range<u32>,
    /// Another node of the same context.
    next: u32,
}

struct Grower<'c> {
    contexts: &'c Contexts,
    sprouts: Vec<Sprout>,
    newest: Vec<u32>,
    open: BinaryHeap<Open>,
    work: usize,
}

/// Stacks as they may have been, and the part of the time that the edges would allow in others, too.
pub fn approximate(profile: &Profile) -> (CallTree, f64) {
    let contexts = Contexts::of(profile);
    let mut grower = Grower {
        contexts: &contexts,
        sprouts: Vec::new(),
        newest: vec![NONE; contexts.list.len()],
        open: BinaryHeap::new(),
        work: 0,
    };
    let total: f64 = contexts.list.iter().map(|context| context.own).sum();
    grower.grow(total);
    let cut = grower.settle();
    let tree = grower.finish(profile, cut);
    let estimated = if total > 0.0 { ((contexts.estimated + cut.1) / total).min(1.0) } else { 0.0 };
    (tree, estimated)
}

impl Grower<'_> {
    fn seconds(&self, context: u32, part: Part) -> f64 {
        self.contexts.list[context as usize].own * part.own
            + self.contexts.below[context as usize] * part.below
    }

    fn push(&mut self, parent: u32, way: u32, part: Part) -> u32 {
        let id = self.sprouts.len() as u32;
        let context = self.contexts.ways()[way as usize].to;
        let depth = if parent == NONE { 0 } else { self.sprouts[parent as usize].depth + 1 };
        let next = std::mem::replace(&mut self.newest[context as usize], id);
        self.sprouts.push(Sprout { parent, context, way, depth, part, children: 0..0, next });
        id
    }

    /// Makes nodes, the greatest first.
    fn grow(&mut self, total: f64) {
        self.take_apart(NONE, NONE, 1.0, total);
        while let Some(Open { node, .. }) = self.open.pop() {
            let Sprout { context, part, depth, .. } = self.sprouts[node as usize];
            if depth + 1 < MAX_DEPTH {
                self.take_apart(node, context, part.below, total);
            }
        }
    }

    fn take_apart(&mut self, node: u32, context: u32, below: f64, total: f64) {
        let first = self.sprouts.len() as u32;
        for place in self.contexts.places(context) {
            let way = &self.contexts.ways()[place];
            let part = Part { own: way.own * below, below: way.below * below, calls: way.calls * below };
            let seconds = self.seconds(way.to, part);
            self.work += 1;
            let min_part = if self.sprouts.len() < FEW { MIN_PART_OF_FEW } else { MIN_PART };
            if seconds < total * min_part || self.sprouts.len() >= MAX_NODES || self.work > MAX_WORK {
                continue;
            }
            let child = self.push(node, place as u32, part);
            self.open.push(Open { node: child, seconds });
        }
        if node != NONE {
            self.sprouts[node as usize].children = first..self.sprouts.len() as u32;
        }
    }

    /// Brings every part of every context to a node; returns how many went to a node of another caller, and their
    /// seconds.
    fn settle(&mut self) -> (u64, f64) {
        for sprout in &mut self.sprouts {
            sprout.part = Part::default();
        }
        let mut homeless: Vec<Part> = vec![Part::default(); self.contexts.ways().len()];
        let into = self.ways_into();
        let mut cut = (0, 0.0);
        let first = 0..self.sprouts.iter().take_while(|sprout| sprout.parent == NONE).count() as u32;
        self.hand_down(NONE, first, 1.0, &mut homeless);
        for context in 0..self.contexts.list.len() as u32 {
            self.house(context, into.of(context), &homeless, &mut cut);
            let mut node = self.newest[context as usize];
            while node != NONE {
                let Sprout { ref children, part, next, .. } = self.sprouts[node as usize];
                let children = children.clone();
                self.hand_down(context, children, part.below, &mut homeless);
                node = next;
            }
        }
        cut
    }

    /// Gives a node's children their parts; of those that have no node, notes it for later.
    fn hand_down(&mut self, context: u32, children: std::ops::Range<u32>, below: f64, homeless: &mut [Part]) {
        let mut children = children.peekable();
        for place in self.contexts.places(context) {
            let way = &self.contexts.ways()[place];
            let part = Part { own: way.own * below, below: way.below * below, calls: way.calls * below };
            match children.next_if(|&child| self.sprouts[child as usize].way == place as u32) {
                Some(child) => self.sprouts[child as usize].part.add(part),
                None => homeless[place].add(part),
            }
        }
    }

    /// Finds nodes for those parts of a context that have none.
    fn house(&mut self, context: u32, ways: &[u32], homeless: &[Part], cut: &mut (u64, f64)) {
        for &way in ways {
            let part = homeless[way as usize];
            if part.own == 0.0 && part.below == 0.0 && part.calls == 0.0 {
                continue;
            }
            // A node of the same caller, a new one of it, or another of this function's: in this order.
            let by_way = self.greatest(context, Some(way));
            let from = self.contexts.ways()[way as usize].from;
            let room = self.sprouts.len() < MAX_NODES && self.work < MAX_WORK;
            let node = match by_way {
                Some(node) => node,
                None => {
                    let any = self.greatest(context, None);
                    match any {
                        Some(node) if !room => node,
                        _ => {
                            let mut parent =
                                if from == NONE { NONE } else { self.greatest(from, None).unwrap_or(NONE) };
                            while parent != NONE && self.sprouts[parent as usize].depth + 1 >= MAX_DEPTH {
                                parent = self.sprouts[parent as usize].parent;
                            }
                            self.work += self.contexts.places(context).len();
                            self.push(parent, way, Part::default())
                        }
                    }
                }
            };
            if self.sprouts[node as usize].way != way {
                cut.0 += 1;
                cut.1 += self.seconds(context, part);
            }
            self.sprouts[node as usize].part.add(part);
        }
    }

    fn greatest(&self, context: u32, way: Option<u32>) -> Option<u32> {
        let mut best: Option<u32> = None;
        let mut node = self.newest[context as usize];
        while node != NONE {
            let sprout = &self.sprouts[node as usize];
            if way.is_none_or(|way| sprout.way == way) {
                let size = |node: u32| self.seconds(context, self.sprouts[node as usize].part);
                if best.is_none_or(|best| size(node) >= size(best)) {
                    best = Some(node);
                }
            }
            node = sprout.next;
        }
        best
    }

    fn ways_into(&self) -> Into {
        let count = self.contexts.list.len();
        let mut starts = vec![0u32; count + 1];
        for way in self.contexts.ways() {
            starts[way.to as usize + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let mut next = starts.clone();
        let mut order = vec![0; self.contexts.ways().len()];
        for (way, place) in self.contexts.ways().iter().zip(0u32..) {
            let slot = &mut next[way.to as usize];
            order[*slot as usize] = place;
            *slot += 1;
        }
        Into { starts, order }
    }

    fn finish(self, profile: &Profile, cut: (u64, f64)) -> CallTree {
        let mut tree = CallTree::default();
        let mut given = vec![0.0f64; profile.functions.len()];
        let mut calls: Vec<f64> = vec![0.0; profile.edges.len() + profile.functions.len()];
        tree.nodes.reserve(self.sprouts.len());
        for sprout in &self.sprouts {
            let context = &self.contexts.list[sprout.context as usize];
            let counter = &mut calls[self.contexts.ways()[sprout.way as usize].counter as usize];
            // Rounded so that those of one edge add up.
            let before = counter.round();
            *counter += sprout.part.calls;
            let tottime = context.own * sprout.part.own;
            given[context.function as usize] += tottime;
            tree.nodes.push(Node {
                parent: (sprout.parent != NONE).then_some(NodeId(sprout.parent)),
                function: FunctionId(context.function),
                ncalls: (counter.round() - before) as u64,
                tottime,
            });
        }
        for node in &mut tree.nodes {
            let own = profile.function(node.function).calls.tottime;
            let given = given[node.function.index()];
            if given > 0.0 && own > 0.0 && own.is_finite() {
                node.tottime *= own / given;
            }
        }
        tree.cut.calls = cut.0;
        tree.cut.seconds = cut.1;
        tree
    }
}

struct Into {
    starts: Vec<u32>,
    order: Vec<u32>,
}

impl Into {
    fn of(&self, context: u32) -> &[u32] {
        &self.order[self.starts[context as usize] as usize..self.starts[context as usize + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Calls, Edge, Function};

    fn function(name: &str, tottime: f64, cumtime: f64) -> Function {
        let calls = Calls { ncalls: 1, primitive_calls: 1, tottime, cumtime, ..Calls::default() };
        Function::new("a.py".into(), 1, name.into(), calls)
    }

    fn edge(caller: u32, callee: u32, cumtime: f64) -> Edge {
        let calls = Calls { ncalls: 1, primitive_calls: 1, tottime: 0.0, cumtime, ..Calls::default() };
        Edge { caller: FunctionId(caller), callee: FunctionId(callee), calls }
    }

    #[test]
    fn a_shared_callee_is_shared_out() {
        // main calls a (3 s) and b (1 s), both of which only call c.
        let profile = Profile::new(
            vec![
                function("main", 0.0, 4.0),
                function("a", 0.0, 3.0),
                function("b", 0.0, 1.0),
                function("c", 4.0, 4.0),
            ],
            vec![edge(0, 1, 3.0), edge(0, 2, 1.0), edge(1, 3, 3.0), edge(2, 3, 1.0)],
        );
        let (tree, _) = approximate(&profile);
        let leaves: Vec<f64> = tree
            .nodes
            .iter()
            .filter(|node| node.function == FunctionId(3))
            .map(|node| node.tottime)
            .collect();
        assert_eq!(leaves, vec![3.0, 1.0]);
        assert_eq!(tree.cumtimes()[0], 4.0);
    }

    #[test]
    fn other_stacks_may_have_the_same_tables() {
        // main calls a and b, both call c, which calls d for the one and e for the other.
        let tables = |[first, second]: [u32; 2]| {
            let node = |parent: Option<u32>, function, tottime| Node {
                parent: parent.map(NodeId),
                function: FunctionId(function),
                ncalls: 1,
                tottime,
            };
            let nodes = vec![
                node(None, 0, 0.0),
                node(Some(0), 1, 0.0),
                node(Some(1), 3, 0.0),
                node(Some(2), first, 1.0),
                node(Some(0), 2, 0.0),
                node(Some(4), 3, 0.0),
                node(Some(5), second, 1.0),
            ];
            let names = ["main", "a", "b", "c", "d", "e"];
            let mut profile =
                Profile::new(names.iter().map(|name| function(name, 0.0, 0.0)).collect(), Vec::new());
            profile.functions.iter_mut().for_each(|function| function.calls = Calls::default());
            crate::stacks::fill_tables(&mut profile, &CallTree { nodes, ..CallTree::default() });
            profile.edges.sort_by_key(|edge| (edge.caller, edge.callee));
            profile
        };
        let (one, other) = (tables([4, 5]), tables([5, 4]));
        assert_eq!(one, other);
        let (tree, estimated) = approximate(&one);
        let c: f64 = tree
            .nodes
            .iter()
            .zip(tree.cumtimes())
            .filter(|(node, _)| node.function == FunctionId(3))
            .map(|(_, seconds)| seconds)
            .sum();
        assert_eq!((c, estimated), (2.0, 1.0));
    }

    /// Three functions that call each other: the seconds of each stack.
    #[test]
    fn functions_in_circles_keep_their_cumulative_times() {
        let stacks: &[(&[u32], f64)] = &[
            (&[0, 1], 1.0),
            (&[0, 1, 2], 2.0),
            (&[0, 1, 2, 3, 1], 4.0),
            (&[0, 2, 1, 2], 3.0),
            (&[0, 2, 3], 5.0),
            (&[0, 3, 1, 3, 2], 2.0),
            (&[0, 3, 2, 1, 3], 1.0),
        ];
        let mut tree = CallTree::default();
        for (stack, seconds) in stacks {
            let mut parent = None;
            for function in *stack {
                let of = |node: &Node| node.parent == parent && node.function == FunctionId(*function);
                let at = tree.nodes.iter().position(of).unwrap_or(tree.nodes.len());
                if at == tree.nodes.len() {
                    tree.nodes.push(Node {
                        parent,
                        function: FunctionId(*function),
                        ncalls: 2,
                        tottime: 0.0,
                    });
                }
                parent = Some(NodeId(at as u32));
            }
            tree.nodes[parent.expect("a stack has a function").index()].tottime += seconds;
        }
        let functions = ["main", "a", "b", "c"]
            .iter()
            .map(|name| Function { calls: Calls::default(), ..function(name, 0.0, 0.0) });
        let mut profile = Profile::new(functions.collect(), Vec::new());
        crate::stacks::fill_tables(&mut profile, &tree);
        let mut found = Profile { edges: Vec::new(), ..Profile::new(profile.functions.clone(), Vec::new()) };
        found.functions.iter_mut().for_each(|function| function.calls = Calls::default());
        crate::stacks::fill_tables(&mut found, &approximate(&profile).0);
        for (made, true_one) in found.functions.iter().zip(&profile.functions) {
            let off = made.calls.cumtime - true_one.calls.cumtime;
            assert!(off.abs() < 0.01 * 18.0, "{}: off by {off}", made.name);
        }
    }

    #[test]
    fn recursion_ends_and_no_time_is_lost() {
        let profile = Profile::new(
            vec![function("a", 1.0, 2.0), function("b", 1.0, 1.5)],
            vec![edge(0, 1, 1.5), edge(1, 0, 1.0), edge(0, 0, 0.5)],
        );
        let (tree, _) = approximate(&profile);
        let roots: f64 = tree
            .nodes
            .iter()
            .zip(tree.cumtimes())
            .filter(|(node, _)| node.parent.is_none())
            .map(|(_, seconds)| seconds)
            .sum();
        assert!((roots - 2.0).abs() < 1e-12, "{roots}");
        assert!(tree.is_sound(2));
    }

    #[test]
    fn a_root_that_is_entered_again_keeps_all_its_time() {
        let mut exec = function("exec", 1.0, 5.0);
        exec.calls.ncalls = 2;
        let profile =
            Profile::new(vec![exec, function("import", 4.0, 4.0)], vec![edge(0, 1, 4.0), edge(1, 0, 2.0)]);
        let (tree, _) = approximate(&profile);
        assert_eq!(tree.nodes.iter().filter(|node| node.parent.is_none()).count(), 1);
        assert_eq!(tree.cumtimes()[0], 5.0);
    }

    #[test]
    fn times_that_are_no_numbers_are_none() {
        let profile = Profile::new(
            vec![function("a", f64::NAN, f64::NAN), function("b", f64::INFINITY, f64::INFINITY)],
            vec![edge(0, 1, f64::NAN)],
        );
        assert!(approximate(&profile).0.nodes.iter().all(|node| node.tottime == 0.0));
    }
}
