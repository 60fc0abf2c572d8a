//! Where each box goes, whatever draws it.

use crate::model::{Counts, Function, FunctionId, NodeId, Profile, Unit};
use crate::stacks::Stacks;

/// One box: a function on one stack.
pub struct FlameBox {
    pub function: FunctionId,
    /// Place of the box above it; `None` at the top.
    pub parent: Option<usize>,
    pub depth: usize,
    /// Left edge and width as parts of the whole.
    pub start: f64,
    pub width: f64,
    /// Own and cumulative time in the profile's unit.
    pub own: f64,
    pub cumulative: f64,
    /// How often this stack was entered, if anybody counted: approximated stacks were not entered.
    pub ncalls: Option<u64>,
}

/// All boxes, each after the one above it.
pub struct Layout {
    pub title: String,
    pub boxes: Vec<FlameBox>,
    /// The time that the full width stands for.
    pub total: f64,
    pub depth: usize,
    /// What the reader must know.
    pub notes: Vec<String>,
}

impl Layout {
    /// Lays out every stack that is at least `min_width` of the whole.
    pub fn of(profile: &Profile, min_width: f64) -> Self {
        let stacks = Stacks::of(profile);
        let tree = &stacks.tree;
        let cumtimes = tree.cumtimes();
        let (mut children, mut roots) = tree.children();
        let widest_first = |siblings: &mut Vec<NodeId>| {
            siblings.sort_by(|a, b| cumtimes[b.index()].total_cmp(&cumtimes[a.index()]));
        };
        widest_first(&mut roots);
        let total: f64 = roots.iter().map(|id| cumtimes[id.index()].max(0.0)).sum();
        let mut layout = Self {
            title: stacks.title(profile),
            boxes: Vec::new(),
            total,
            depth: 0,
            notes: stacks.note().into_iter().collect(),
        };
        let counted = stacks.exact() && profile.metadata.counts == Counts::Calls;
        let mut narrow = 0u64;
        // (node, place of its parent's box, left edge); siblings are pushed from the right.
        let mut steps: Vec<(NodeId, Option<usize>, f64)> = Vec::new();
        let mut push = |steps: &mut Vec<_>, siblings: &[NodeId], parent, mut start: f64| {
            let from = steps.len();
            for &id in siblings {
                let width = cumtimes[id.index()].max(0.0) / total;
                if width >= min_width {
                    steps.push((id, parent, start));
                } else {
                    narrow += 1;
                }
                start += width;
            }
            steps[from..].reverse();
        };
        if total > 0.0 {
            push(&mut steps, &roots, None, 0.0);
        }
        while let Some((id, parent, start)) = steps.pop() {
            let node = &tree.nodes[id.index()];
            let depth = parent.map_or(0, |parent| layout.boxes[parent].depth + 1);
            layout.depth = layout.depth.max(depth + 1);
            let place = layout.boxes.len();
            layout.boxes.push(FlameBox {
                function: node.function,
                parent,
                depth,
                start,
                width: cumtimes[id.index()].max(0.0) / total,
                own: node.tottime,
                cumulative: cumtimes[id.index()],
                ncalls: counted.then_some(node.ncalls),
            });
            let mut below = std::mem::take(&mut children[id.index()]);
            widest_first(&mut below);
            push(&mut steps, &below, Some(place), start);
        }
        if narrow > 0 {
            layout.notes.push(format!("{narrow} boxes are too narrow to draw"));
        }
        if tree.cut.calls > 0 {
            layout.notes.push(match stacks.exact() {
                true => format!("{} calls were too deep or too many to record", tree.cut.calls),
                false => format!(
                    "{} small branches are drawn where their function stands with another caller",
                    tree.cut.calls
                ),
            });
        }
        layout
    }
}

/// The file and line, or nothing for a built-in.
pub fn place(function: &Function) -> String {
    if function.is_builtin() || (function.file.as_bytes().is_empty() && function.line == 0) {
        return String::new();
    }
    format!("{}:{}", function.file, function.line)
}

/// A time with a unit that suits its size.
pub fn amount(profile: &Profile, value: f64) -> String {
    match &profile.metadata.unit {
        Unit::Other(unit) => format!("{value} {unit}"),
        Unit::Seconds if value >= 1.0 => format!("{value:.3} s"),
        Unit::Seconds if value >= 1e-3 => format!("{:.3} ms", value * 1e3),
        Unit::Seconds => format!("{:.3} µs", value * 1e6),
    }
}

/// A hue that a file always has, so that a package is seen at a glance: from red to yellow for
/// Python, blue for built-ins.
pub fn hue(function: &Function) -> u32 {
    if function.is_builtin() {
        return 210;
    }
    // FNV-1a: the same on every machine and in every run, unlike std's hasher.
    let hash = function
        .file
        .as_bytes()
        .iter()
        .fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash % 56
}
