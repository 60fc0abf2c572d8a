//! Reads sampled and evented profiles; several in one file are its threads, if their units agree.

use serde::Deserialize;

use super::schema::{Event, EventType, Shared};
use crate::error::{Error, Result};
use crate::model::{FunctionId, Metadata, NodeId, Profile, Text, Thread, Unit};
use crate::stacks::StackCollector;

#[derive(Deserialize)]
struct FileRead {
    name: Option<String>,
    shared: Shared,
    profiles: Vec<OneProfile>,
    #[serde(rename = "activeProfileIndex")]
    active: Option<usize>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum OneProfile {
    Evented {
        name: Option<String>,
        unit: String,
        #[serde(rename = "endValue")]
        end: Option<f64>,
        events: Vec<Event>,
    },
    Sampled {
        name: Option<String>,
        unit: String,
        samples: Vec<Vec<u32>>,
        weights: Vec<f64>,
    },
}

impl OneProfile {
    fn unit(&self) -> &str {
        match self {
            OneProfile::Evented { unit, .. } | OneProfile::Sampled { unit, .. } => unit,
        }
    }

    fn name(&self) -> &str {
        match self {
            OneProfile::Evented { name, .. } | OneProfile::Sampled { name, .. } => {
                name.as_deref().unwrap_or("")
            }
        }
    }
}

/// Reads a speedscope file: all of its profiles that have the unit of the one that it shows first.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    read_profile(bytes, None)
}

/// Reads one profile of a file, by its number (from 1) or its name.
pub fn read_profile(bytes: &[u8], wanted: Option<&str>) -> Result<Profile> {
    let document: FileRead = serde_json::from_slice(bytes).map_err(|error| Error::of_json(&error))?;
    let mut collector = StackCollector::default();
    let mut functions = Vec::with_capacity(document.shared.frames.len());
    for (index, frame) in document.shared.frames.into_iter().enumerate() {
        let builtin = frame.file.is_none() && frame.line.is_none() && frame.name.starts_with('<');
        let file = frame.file.unwrap_or(if builtin { "~".to_owned() } else { String::new() });
        let name = Text::from(frame.name.as_str());
        let function = collector.function(file.as_str().into(), frame.line.unwrap_or(0), name);
        functions.push(function.ok_or_else(|| too_many(format!("shared.frames[{index}]")))?);
    }
    let mut profiles = document.profiles;
    let mut title = document.name;
    let mut notes = Vec::new();
    // Their places in the file, for messages.
    let mut places: Vec<usize> = (0..profiles.len()).collect();
    if let Some(wanted) = wanted {
        let place = place_of(&profiles, wanted)?;
        let only = profiles.swap_remove(place);
        title = Some(only.name().to_owned()).filter(|name| !name.is_empty()).or(title);
        (profiles, places) = (vec![only], vec![place]);
    } else if let Some(shown) = profiles.get(document.active.unwrap_or(0)).or(profiles.first()) {
        let unit = shown.unit().to_owned();
        let left_out: Vec<String> = profiles
            .iter()
            .zip(1..)
            .filter(|(profile, _)| profile.unit() != unit)
            .map(|(profile, number)| format!("{number} `{}` ({})", profile.name(), profile.unit()))
            .collect();
        if !left_out.is_empty() {
            notes.push(format!(
                "only profiles whose unit is {unit} are read; --profile NUMBER reads another: {}",
                left_out.join(", ")
            ));
        }
        places.retain(|&place| profiles[place].unit() == unit);
        profiles.retain(|profile| profile.unit() == unit);
    }
    let (_, unit) = meaning(profiles.first().map_or("seconds", OneProfile::unit));
    // One profile of the file's own name is the whole of it.
    let is_whole = |profile: &OneProfile| title.as_deref().unwrap_or("") == profile.name();
    let are_threads = profiles.len() > 1 || !profiles.iter().all(is_whole);
    for (index, profile) in places.into_iter().zip(profiles) {
        let (unit_factor, _) = meaning(profile.unit());
        if are_threads {
            let name = Some(Text::from(profile.name())).filter(|name| !name.as_bytes().is_empty());
            collector.add_thread(Thread { name, ..Thread::default() });
        }
        let mut stacks = StackReader { collector: &mut collector, functions: &functions, unit_factor };
        match profile {
            OneProfile::Evented { events, end, .. } => stacks.evented(index, &events, end)?,
            OneProfile::Sampled { samples, weights, .. } => {
                stacks.sampled(index, &samples, &weights)?;
            }
        }
    }
    let title = title.map(|name| name.as_str().into());
    Ok(collector.finish(Metadata { unit, title, notes, ..Metadata::default() }))
}

/// The place of the profile that is asked for. A name that is a number counts as one.
fn place_of(profiles: &[OneProfile], wanted: &str) -> Result<usize> {
    let by_number =
        wanted.parse().ok().filter(|number| (1..=profiles.len()).contains(number)).map(|number| number - 1);
    let place = by_number.or_else(|| profiles.iter().position(|profile| profile.name() == wanted));
    place.ok_or_else(|| {
        let listed: Vec<String> = profiles
            .iter()
            .zip(1..)
            .take(20)
            .map(|(profile, number)| format!("{number} `{}`", profile.name()))
            .collect();
        let more =
            if profiles.len() > 20 { format!(" and {} more", profiles.len() - 20) } else { String::new() };
        Error::NotInFile { kind: "profile", wanted: wanted.to_owned(), has: listed.join(", ") + &more }
    })
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
    fn evented(&mut self, profile: usize, events: &[Event], end: Option<f64>) -> Result<()> {
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
        // What was not closed went on until the end.
        if let (Some(&(top, _)), Some(end)) = (open.last(), end.filter(|end| *end > last)) {
            self.collector.spend(top, (end - last) * self.unit_factor);
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

fn too_many(field: String) -> Error {
    Error::BadField { field, problem: "more functions than a profile can hold".to_owned() }
}
