//! Reads a session.

use serde::Deserialize;

use super::frame::{NAMELESS, THREAD, function, is_named};
use crate::error::{Error, Result};
use crate::model::{Metadata, Profile, Text, Thread};
use crate::stacks::StackCollector;

#[derive(Deserialize)]
struct Session<'b> {
    #[serde(borrow)]
    frame_records: Vec<(Vec<std::borrow::Cow<'b, str>>, f64)>,
    target_description: Option<String>,
}

/// The thread that the first frame of a stack is.
fn thread(frame: &str) -> Thread {
    let mut parts = frame.split(['\0', '\x01']);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(THREAD), id) => Thread {
            name: Some(name).filter(|name| !name.is_empty()).map(Text::from),
            id: id.and_then(|id| id.parse().ok()),
            ..Thread::default()
        },
        _ => Thread::default(),
    }
}

/// Reads the stacks.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let session: Session<'_> = serde_json::from_slice(bytes).map_err(|error| Error::of_json(&error))?;
    let mut collector = StackCollector::default();
    for (index, (frames, time)) in session.frame_records.iter().enumerate() {
        let bad = |problem: &str| Error::BadField {
            field: format!("frame_records[{index}]"),
            problem: problem.to_owned(),
        };
        collector.go_on_with(frames.first().map_or_else(Thread::default, |frame| thread(frame)));
        let mut top = None;
        for (depth, frame) in frames.iter().enumerate() {
            let (identifier, attributes) = frame.split_once('\x01').unwrap_or((frame, ""));
            let mut parts = identifier.split('\0');
            let name = parts.next().unwrap_or_default();
            let file = parts.next().unwrap_or_default();
            let line = parts.next().and_then(|line| line.parse().ok()).unwrap_or(0);
            let class = attributes.split('\x01').find_map(|attribute| attribute.strip_prefix('c'));
            if !is_named(name, file) {
                return Err(Error::BadField {
                    field: format!("frame_records[{index}][0][{depth}]"),
                    problem: NAMELESS.to_owned(),
                });
            }
            // A thread has its number where others have a line.
            let line = if file == THREAD { 0 } else { line };
            let entered = function(&mut collector, name, class, file, line)
                .and_then(|function| collector.enter(top, function));
            top = Some(entered.ok_or_else(|| bad("more stacks than a profile can hold, or a deeper one"))?);
        }
        match top {
            Some(node) => collector.spend(node, *time),
            None => return Err(bad("a stack without frames")),
        }
    }
    let title = session.target_description.map(|title| title.as_str().into());
    Ok(collector.finish(Metadata { title, ..Metadata::default() }))
}
