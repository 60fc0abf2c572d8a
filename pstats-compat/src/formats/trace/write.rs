//! Writes one whole call for each stack of each thread, and the threads' names.

use std::io::{BufWriter, Write};

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use crate::error::Result;
use crate::model::{CallTree, NodeId, Profile, Unit};
use crate::stacks::Stacks;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileWritten<'p> {
    trace_events: Events<'p>,
    display_time_unit: &'static str,
    other_data: About<'p>,
}

#[derive(Serialize)]
struct About<'p> {
    exporter: &'static str,
    title: &'p str,
}

#[derive(Serialize)]
struct Call<'p> {
    ph: &'static str,
    name: &'p str,
    ts: f64,
    dur: f64,
    pid: u64,
    tid: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Place<'p>>,
}

#[derive(Serialize)]
struct Place<'p> {
    filename: &'p str,
    line: u32,
}

/// What a thread is called.
#[derive(Serialize)]
struct Called<'p> {
    ph: &'static str,
    name: &'static str,
    pid: u64,
    tid: u64,
    args: Name<'p>,
}

#[derive(Serialize)]
struct Name<'p> {
    name: &'p str,
}

/// Writes the stacks; what is approximated says so in the title.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    let title = stacks.title(profile);
    let file = FileWritten {
        trace_events: Events { profile, tree: &stacks.tree },
        display_time_unit: "ms",
        other_data: About { exporter: "pikos", title: &title },
    };
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, &file).map_err(std::io::Error::from)?;
    out.flush()?;
    Ok(())
}

struct Events<'p> {
    profile: &'p Profile,
    tree: &'p CallTree,
}

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let factor = if self.profile.metadata.unit == Unit::Seconds { 1e6 } else { 1.0 };
        let (children, roots) = self.tree.children();
        // Compensated times may be a hair below 0, and nothing lasts less than that.
        let mut lasts: Vec<f64> =
            self.tree.nodes.iter().map(|node| (node.tottime * factor).max(0.0)).collect();
        for (place, node) in self.tree.nodes.iter().enumerate().rev() {
            if let Some(parent) = node.parent {
                lasts[parent.index()] += lasts[place];
            }
        }
        let mut events = serializer.serialize_seq(None)?;
        // A node and when it begins: its calls follow one another, then comes its own time.
        let mut steps: Vec<(NodeId, f64)> = Vec::new();
        let follow = |steps: &mut Vec<(NodeId, f64)>, nodes: &[NodeId], mut at: f64| {
            let first = steps.len();
            for &node in nodes {
                steps.push((node, at));
                at += lasts[node.index()];
            }
            steps[first..].reverse();
        };
        let mut numbers = self.tree.thread_numbers().into_iter();
        let mut roots = &roots[..];
        for (thread, stacks) in self.tree.parts() {
            // Where threads aren't told apart, all is one.
            let (pid, tid) = numbers.next().unwrap_or((1, 1));
            if let Some(name) = thread.and_then(|thread| thread.name.as_ref()) {
                let args = Name { name: &name.to_str_lossy() };
                events.serialize_element(&Called { ph: "M", name: "thread_name", pid, tid, args })?;
            }
            let own;
            (own, roots) = roots.split_at(roots.partition_point(|root| root.index() < stacks.end));
            follow(&mut steps, own, 0.0);
            while let Some((id, at)) = steps.pop() {
                let function = self.profile.function(self.tree.nodes[id.index()].function);
                let file = function.file.to_str_lossy();
                let has_place = !function.is_builtin() && !file.is_empty();
                events.serialize_element(&Call {
                    ph: "X",
                    name: &function.display_name(),
                    ts: at,
                    dur: lasts[id.index()],
                    pid,
                    tid,
                    args: has_place.then_some(Place { filename: &file, line: function.line }),
                })?;
                follow(&mut steps, &children[id.index()], at);
            }
        }
        events.end()
    }
}
