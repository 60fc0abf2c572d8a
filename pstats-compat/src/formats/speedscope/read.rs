//! Reads sampled and evented profiles; several in one file are added up.

use serde::Deserialize;

use super::schema::{Event, EventType, Shared};
use crate::error::{Error, Result};
use crate::model::{FunctionId, Metadata, NodeId, Profile, Text, Unit};
use crate::stacks::StackCollector;

#[derive(Deserialize)]
struct FileRead {
    name: Option<String>,
    shared: Shared,
    profiles: Vec<OneProfile>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum OneProfile {
    Evented { unit: String, events: Vec<Event> },
    Sampled { unit: String, samples: Vec<Vec<u32>>, weights: Vec<f64> },
}

/// Reads a speedscope file.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let document: FileRead = serde_json::from_slice(bytes).map_err(|error| bad_json(&error))?;
    let mut collector = StackCollector::default();
    let mut functions = Vec::with_capacity(document.shared.frames.len());
    for (index, frame) in document.shared.frames.into_iter().enumerate() {
        let builtin = frame.file.is_none() && frame.line.is_none() && frame.name.starts_with('<');
        let file = frame.file.unwrap_or(if builtin { "~".to_owned() } else { String::new() });
        let name = Text::from(frame.name.as_str());
        let function = collector.function(file.as_str().into(), frame.line.unwrap_or(0), name);
        functions.push(function.ok_or_else(|| too_many(format!("shared.frames[{index}]")))?);
    }
    let mut unit: Option<String> = None;
    for (index, profile) in document.profiles.into_iter().enumerate() {
        let its_unit = match &profile {
            OneProfile::Evented { unit, .. } | OneProfile::Sampled { unit, .. } => unit,
        };
        let known = unit.get_or_insert_with(|| its_unit.clone());
        if known != its_unit {
            return Err(Error::BadField {
                field: format!("profiles[{index}].unit"),
                problem: format!(
                    "`{its_unit}` can't be added to `{known}`, the unit of the profiles before it"
                ),
            });
        }
        let (unit_factor, _) = meaning(its_unit);
        let mut stacks = StackReader { collector: &mut collector, functions: &functions, unit_factor };
        match profile {
            OneProfile::Evented { events, .. } => stacks.evented(index, &events)?,
            OneProfile::Sampled { samples, weights, .. } => {
                stacks.sampled(index, &samples, &weights)?;
            }
        }
    }
    let (_, unit) = meaning(unit.as_deref().unwrap_or("seconds"));
    let title = document.name.map(|name| name.as_str().into());
    Ok(collector.finish(Metadata { unit, title, ..Metadata::default() }))
}

/// How many of our units one of the file's is, and what ours is.
fn meaning(unit: &str) -> (f64, Unit) {
    match unit {
        "seconds" => (1.0, Unit::Seconds),
        "milliseconds" => (1e-3, Unit::Seconds),
        "microseconds" => (1e-6, Unit::Seconds),
        "nanoseconds" => (1e-9, Unit::Seconds),
        "none" => (1.0, Unit::Other("samples".to_owned())),
        other => (1.0, Unit::Other(other.to_owned())),
    }
}

struct StackReader<'r> {
    collector: &'r mut StackCollector,
    functions: &'r [FunctionId],
    unit_factor: f64,
}

impl StackReader<'_> {
    fn evented(&mut self, profile: usize, events: &[Event]) -> Result<()> {
        let mut open: Vec<(NodeId, u32)> = Vec::new();
        let mut last = events.first().map_or(0.0, |event| event.at);
        for (index, event) in events.iter().enumerate() {
            let bad = |problem: &str| Error::BadField {
                field: format!("profiles[{profile}].events[{index}]"),
                problem: problem.to_owned(),
            };
            if event.at < last {
                return Err(bad("it is earlier than the event before it"));
            }
            if let Some(&(top, _)) = open.last() {
                self.collector.spend(top, (event.at - last) * self.unit_factor);
            }
            last = event.at;
            match event.r#type {
                EventType::Open => {
                    let function = self
                        .function(event.frame)
                        .ok_or_else(|| bad("its frame is not in `shared.frames`"))?;
                    let node = self.collector.enter(open.last().map(|&(node, _)| node), function);
                    let node = node.ok_or_else(|| bad("more stacks than a profile can hold"))?;
                    open.push((node, event.frame));
                }
                EventType::Close => match open.pop() {
                    Some((_, frame)) if frame == event.frame => {}
                    Some(_) => return Err(bad("it closes a frame that is not on top of the stack")),
                    None => return Err(bad("it closes a frame, but none is open")),
                },
            }
        }
        Ok(())
    }

    fn sampled(&mut self, profile: usize, samples: &[Vec<u32>], weights: &[f64]) -> Result<()> {
        if samples.len() != weights.len() {
            return Err(Error::BadField {
                field: format!("profiles[{profile}].weights"),
                problem: format!("{} weights for {} samples", weights.len(), samples.len()),
            });
        }
        for (index, (stack, weight)) in samples.iter().zip(weights).enumerate() {
            let bad = |problem: &str| Error::BadField {
                field: format!("profiles[{profile}].samples[{index}]"),
                problem: problem.to_owned(),
            };
            let mut node = None;
            for &frame in stack {
                let function =
                    self.function(frame).ok_or_else(|| bad("one of its frames is not in `shared.frames`"))?;
                let entered = self.collector.enter(node, function);
                node = Some(entered.ok_or_else(|| bad("more stacks than a profile can hold"))?);
            }
            if let Some(node) = node {
                self.collector.spend(node, weight * self.unit_factor);
            }
        }
        Ok(())
    }

    fn function(&self, frame: u32) -> Option<FunctionId> {
        self.functions.get(frame as usize).copied()
    }
}

/// The place stands in front, so it is taken off the end, where serde puts it.
fn bad_json(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let told = error.to_string();
    let place = format!(" at line {line} column {column}");
    let problem = told.strip_suffix(&place).unwrap_or(&told).to_owned();
    Error::BadJson { line, column, problem }
}

fn too_many(field: String) -> Error {
    Error::BadField { field, problem: "more functions than a profile can hold".to_owned() }
}
