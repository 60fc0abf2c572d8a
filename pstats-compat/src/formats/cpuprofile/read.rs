//! Reads the stacks, and the time between samples.

use std::collections::HashMap;

use serde::Deserialize;

use super::schema::ROOT;
use crate::error::{Error, Result};
use crate::model::{Metadata, NodeId, Profile, Unit};
use crate::stacks::StackCollector;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileRead {
    nodes: Vec<Node>,
    start_time: Option<f64>,
    end_time: Option<f64>,
    #[serde(default)]
    samples: Vec<u64>,
    #[serde(default)]
    time_deltas: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: u64,
    call_frame: CallFrame,
    #[serde(default)]
    hit_count: u64,
    #[serde(default)]
    children: Vec<u64>,
    /// Chrome's traces name the parent instead of the children.
    parent: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallFrame {
    function_name: String,
    #[serde(default)]
    url: String,
    #[serde(default)]
    line_number: Option<i64>,
}

/// Reads a profile.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let file: FileRead = serde_json::from_slice(bytes).map_err(|error| Error::of_json(&error))?;
    let mut collector = StackCollector::default();
    let nodes = stacks(&file.nodes, &mut collector)?;
    let unit = if file.samples.is_empty() {
        // Some keep the counts only.
        for (node, stack) in file.nodes.iter().zip(&nodes) {
            if let Some(stack) = stack {
                collector.spend(*stack, node.hit_count as f64);
            }
        }
        Unit::Other("samples".to_owned())
    } else {
        let by_id: HashMap<u64, Option<NodeId>> =
            file.nodes.iter().map(|node| node.id).zip(nodes.iter().copied()).collect();
        for (index, (id, time)) in lasting(&file)?.into_iter().enumerate() {
            let stack = by_id
                .get(&id)
                .ok_or_else(|| bad(format!("samples[{index}]"), format!("there is no node {id}")))?;
            if let Some(stack) = stack {
                collector.spend(*stack, time * 1e-6);
            }
        }
        Unit::Seconds
    };
    Ok(collector.finish(Metadata { unit, ..Metadata::default() }))
}

/// The stack of each node, callers first; none for the root.
fn stacks(nodes: &[Node], collector: &mut StackCollector) -> Result<Vec<Option<NodeId>>> {
    let places: HashMap<u64, usize> = nodes.iter().map(|node| node.id).zip(0..).collect();
    let field = |place: usize, name: &str| format!("nodes[{place}].{name}");
    let missing = |id: u64| format!("there is no node {id}");
    let mut callees: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut is_called = vec![false; nodes.len()];
    for (place, node) in nodes.iter().enumerate() {
        for child in &node.children {
            let child = *places.get(child).ok_or_else(|| bad(field(place, "children"), missing(*child)))?;
            if std::mem::replace(&mut is_called[child], true) {
                return Err(bad(field(child, "id"), "it stands below two others".to_owned()));
            }
            callees[place].push(child);
        }
    }
    for (place, node) in nodes.iter().enumerate() {
        if let Some(parent) = node.parent.filter(|_| !is_called[place]) {
            let parent = *places.get(&parent).ok_or_else(|| bad(field(place, "parent"), missing(parent)))?;
            is_called[place] = true;
            callees[parent].push(place);
        }
    }
    let mut stacks = vec![None; nodes.len()];
    let mut is_seen = vec![false; nodes.len()];
    // A stack of its own: the input decides how deep a tree is.
    let mut steps: Vec<(usize, Option<NodeId>)> =
        (0..nodes.len()).filter(|&place| !is_called[place]).map(|place| (place, None)).collect();
    while let Some((place, below)) = steps.pop() {
        is_seen[place] = true;
        let frame = &nodes[place].call_frame;
        let is_root = below.is_none() && frame.function_name == ROOT && frame.url.is_empty();
        let stack = match is_root {
            true => None,
            false => {
                let name = if frame.function_name.is_empty() { "(anonymous)" } else { &frame.function_name };
                let line =
                    frame.line_number.and_then(|line| u32::try_from(line.checked_add(1)?).ok()).unwrap_or(0);
                let function = collector.function(frame.url.as_str().into(), line, name.into());
                let entered = function.and_then(|function| collector.enter(below, function));
                Some(entered.ok_or_else(|| {
                    bad(field(place, "id"), "more stacks than a profile can hold, or a deeper one".to_owned())
                })?)
            }
        };
        stacks[place] = stack;
        steps.extend(callees[place].iter().map(|&callee| (callee, stack)));
    }
    match is_seen.iter().position(|seen| !seen) {
        Some(place) => Err(bad(field(place, "id"), "it stands below itself".to_owned())),
        None => Ok(stacks),
    }
}

/// Each sample with the time until the next one. V8 writes some late, with a negative distance.
fn lasting(file: &FileRead) -> Result<Vec<(u64, f64)>> {
    if file.samples.len() != file.time_deltas.len() {
        let problem = format!("{} distances for {} samples", file.time_deltas.len(), file.samples.len());
        return Err(bad("timeDeltas".to_owned(), problem));
    }
    let mut at = file.start_time.unwrap_or(0.0);
    let mut samples = Vec::with_capacity(file.samples.len());
    for (&sample, delta) in file.samples.iter().zip(&file.time_deltas) {
        at += delta;
        samples.push((sample, at));
    }
    samples.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut end = file.end_time.unwrap_or(at);
    for (_, time) in samples.iter_mut().rev() {
        let start = *time;
        *time = (end - start).max(0.0);
        end = start;
    }
    Ok(samples)
}

fn bad(field: String, problem: String) -> Error {
    Error::BadField { field, problem }
}
