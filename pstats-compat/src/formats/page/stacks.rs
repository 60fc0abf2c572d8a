//! The stacks of a page: the heaviest ones, and for the others the time that they take of the one above them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use super::functions::{Chosen, rounded};
use crate::model::CallTree;

/// So many stacks a page holds.
const MOST: usize = 40_000;

/// Stacks by columns; parents stand before their children.
#[derive(Default, Serialize)]
pub struct Columns {
    /// Place of the stack above, -1 at the bottom.
    parent: Vec<i64>,
    /// Numbers of functions in the page.
    function: Vec<u32>,
    own: Vec<f64>,
    /// None where they weren't recorded.
    calls: Option<Vec<u64>>,
    /// Own times in the older profile, in the page of a difference.
    before: Option<Vec<f64>>,
    rest: Rest,
}

/// What is left out, for each stack above it.
#[derive(Default, Serialize)]
struct Rest {
    /// Place of the stack above, or -1 less the thread's number.
    parent: Vec<i64>,
    /// How many stacks lie directly on it.
    count: Vec<u64>,
    /// The time in them and all that lies on them.
    time: Vec<f64>,
    before: Option<Vec<f64>>,
}

/// Which stacks are in a page.
pub struct Kept {
    is_kept: Vec<bool>,
    cumulative: Vec<f64>,
    before: Option<Vec<f64>>,
}

impl Kept {
    /// The heaviest ones. One above another is as heavy at least, so none stands without those below it. In a difference, what is
    /// heavy in either profile is: `before` are the own times of the other one.
    pub fn of(tree: &CallTree, before: Option<&[f64]>) -> Self {
        let cumulative = tree.cumtimes();
        let before = before.map(|own| cumulative_of(tree, own));
        let weight = |at: usize| cumulative[at].max(0.0) + before.as_ref().map_or(0.0, |b| b[at].max(0.0));
        let mut order: Vec<u32> =
            (0..tree.nodes.len() as u32).filter(|&at| weight(at as usize) > 0.0).collect();
        if order.len() > MOST {
            let key = |at: &u32| (Reverse(weight(*at as usize).to_bits()), *at);
            order.select_nth_unstable_by_key(MOST, key);
            order.truncate(MOST);
        }
        let mut is_kept = vec![false; tree.nodes.len()];
        order.iter().for_each(|&at| is_kept[at as usize] = true);
        // A file may lie: what is heavier than the one above it stays out with that.
        for (at, node) in tree.nodes.iter().enumerate() {
            is_kept[at] &= node.parent.is_none_or(|parent| is_kept[parent.index()]);
        }
        Self { is_kept, cumulative, before }
    }

    /// The functions in them, by their places in the profile.
    pub fn functions<'t>(&'t self, tree: &'t CallTree) -> impl Iterator<Item = usize> + 't {
        let kept = tree.nodes.iter().zip(&self.is_kept).filter(|(_, kept)| **kept);
        kept.map(|(node, _)| node.function.index())
    }

    /// As columns, and where each thread begins in them.
    pub fn columns(
        &self,
        tree: &CallTree,
        before: Option<&[f64]>,
        chosen: &Chosen,
        counted: bool,
    ) -> (Columns, Vec<(String, usize)>) {
        let mut columns = Columns {
            calls: counted.then(Vec::new),
            before: before.map(|_| Vec::new()),
            rest: Rest { before: before.map(|_| Vec::new()), ..Rest::default() },
            ..Columns::default()
        };
        let mut places = vec![-1i64; tree.nodes.len()];
        let mut threads = Vec::new();
        let mut names = tree.plain_thread_names().into_iter();
        for (number, (thread, stacks)) in tree.parts().enumerate() {
            if thread.is_some() {
                threads.push((names.next().unwrap_or_default(), columns.parent.len()));
            }
            // What isn't kept, by the place of the stack above it.
            let mut rest: BTreeMap<i64, (u64, f64, f64)> = Default::default();
            for at in stacks {
                let node = &tree.nodes[at];
                let above = node.parent.map_or(-1 - number as i64, |parent| places[parent.index()]);
                if !self.is_kept[at] {
                    let is_lowest = node.parent.is_none_or(|parent| self.is_kept[parent.index()]);
                    let (time, was) = (self.cumulative[at], self.before.as_ref().map_or(0.0, |b| b[at]));
                    if is_lowest && time.max(was) > 0.0 {
                        let sum = rest.entry(above).or_default();
                        *sum = (sum.0 + 1, sum.1 + time, sum.2 + was);
                    }
                    continue;
                }
                places[at] = columns.parent.len() as i64;
                columns.parent.push(above.max(-1));
                columns.function.push(chosen.number(node.function.index()));
                columns.own.push(rounded(node.tottime));
                columns.calls.iter_mut().for_each(|calls| calls.push(node.ncalls));
                if let (Some(column), Some(own)) = (&mut columns.before, before) {
                    column.push(rounded(own[at]));
                }
            }
            for (parent, (count, time, was)) in rest {
                columns.rest.parent.push(parent);
                columns.rest.count.push(count);
                columns.rest.time.push(rounded(time));
                columns.rest.before.iter_mut().for_each(|column| column.push(rounded(was)));
            }
        }
        (columns, threads)
    }
}

fn cumulative_of(tree: &CallTree, own: &[f64]) -> Vec<f64> {
    let mut sums = own.to_vec();
    for (at, node) in tree.nodes.iter().enumerate().rev() {
        if let Some(parent) = node.parent {
            sums[parent.index()] += sums[at];
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FunctionId, Node, NodeId};

    #[test]
    fn the_heaviest_stacks_are_kept_with_all_below_them() {
        // A root, a leaf of half of its time, and many that share the other half, each with one above it.
        let node = |parent: Option<u32>, tottime| Node {
            parent: parent.map(NodeId),
            function: FunctionId(0),
            ncalls: 1,
            tottime,
        };
        let many = MOST as u32;
        let mut nodes = vec![node(None, 0.0), node(Some(0), f64::from(many))];
        for number in 0..many {
            nodes.push(node(Some(0), 0.25));
            nodes.push(node(Some(2 + 2 * number), 0.75));
        }
        let tree = CallTree { nodes, ..CallTree::default() };
        let kept = Kept::of(&tree, None);
        assert_eq!(kept.is_kept.iter().filter(|kept| **kept).count(), MOST);
        assert!(kept.is_kept[0] && kept.is_kept[1]);
        let sound = tree.nodes.iter().zip(&kept.is_kept).filter(|(_, kept)| **kept);
        assert!(sound.filter_map(|(node, _)| node.parent).all(|parent| kept.is_kept[parent.index()]));
    }
}
