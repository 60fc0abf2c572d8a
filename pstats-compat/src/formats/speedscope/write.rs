//! Writes a sampled profile for each thread.

use std::io::{BufWriter, Write};
use std::ops::Range;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::schema::{Frame, SCHEMA, Shared};
use crate::error::Result;
use crate::model::{CallTree, Node, Profile, Unit};
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
    profiles: Vec<Sampled<'p>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sampled<'p> {
    r#type: &'static str,
    name: String,
    unit: &'static str,
    start_value: f64,
    end_value: f64,
    samples: Samples<'p>,
    weights: Weights<'p>,
}

/// Writes the stacks, those of each thread in a profile with its name; approximated ones say so in the profile's.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    let title = stacks.title(profile);
    let frames = profile.functions.iter().map(|function| Frame {
        name: function.display_name().into_owned(),
        file: (!function.is_builtin()).then(|| function.file.to_str_lossy().into_owned()),
        line: (function.line > 0).then_some(function.line),
    });
    let unit = match &profile.metadata.unit {
        Unit::Seconds => "seconds",
        Unit::Other(unit) if unit == "bytes" => "bytes",
        Unit::Other(_) => "none",
    };
    let tree: &CallTree = &stacks.tree;
    let one = |name: String, places: Range<usize>| {
        let spent = Spent { tree, places };
        Sampled {
            r#type: "sampled",
            name,
            unit,
            start_value: 0.0,
            end_value: spent.nodes().map(|node| node.tottime).sum(),
            samples: Samples(spent.clone()),
            weights: Weights(spent),
        }
    };
    // Of one thread alone the title says more than its name.
    let profiles = match &tree.threads[..] {
        [] | [_] => vec![one(title.clone(), 0..tree.nodes.len())],
        _ => tree
            .plain_thread_names()
            .into_iter()
            .zip(tree.parts())
            .map(|(name, (_, places))| one(name, places))
            .collect(),
    };
    let document = FileWritten {
        schema: SCHEMA,
        exporter: "pikos",
        name: &title,
        active_profile_index: 0,
        shared: Shared { frames: frames.collect() },
        profiles,
    };
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, &document).map_err(std::io::Error::from)?;
    out.flush()?;
    Ok(())
}

/// Some stacks of a tree: those in which time was spent. Compensated times may be a hair below 0, and no sample weighs less.
#[derive(Clone)]
struct Spent<'p> {
    tree: &'p CallTree,
    places: Range<usize>,
}

impl<'p> Spent<'p> {
    fn nodes(&self) -> impl Iterator<Item = &'p Node> + use<'p> {
        self.tree.nodes[self.places.clone()].iter().filter(|node| node.tottime > 0.0)
    }
}

/// Each stack as a list of frames, the bottom first.
struct Samples<'p>(Spent<'p>);

impl Serialize for Samples<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut samples = serializer.serialize_seq(None)?;
        let mut path = Vec::new();
        for node in self.0.nodes() {
            path.clear();
            let mut next = Some(node);
            while let Some(node) = next {
                path.push(node.function.0);
                next = node.parent.map(|parent| &self.0.tree.nodes[parent.index()]);
            }
            path.reverse();
            samples.serialize_element(&path)?;
        }
        samples.end()
    }
}

struct Weights<'p>(Spent<'p>);

impl Serialize for Weights<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.nodes().map(|node| node.tottime))
    }
}
