//! Writes one line for each stack.

use std::io::Write;

use crate::error::Result;
use crate::model::{Function, Profile, Unit};
use crate::stacks::{Stacks, whole_numbers};

/// Writes one line for each stack in which time was spent.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    let factor = if profile.metadata.unit == Unit::Seconds { 1e9 } else { 1.0 };
    let frames: Vec<String> = profile.functions.iter().map(frame).collect();
    let mut path = Vec::new();
    for (node, value) in stacks.tree.nodes.iter().zip(whole_numbers(&stacks.tree, factor)) {
        if value <= 0 {
            continue;
        }
        path.clear();
        let mut next = Some(node);
        while let Some(node) = next {
            path.push(frames[node.function.index()].as_str());
            next = node.parent.map(|parent| &stacks.tree.nodes[parent.index()]);
        }
        path.reverse();
        writeln!(out, "{} {value}", path.join(";"))?;
    }
    Ok(())
}

fn frame(function: &Function) -> String {
    let name = function.display_name();
    let frame = match function.is_builtin() {
        true => name.into_owned(),
        false if function.file.as_bytes().is_empty() && function.line == 0 => name.into_owned(),
        false => format!("{name} ({}:{})", function.file, function.line),
    };
    // What the format uses itself can't stand in a name.
    frame.chars().map(|c| if c == ';' || c.is_control() { '_' } else { c }).collect()
}
