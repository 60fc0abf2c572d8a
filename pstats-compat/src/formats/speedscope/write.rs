//! Writes one evented profile.

use std::io::{BufWriter, Write};

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::schema::{Event, EventType, Frame, SCHEMA, Shared};
use crate::error::Result;
use crate::model::{CallTree, NodeId, Profile, Unit};
use crate::stacks::Stacks;

#[derive(Serialize)]
struct FileWritten<'p> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    exporter: &'static str,
    name: &'p str,
    #[serde(rename = "activeProfileIndex")]
    active_profile_index: u32,
    shared: Shared,
    profiles: [Evented<'p>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Evented<'p> {
    r#type: &'static str,
    name: &'p str,
    unit: &'static str,
    start_value: f64,
    end_value: f64,
    events: Events<'p>,
}

/// Writes the stacks; approximated ones say so in the profile's name.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    let events = Events { tree: &stacks.tree };
    let name = stacks.title(profile);
    let frames = profile.functions.iter().map(|function| Frame {
        name: function.display_name().into_owned(),
        file: (!function.is_builtin()).then(|| function.file.to_str_lossy().into_owned()),
        line: (function.line > 0).then_some(function.line),
    });
    let document = FileWritten {
        schema: SCHEMA,
        exporter: "pikos",
        name: &name,
        active_profile_index: 0,
        shared: Shared { frames: frames.collect() },
        profiles: [Evented {
            r#type: "evented",
            name: &name,
            unit: match &profile.metadata.unit {
                Unit::Seconds => "seconds",
                Unit::Other(unit) if unit == "bytes" => "bytes",
                Unit::Other(_) => "none",
            },
            start_value: 0.0,
            end_value: events.end(),
            events,
        }],
    };
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, &document).map_err(std::io::Error::from)?;
    out.flush()?;
    Ok(())
}

/// The tree walked through: open, the children, own time, close.
struct Events<'p> {
    tree: &'p CallTree,
}

impl Events<'_> {
    /// The very sum that the last event arrives at, so that rounding can't tell them apart.
    fn end(&self) -> f64 {
        let mut end = 0.0;
        self.walk(|_, _, at| {
            end = at;
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap_or(());
        end
    }

    fn walk<E>(&self, mut event: impl FnMut(bool, u32, f64) -> Result<(), E>) -> Result<(), E> {
        let (children, roots) = self.tree.children();
        let mut at = 0.0;
        // A node is on this stack once to open it and once more to close it.
        let mut steps: Vec<(NodeId, bool)> = roots.into_iter().rev().map(|id| (id, true)).collect();
        while let Some((id, opening)) = steps.pop() {
            let node = &self.tree.nodes[id.index()];
            if !opening {
                // Compensated times may be a hair below 0; a clock doesn't run backwards.
                at += node.tottime.max(0.0);
            }
            event(opening, node.function.0, at)?;
            if opening {
                steps.push((id, false));
                steps.extend(children[id.index()].iter().rev().map(|&child| (child, true)));
            }
        }
        Ok(())
    }
}

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut events = serializer.serialize_seq(Some(2 * self.tree.nodes.len()))?;
        self.walk(|opening, frame, at| {
            let r#type = if opening { EventType::Open } else { EventType::Close };
            events.serialize_element(&Event { r#type, frame, at })
        })?;
        events.end()
    }
}
