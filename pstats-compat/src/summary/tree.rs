//! The call tree of one's own code, its costliest branches.

use super::paper::{Ink, Line, Paper, grouped, percent, short};
use super::places::Places;
use super::subject::Subject;
use crate::mine;
use crate::model::{Counts, NodeId, Profile};
use crate::stacks::Stacks;

/// So many lines at most.
const MOST: usize = 18;
/// What takes a smaller part of the time isn't shown.
const LEAST: f64 = 0.01;

pub fn lines(subject: &Subject<'_>, paper: &Paper) -> Vec<String> {
    if subject.total() <= 0.0 {
        return Vec::new();
    }
    match mine::fold(subject.profile, &subject.owners, &subject.stacks) {
        Some(own) => {
            let mut lines = drawn(subject, &own.profile, &Stacks::of(&own.profile), paper);
            let title = "Your code, and in it what it calls of others";
            lines.insert(0, Line::new(paper).put(Ink::Bold, title).done());
            lines
        }
        None => {
            let mut lines = drawn(subject, subject.profile, &subject.stacks, paper);
            lines.insert(
                0,
                Line::new(paper).put(Ink::Bold, "All functions: none is in a file of your own").done(),
            );
            lines
        }
    }
}

fn drawn(subject: &Subject<'_>, profile: &Profile, stacks: &Stacks<'_>, paper: &Paper) -> Vec<String> {
    let tree = stacks.tree.collapse_recursion();
    let cumulative = tree.cumtimes();
    let is_counted = stacks.exact() && profile.metadata.counts == Counts::Calls;
    // A branch takes no less than what is below it, so the costliest ones hang together.
    let mut ids: Vec<usize> =
        (0..tree.nodes.len()).filter(|&id| subject.share(cumulative[id]) >= LEAST).collect();
    ids.sort_by(|&a, &b| cumulative[b].total_cmp(&cumulative[a]).then(a.cmp(&b)));
    let left_out = ids.len().saturating_sub(MOST);
    ids.truncate(MOST);
    let mut is_shown = vec![false; tree.nodes.len()];
    ids.iter().for_each(|&id| is_shown[id] = true);

    let (children, roots) = tree.children();
    let places = Places::of(profile);
    let widest = ids.iter().map(|&id| short(&profile.metadata.unit, cumulative[id]).chars().count());
    let time_width = widest.max().unwrap_or(0).max(4);
    let calls = |id: usize| match is_counted {
        true => grouped(tree.nodes[id].ncalls),
        false => String::new(),
    };
    let calls_width =
        ids.iter().map(|&id| calls(id).len()).max().unwrap_or(0).max(if is_counted { 5 } else { 0 });

    let head = match is_counted {
        true => format!(" share  {:>time_width$}  {:>calls_width$}", "time", "calls"),
        false => format!(" share  {:>time_width$}", "time"),
    };
    let mut lines = vec![Line::new(paper).put(Ink::Dim, &head).done()];
    let sorted = |siblings: &[NodeId]| {
        let mut shown: Vec<NodeId> = siblings.iter().copied().filter(|id| is_shown[id.index()]).collect();
        shown.sort_by(|a, b| cumulative[b.index()].total_cmp(&cumulative[a.index()]).then(a.cmp(b)));
        shown
    };
    // (node, what stands in front of its children, whether it has a branch of its own, whether it is the last one)
    let mut steps: Vec<(NodeId, String, bool, bool)> =
        sorted(&roots).into_iter().rev().map(|id| (id, String::new(), false, false)).collect();
    while let Some((id, indent, is_branch, is_last)) = steps.pop() {
        let at = id.index();
        let function = tree.nodes[at].function;
        let share = subject.share(cumulative[at]);
        let branch = match (is_branch, is_last) {
            (false, _) => "",
            (true, false) => "├─ ",
            (true, true) => "└─ ",
        };
        let is_rest = mine::is_elsewhere(profile.function(function));
        let mut line = Line::new(paper)
            .put(Ink::of_share(share), &percent(share))
            .put(Ink::Plain, &format!("  {:>time_width$}", short(&profile.metadata.unit, cumulative[at])));
        if is_counted {
            let calls = if is_rest { String::new() } else { calls(at) };
            line = line.put(Ink::Dim, &format!("  {calls:>calls_width$}"));
        }
        let ink = if is_rest { Ink::Dim } else { Ink::Bold };
        let line = line
            .put(Ink::Dim, &format!("  {indent}{branch}"))
            .put(ink, &places.name(function))
            .put(Ink::Dim, &format!("  {}", places.place(function)));
        lines.push(line.done());
        let below = sorted(&children[at]);
        let indent = match (is_branch, is_last) {
            (false, _) => indent,
            (true, false) => format!("{indent}│  "),
            (true, true) => format!("{indent}   "),
        };
        let count = below.len();
        let next = below.into_iter().enumerate().rev();
        steps.extend(next.map(|(place, id)| (id, indent.clone(), true, place + 1 == count)));
    }
    if left_out > 0 {
        lines.push(
            Line::new(paper)
                .put(Ink::Dim, &format!("        … and {} smaller branches", grouped(left_out as u64)))
                .done(),
        );
    }
    lines
}
