//! Collapsed stacks: one line for each stack, as flamegraph.pl and its kin read it.
//!
//! ```text
//! <module> (app.py:1);main (app.py:10);dumps (json.py:183) 230000
//! bottom of the stack ; … ; top                            how much, a whole number
//! ```
//!
//! We write nanoseconds. The format has no place to say so, nor to say that stacks are
//! approximated; whoever writes it must. Read back, a frame that ends in `(file:line)` is taken
//! apart, and the numbers keep the unit `samples`, for nobody knows what they are.

use std::collections::HashMap;
use std::io::Write;

use crate::error::{Error, Result};
use crate::model::{Function, FunctionId, Metadata, Profile, Text, Unit};
use crate::stacks::{StackCollector, Stacks, whole_numbers};

/// Reads collapsed stacks.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let mut collector = StackCollector::default();
    let mut functions: HashMap<&[u8], FunctionId> = HashMap::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let bad = |problem: &str| Error::BadLine { line: index + 1, problem: problem.to_owned() };
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let Some(space) = line.iter().rposition(|&byte| byte == b' ') else {
            return Err(bad("the stack has no number after it"));
        };
        let value = std::str::from_utf8(&line[space + 1..]).ok().and_then(|n| n.parse().ok());
        let Some(value) = value.filter(|value: &f64| value.is_finite() && *value >= 0.0) else {
            return Err(bad("what follows the last space is not a number"));
        };
        let mut node = None;
        for frame in line[..space].trim_ascii().split(|&byte| byte == b';') {
            let function = match functions.get(frame) {
                Some(&function) => Some(function),
                None => {
                    let (file, line, name) = parse_frame(frame);
                    let function = collector.function(file, line, name);
                    function.inspect(|&function| {
                        functions.insert(frame, function);
                    })
                }
            };
            let function = function.ok_or_else(|| bad("more functions than a profile can hold"))?;
            let entered = collector.enter(node, function);
            node = Some(entered.ok_or_else(|| bad("more stacks than a profile can hold"))?);
        }
        if let Some(node) = node {
            collector.spend(node, value);
        }
    }
    let unit = Unit::Other("samples".to_owned());
    Ok(collector.finish(Metadata { unit, ..Metadata::default() }))
}

/// `name (file:line)`, or a bare name.
fn parse_frame(frame: &[u8]) -> (Text, u32, Text) {
    let parts = || {
        let inside = frame.strip_suffix(b")")?;
        let open = inside.windows(2).rposition(|pair| pair == b" (")?;
        let (name, place) = (&inside[..open], &inside[open + 2..]);
        let colon = place.iter().rposition(|&byte| byte == b':')?;
        let line = std::str::from_utf8(&place[colon + 1..]).ok()?.parse().ok()?;
        Some((Text::from_os_bytes(&place[..colon]), line, Text::from_os_bytes(name)))
    };
    parts().unwrap_or_else(|| (Text::default(), 0, Text::from_os_bytes(frame)))
}

/// Writes one line for each stack in which time was spent.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let stacks = Stacks::of(profile);
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
