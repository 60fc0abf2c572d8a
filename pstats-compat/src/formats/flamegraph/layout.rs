//! Where each box goes, whatever draws it.

use crate::model::{CallTree, NodeId};

/// One box: a function on one stack.
pub struct Placed {
    pub node: NodeId,
    pub depth: usize,
    /// Left edge and width as parts of the whole.
    pub start: f64,
    pub width: f64,
}

/// Boxes side by side that are too narrow to be seen, each of them. Together they are a box: what is below another box takes
/// its place, whether or not its parts can be seen.
pub struct Narrow {
    pub depth: usize,
    pub start: f64,
    pub width: f64,
    pub count: u64,
    /// The time in all of them.
    pub cumulative: f64,
}

/// All boxes, each after the one above it.
#[derive(Default)]
pub struct Layout {
    pub boxes: Vec<Placed>,
    pub narrow: Vec<Narrow>,
    /// The time that the full width stands for.
    pub total: f64,
    pub depth: usize,
}

impl Layout {
    /// Lays out every stack that is at least `min_width` of the whole. `cumulative` is the time in each node and all below it.
    pub fn of(tree: &CallTree, cumulative: &[f64], min_width: f64) -> Self {
        let (mut children, mut roots) = tree.children();
        let widest_first = |siblings: &mut Vec<NodeId>| {
            siblings.sort_by(|a, b| cumulative[b.index()].total_cmp(&cumulative[a.index()]));
        };
        widest_first(&mut roots);
        let total: f64 = roots.iter().map(|id| cumulative[id.index()].max(0.0)).sum();
        let mut layout = Self { total, ..Self::default() };
        // (node, place of its parent's box, left edge); siblings are pushed from the right.
        let mut steps: Vec<(NodeId, Option<usize>, f64)> = Vec::new();
        if total > 0.0 {
            layout.push(&mut steps, &roots, None, 0.0, cumulative, min_width);
        }
        while let Some((node, parent, start)) = steps.pop() {
            let depth = layout.depth_below(parent);
            let place = layout.boxes.len();
            let width = cumulative[node.index()].max(0.0) / total;
            layout.boxes.push(Placed { node, depth, start, width });
            let mut below = std::mem::take(&mut children[node.index()]);
            widest_first(&mut below);
            layout.push(&mut steps, &below, Some(place), start, cumulative, min_width);
        }
        let depths = layout.boxes.iter().map(|frame| frame.depth);
        layout.depth =
            depths.chain(layout.narrow.iter().map(|narrow| narrow.depth)).max().map_or(0, |d| d + 1);
        layout
    }

    /// How many are too narrow to be drawn.
    pub fn count_narrow(&self) -> u64 {
        self.narrow.iter().map(|narrow| narrow.count).sum()
    }

    fn depth_below(&self, parent: Option<usize>) -> usize {
        parent.map_or(0, |parent| self.boxes[parent].depth + 1)
    }

    /// Puts siblings, the widest of them first, from `start` on.
    fn push(
        &mut self,
        steps: &mut Vec<(NodeId, Option<usize>, f64)>,
        siblings: &[NodeId],
        parent: Option<usize>,
        mut start: f64,
        cumulative: &[f64],
        min_width: f64,
    ) {
        let from = steps.len();
        let time = |id: &NodeId| cumulative[id.index()].max(0.0);
        // What took no time at all in this picture is no box of it.
        let seen = siblings.partition_point(|id| time(id) / self.total >= min_width && time(id) > 0.0);
        for &id in &siblings[..seen] {
            steps.push((id, parent, start));
            start += time(&id) / self.total;
        }
        steps[from..].reverse();
        let rest = siblings[seen..].iter().map(time).filter(|&time| time > 0.0);
        let (count, sum) = rest.fold((0, 0.0), |(count, sum), time| (count + 1, sum + time));
        if count > 0 {
            let depth = self.depth_below(parent);
            let width = sum / self.total;
            self.narrow.push(Narrow { depth, start, width, count, cumulative: sum });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FunctionId, Node};

    #[test]
    fn what_is_too_narrow_keeps_its_place() {
        // One root, a leaf of half of its time, and a thousand that share the other half.
        let node = |parent: Option<u32>, tottime| Node {
            parent: parent.map(NodeId),
            function: FunctionId(0),
            ncalls: 1,
            tottime,
        };
        let mut nodes = vec![node(None, 0.0), node(Some(0), 1.0)];
        nodes.extend((0..1000).map(|_| node(Some(0), 0.001)));
        let tree = CallTree { nodes, ..CallTree::default() };
        let layout = Layout::of(&tree, &tree.cumtimes(), 0.01);
        assert_eq!(layout.boxes.len(), 2);
        assert_eq!(layout.narrow.len(), 1);
        let narrow = &layout.narrow[0];
        assert_eq!((narrow.depth, narrow.count, layout.count_narrow()), (1, 1000, 1000));
        assert!((narrow.start - 0.5).abs() < 1e-9 && (narrow.width - 0.5).abs() < 1e-9);
        assert_eq!(layout.depth, 2);
    }
}
