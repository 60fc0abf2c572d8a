//! `--once` and `--json`: what the view would show, whatever it is of.

use std::io::{self, Write};

use pikos_views::Content;
use serde::Serialize;

use super::process::ProcessJson;
use super::profile::{self, FunctionJson};
use super::recording::{self, RecordingJson};
use crate::top::state::State;

/// The rows as a table; `top` limits them, `width` its lines.
pub fn write_table(
    state: &State,
    top: Option<usize>,
    width: Option<u16>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match &state.picture.content {
        Content::Profile(profile) => profile::write_table(state, profile, top, width, out),
        Content::Recording(memory) => recording::write_table(state, memory, top, out),
    }
}

#[derive(Serialize)]
struct ViewJson<'p> {
    /// What the times are: `s`, or what another tool counted.
    unit: &'p str,
    processes: Vec<ProcessJson<'p>>,
    functions: Vec<FunctionJson<'p>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    records: Option<RecordingJson<'p>>,
}

/// One JSON document.
pub fn write_json(state: &State, top: Option<usize>, out: &mut dyn Write) -> io::Result<()> {
    let processes = state.picture.processes.iter().map(ProcessJson::from).collect();
    let document = match &state.picture.content {
        Content::Profile(profile) => ViewJson {
            unit: &profile.meaning.unit,
            processes,
            functions: profile::functions(state, profile, top),
            records: None,
        },
        Content::Recording(memory) => ViewJson {
            unit: "s",
            processes,
            functions: Vec::new(),
            records: Some(recording::document(state, memory, top)),
        },
    };
    serde_json::to_writer(pikos_views::Escaped(&mut *out), &document)?;
    writeln!(out)
}
