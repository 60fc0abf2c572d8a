//! Writes the stacks, and one sample for each in which time was spent.

use std::io::{BufWriter, Write};

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::schema::ROOT;
use crate::error::Result;
use crate::model::{CallTree, NodeId, Profile, Unit};
use crate::stacks::{Stacks, whole_numbers};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileWritten<'p> {
    nodes: Nodes<'p>,
    start_time: u64,
    end_time: u64,
    samples: Vec<u64>,
    time_deltas: Vec<u64>,
    /// V8 has no place for it, and its readers pass it over.
    title: &'p str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeWritten<'p> {
    id: u64,
    call_frame: CallFrame<'p>,
    /// As if each microsecond had been a sample: Chrome shares the whole out by it, and looks at no time of `samples`.
    hit_count: u64,
    children: Vec<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CallFrame<'p> {
    function_name: &'p str,
    script_id: &'static str,
    url: &'p str,
    line_number: i64,
    column_number: i64,
}

/// Writes the stacks; what is approximated says so in the title.
pub fn write(profile: &Profile, stacks: &Stacks<'_>, out: &mut dyn Write) -> Result<()> {
    let title = stacks.title(profile);
    let tree = &*stacks.tree;
    // The format has microseconds and no other unit.
    let factor = if profile.metadata.unit == Unit::Seconds { 1e6 } else { 1.0 };
    let times = whole_numbers(tree, factor);
    let (mut samples, mut time_deltas) = (Vec::new(), Vec::new());
    // A sample's time is what goes by until the next one.
    let (mut end, mut last) = (0u64, 0);
    for (&time, id) in times.iter().zip(2u64..) {
        if time > 0 {
            samples.push(id);
            time_deltas.push(last);
            last = time.unsigned_abs();
            end = end.saturating_add(last);
        }
    }
    let file = FileWritten {
        nodes: Nodes { profile, tree, times: &times },
        start_time: 0,
        end_time: end,
        samples,
        time_deltas,
        title: &title,
    };
    let mut out = BufWriter::new(out);
    serde_json::to_writer(&mut out, &file).map_err(std::io::Error::from)?;
    out.flush()?;
    Ok(())
}

impl<'p> CallFrame<'p> {
    fn new(function_name: &'p str, url: &'p str, line: u32) -> Self {
        Self { function_name, script_id: "0", url, line_number: i64::from(line) - 1, column_number: -1 }
    }
}

/// The root, then each node by its place: the root is 1, the first node 2.
struct Nodes<'p> {
    profile: &'p Profile,
    tree: &'p CallTree,
    times: &'p [i64],
}

impl Serialize for Nodes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ids = |nodes: &[NodeId]| nodes.iter().map(|node| u64::from(node.0) + 2).collect();
        let (children, roots) = self.tree.children();
        let mut nodes = serializer.serialize_seq(Some(self.tree.nodes.len() + 1))?;
        nodes.serialize_element(&NodeWritten {
            id: 1,
            call_frame: CallFrame::new(ROOT, "", 0),
            hit_count: 0,
            children: ids(&roots),
        })?;
        for (place, node) in self.tree.nodes.iter().enumerate() {
            let function = self.profile.function(node.function);
            let file = function.file.to_str_lossy();
            let url = if function.is_builtin() { "" } else { &*file };
            nodes.serialize_element(&NodeWritten {
                id: place as u64 + 2,
                call_frame: CallFrame::new(&function.display_name(), url, function.line),
                hit_count: self.times[place].max(0).unsigned_abs(),
                children: ids(&children[place]),
            })?;
        }
        nodes.end()
    }
}
