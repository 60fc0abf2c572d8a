//! The calling-context tree: one node for each distinct stack, with what happened in it.
//!
//! A caller table says who called whom, not by which way the caller itself was reached; only a
//! tree holds full stacks. A profiler fills it when asked to; [`crate::stacks`] makes an
//! approximate one from edges for the formats that need stacks.
//!
//! ```text
//!  nodes    0 … 6 │ 7 … 9 │ 10 …        a thread's stacks stand together, and none stands on another thread's
//!  threads  first 0   7      10         no threads at all: they aren't told apart
//! ```

use std::ops::Range;

use super::function_id::FunctionId;
use super::id_map::IdMap;
use super::text::Text;

/// Index into [`CallTree::nodes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The place in [`CallTree::nodes`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One function, reached by one chain of callers.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Who called; `None` for the bottom of a stack. Always a smaller id than the node's own.
    pub parent: Option<NodeId>,
    /// The function on top of this stack.
    pub function: FunctionId,
    /// How often this very stack was entered.
    pub ncalls: u64,
    /// Seconds with exactly this stack. Time with deeper stacks is in the nodes below.
    pub tottime: f64,
}

impl Node {
    /// Adds the figures of an equal stack.
    pub(crate) fn absorb(&mut self, other: &Node) {
        self.ncalls = self.ncalls.saturating_add(other.ncalls);
        self.tottime += other.tottime;
    }
}

/// What a recorder left out because of its limits on depth and nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cut {
    /// Calls that got no node; their time is in the deepest node above them.
    pub calls: u64,
    /// Seconds spent in those calls.
    pub seconds: f64,
}

/// A thread whose stacks stand apart. One of which nothing is known has all stacks that are told apart no further.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// What its program calls it. Several may have one name.
    pub name: Option<Text>,
    /// The system's number of the process.
    pub process: Option<u64>,
    /// The system's number of the thread; when it has ended, another one may get it.
    pub id: Option<u64>,
    /// Its first stack. It has those up to the first one of the next thread.
    pub first: NodeId,
}

/// What is known of a thread itself: two that have it in common are one, if they aren't of one tree.
pub(crate) type ThreadKey = (Option<Text>, Option<u64>, Option<u64>);

impl Thread {
    /// What is known of it.
    pub(crate) fn key(&self) -> ThreadKey {
        (self.name.clone(), self.process, self.id)
    }

    /// Whether both are the same thread as far as is known.
    pub(crate) fn is_same(&self, other: &Thread) -> bool {
        (&self.name, self.process, self.id) == (&other.name, other.process, other.id)
    }
}

/// Full stacks. Parents stand before their children.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallTree {
    /// All nodes; an index into it is a [`NodeId`].
    pub nodes: Vec<Node>,
    /// What the limits cut off.
    pub cut: Cut,
    /// The threads, in the order of their stacks; none where they aren't told apart.
    pub threads: Vec<Thread>,
}

impl CallTree {
    /// The places of each thread's stacks; of all stacks, and no thread, where they aren't told apart.
    pub fn parts(&self) -> impl Iterator<Item = (Option<&Thread>, Range<usize>)> {
        let end = |next: usize| self.threads.get(next).map_or(self.nodes.len(), |next| next.first.index());
        let whole = self.threads.is_empty().then_some((None, 0..self.nodes.len()));
        let threads = self.threads.iter().zip(1..);
        whole.into_iter().chain(threads.map(move |(own, next)| (Some(own), own.first.index()..end(next))))
    }

    /// Lets the nodes that follow be of this thread.
    pub(crate) fn begin(&mut self, thread: Option<&Thread>) {
        let first = NodeId(self.nodes.len() as u32);
        self.threads.extend(thread.map(|thread| Thread { first, ..thread.clone() }));
    }

    /// Seconds in each node and everything below it.
    pub fn cumtimes(&self) -> Vec<f64> {
        let mut cumtimes: Vec<f64> = self.nodes.iter().map(|node| node.tottime).collect();
        // Children stand after their parent, so a walk from the end has each child complete.
        for (index, node) in self.nodes.iter().enumerate().rev() {
            if let Some(parent) = node.parent {
                cumtimes[parent.index()] += cumtimes[index];
            }
        }
        cumtimes
    }

    /// The children of each node, and the bottoms of all stacks.
    pub fn children(&self) -> (Vec<Vec<NodeId>>, Vec<NodeId>) {
        let mut children = vec![Vec::new(); self.nodes.len()];
        let mut roots = Vec::new();
        for (node, index) in self.nodes.iter().zip(0u32..) {
            match node.parent {
                Some(parent) => children[parent.index()].push(NodeId(index)),
                None => roots.push(NodeId(index)),
            }
        }
        (children, roots)
    }

    /// Whether every parent stands before its child, in the same thread, and every function exists.
    pub fn is_sound(&self, functions: usize) -> bool {
        let are_sound = self.nodes.iter().enumerate().all(|(index, node)| {
            node.function.index() < functions && node.parent.is_none_or(|parent| parent.index() < index)
        });
        are_sound && self.has_sound_threads()
    }

    /// Whether threads have stacks of their own, in their order.
    fn has_sound_threads(&self) -> bool {
        let firsts = || self.threads.iter().map(|thread| thread.first.index());
        let is_ordered = firsts().is_sorted()
            && firsts().next().is_none_or(|first| first == 0)
            && firsts().all(|first| first <= self.nodes.len());
        is_ordered
            && self.parts().all(|(_, places)| {
                let parents = self.nodes[places.clone()].iter().filter_map(|node| node.parent);
                parents.map(NodeId::index).all(|parent| places.contains(&parent))
            })
    }

    /// Draws recursion together: a function that is on the stack already stands for its one place there, with all that it
    /// called from deeper down.
    pub fn collapse_recursion(&self) -> CallTree {
        let mut drawn = CallTree { cut: self.cut, ..CallTree::default() };
        let mut known: IdMap<(Option<NodeId>, FunctionId), NodeId> = IdMap::default();
        let mut places: Vec<NodeId> = Vec::with_capacity(self.nodes.len());
        for (thread, stacks) in self.parts() {
            drawn.begin(thread);
            known.clear();
            for node in &self.nodes[stacks] {
                let parent = node.parent.map(|parent| places[parent.index()]);
                let kept = &mut drawn.nodes;
                let mut open = parent;
                // A stack has each function once, so this ends soon, however deep the recursion was.
                while let Some(place) = open.filter(|place| kept[place.index()].function != node.function) {
                    open = kept[place.index()].parent;
                }
                let next = NodeId(kept.len() as u32);
                let place = open.unwrap_or_else(|| *known.entry((parent, node.function)).or_insert(next));
                match kept.get_mut(place.index()) {
                    Some(sum) => sum.absorb(node),
                    None => kept.push(Node { parent, ..node.clone() }),
                }
                places.push(place);
            }
        }
        drawn
    }

    /// Gives every node the new id of its function. Siblings may then name the same function;
    /// they stay apart, which costs a little width and no truth.
    pub(crate) fn renumber(&mut self, moved: &[FunctionId]) {
        for node in &mut self.nodes {
            node.function = moved[node.function.index()];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recursion_is_drawn_together_and_no_time_is_lost() {
        // a > b > a > c, a > b > b; and a > c.
        let node = |parent: Option<u32>, function, tottime| Node {
            parent: parent.map(NodeId),
            function: FunctionId(function),
            ncalls: 1,
            tottime,
        };
        let nodes = vec![
            node(None, 0, 1.0),
            node(Some(0), 1, 2.0),
            node(Some(1), 0, 4.0),
            node(Some(2), 2, 8.0),
            node(Some(1), 1, 16.0),
            node(Some(0), 2, 32.0),
        ];
        let tree = CallTree { nodes, ..CallTree::default() }.collapse_recursion();
        let found: Vec<_> =
            tree.nodes.iter().map(|n| (n.parent.map(|p| p.0), n.function.0, n.ncalls, n.tottime)).collect();
        assert_eq!(found, [(None, 0, 2, 5.0), (Some(0), 1, 2, 18.0), (Some(0), 2, 2, 40.0)]);
        assert_eq!(tree.cumtimes()[0], 63.0);
    }

    #[test]
    fn cumtimes_reach_the_root() {
        let node = |parent: Option<u32>, tottime| Node {
            parent: parent.map(NodeId),
            function: FunctionId(0),
            ncalls: 1,
            tottime,
        };
        let tree = CallTree {
            nodes: vec![node(None, 1.0), node(Some(0), 2.0), node(Some(1), 4.0), node(Some(0), 8.0)],
            ..CallTree::default()
        };
        assert_eq!(tree.cumtimes(), vec![15.0, 6.0, 4.0, 8.0]);
        assert!(tree.is_sound(1));
        assert!(!tree.is_sound(0));
    }
}
