//! Trees of full stacks, of any number of processes or files, added up: one id for each stack in all of them.

use std::collections::HashMap;

use pstats_compat::Cut;

use crate::picture::{FunctionId, ShownNode, ShownStack, StackId, Tree};

/// Ids that are kept at most: a hostile process may invent stacks, and clear, and invent others.
const MOST: usize = 16_000_000;

/// Stacks, and the ids that they have for as long as the source lives.
#[derive(Default)]
pub struct Paths {
    ids: HashMap<(Option<StackId>, FunctionId), StackId>,
    /// The same, by the ids.
    stacks: Vec<(Option<StackId>, FunctionId)>,
}

/// A sum of trees that is being made.
pub struct Forest<'p> {
    paths: &'p mut Paths,
    tree: Tree,
    /// Places in the sum, by the stacks' ids.
    places: Vec<Option<u32>>,
}

impl Paths {
    /// Before a new sum: there are never so many in good faith that they must be forgotten.
    fn bound(&mut self) {
        if self.ids.len() > MOST {
            *self = Self::default();
        }
    }

    /// The id of a function on top of a stack.
    pub fn id(&mut self, below: Option<StackId>, function: FunctionId) -> StackId {
        let Self { ids, stacks } = self;
        *ids.entry((below, function)).or_insert_with(|| {
            stacks.push((below, function));
            StackId(stacks.len() as u32 - 1)
        })
    }

    /// What a stack is made of: the one without its top, and the function on top.
    pub fn stack(&self, id: StackId) -> Option<(Option<StackId>, FunctionId)> {
        self.stacks.get(id.0 as usize).copied()
    }
}

impl<'p> Forest<'p> {
    /// An empty sum.
    pub fn new(paths: &'p mut Paths) -> Self {
        paths.bound();
        Self { paths, tree: Tree::default(), places: Vec::new() }
    }

    /// Adds a stack; `parent` is the place that the stack without its top was given. Returns the place of this one.
    pub fn add(&mut self, parent: Option<u32>, function: FunctionId, own: ShownStack) -> u32 {
        let Self { paths, tree, places } = self;
        let id = paths.id(parent.map(|place| tree.nodes[place as usize].id), function);
        let index = id.0 as usize;
        if index >= places.len() {
            places.resize(index + 1, None);
        }
        let place = *places[index].get_or_insert_with(|| {
            let own = ShownStack::default();
            tree.nodes.push(ShownNode { id, parent, function, own, cumtime: 0.0 });
            tree.nodes.len() as u32 - 1
        });
        tree.nodes[place as usize].own.add(&own);
        place
    }

    /// Adds to the stack at a place.
    pub fn add_to(&mut self, place: u32, own: &ShownStack) {
        self.tree.nodes[place as usize].own.add(own);
    }

    /// Adds what the limits of a tree cut.
    pub fn add_cut(&mut self, cut: Cut) {
        self.tree.cut.calls = self.tree.cut.calls.saturating_add(cut.calls);
        self.tree.cut.seconds += cut.seconds;
    }

    /// The sum.
    pub fn finish(mut self) -> Tree {
        let nodes = &mut self.tree.nodes;
        // Children stand after their parent, so a walk from the end has each of them complete.
        for place in (0..nodes.len()).rev() {
            nodes[place].cumtime += nodes[place].own.tottime;
            if let Some(parent) = nodes[place].parent {
                nodes[parent as usize].cumtime += nodes[place].cumtime;
            }
        }
        self.tree
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(ncalls: i64, tottime: f64) -> ShownStack {
        ShownStack { ncalls, tottime, ..ShownStack::default() }
    }

    #[test]
    fn equal_stacks_add_up_and_keep_their_ids() {
        let mut paths = Paths::default();
        let [f, g] = [FunctionId(5), FunctionId(9)];
        let mut forest = Forest::new(&mut paths);
        let bottom = forest.add(None, f, own(1, 1.0));
        let above = forest.add(Some(bottom), g, own(2, 2.0));
        assert_eq!(forest.add(None, f, own(3, 4.0)), bottom);
        assert_eq!(forest.add(Some(bottom), g, own(4, 8.0)), above);
        let other = forest.add(None, g, own(1, 16.0));
        forest.add_cut(Cut { calls: 7, seconds: 0.5 });
        let tree = forest.finish();
        let shown: Vec<_> =
            tree.nodes.iter().map(|node| (node.own.ncalls, node.own.tottime, node.cumtime)).collect();
        assert_eq!(shown, [(4, 5.0, 15.0), (6, 10.0, 10.0), (1, 16.0, 16.0)]);
        assert_eq!((tree.whole(), tree.cut.calls, tree.cut.seconds), (31.0, 7, 0.5));
        let id = tree.nodes[other as usize].id;
        let mut next = Forest::new(&mut paths);
        let again = next.add(None, g, own(1, 1.0));
        assert_eq!(next.finish().nodes[again as usize].id, id);
    }
}
