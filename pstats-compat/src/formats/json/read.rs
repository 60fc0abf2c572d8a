//! Reads what we wrote.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::objects::ObjectsFields;
use super::schema::{FORMAT, VERSION};
use super::tasks::{self, CoroutineRow, SlowSteps};
use crate::error::{Error, Result};
use crate::model::{
    Calls, Counts, Distribution, Edge, EdgeDetail, Function, FunctionId, Metadata, Profile, Slowest, Unit,
};

#[derive(Deserialize)]
struct ProfileJson {
    format: String,
    version: u32,
    title: Option<String>,
    unit: String,
    counts: String,
    edges: String,
    #[serde(default)]
    compensated: bool,
    #[serde(default)]
    facts: Facts,
    functions: Vec<FunctionRow>,
    coroutines: Option<Vec<CoroutineRow>>,
    slow_steps: Option<SlowSteps>,
    objects: Option<ObjectsFields>,
}

/// A map whose order is kept.
#[derive(Default)]
struct Facts(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Facts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Facts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Facts, A::Error> {
                let mut facts = Vec::new();
                while let Some(entry) = entries.next_entry()? {
                    facts.push(entry);
                }
                Ok(Facts(facts))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

#[derive(Deserialize)]
struct FunctionRow {
    file: String,
    line: u32,
    name: String,
    qualname: Option<String>,
    #[serde(flatten)]
    calls: FigureFields,
    #[serde(default)]
    gil_wait: f64,
    distribution: Option<DistributionFields>,
    #[serde(default)]
    callers: Vec<CallerRow>,
}

#[derive(Deserialize)]
struct CallerRow {
    function: u32,
    #[serde(flatten)]
    calls: FigureFields,
}

#[derive(Deserialize)]
struct FigureFields {
    ncalls: Option<u64>,
    primitive_calls: Option<u64>,
    #[serde(default, deserialize_with = "time")]
    tottime: Option<f64>,
    #[serde(default, deserialize_with = "time")]
    cumtime: Option<f64>,
    #[serde(default)]
    cpu_tottime: f64,
    #[serde(default)]
    cpu_cumtime: f64,
}

/// What follows from the rest isn't read: percentiles.
#[derive(Deserialize)]
struct DistributionFields {
    min: f64,
    max: f64,
    slowest_at: Option<f64>,
    #[serde(default)]
    slowest_stack: Vec<u32>,
    buckets: Vec<(u16, u64)>,
}

impl DistributionFields {
    /// None if it contradicts itself, or names a function that there isn't.
    fn distribution(self, functions: usize) -> Option<Distribution> {
        let are_there = self.slowest_stack.iter().all(|&id| (id as usize) < functions);
        let stack = self.slowest_stack.into_iter().map(FunctionId).collect();
        let slowest = Slowest { seconds: self.max, at: self.slowest_at, stack };
        Distribution::of_buckets(self.min, slowest, self.buckets).filter(|_| are_there)
    }
}

/// `null` is a time that is no number.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Option::<f64>::deserialize(deserializer).map(|time| Some(time.unwrap_or(f64::NAN)))
}

impl FigureFields {
    fn are_there(&self) -> bool {
        self.ncalls.is_some() || self.tottime.is_some() || self.cumtime.is_some()
    }

    fn calls(&self, edges: EdgeDetail) -> Calls {
        let ncalls = self.ncalls.unwrap_or(0);
        // Of callers they are written only where they are known, and callgrind knows none that are not.
        let primitive_calls = if edges == EdgeDetail::CountsOnly { 0 } else { ncalls };
        Calls {
            ncalls,
            primitive_calls: self.primitive_calls.unwrap_or(primitive_calls),
            tottime: self.tottime.unwrap_or(0.0),
            cumtime: self.cumtime.unwrap_or(0.0),
            cpu_tottime: self.cpu_tottime,
            cpu_cumtime: self.cpu_cumtime,
        }
    }
}

/// Reads a whole profile. The calling-context tree is not in the format.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    let document: ProfileJson = serde_json::from_slice(bytes).map_err(|error| Error::of_json(&error))?;
    if document.format != FORMAT || document.version != VERSION {
        let problem =
            format!("`{}` {}: only `{FORMAT}` {VERSION} can be read", document.format, document.version);
        return Err(Error::BadField { field: "format, version".to_owned(), problem });
    }
    let counts = match document.counts.as_str() {
        "calls" => Counts::Calls,
        "samples" => Counts::Samples,
        "unknown" => Counts::Unknown,
        other => return Err(unknown("counts", other)),
    };
    let edges = match document.edges.as_str() {
        "full" => EdgeDetail::Full,
        "counts-only" => EdgeDetail::CountsOnly,
        "calls-and-cumtime" => EdgeDetail::CallsAndCumtime,
        other => return Err(unknown("edges", other)),
    };
    let unit = match document.unit.as_str() {
        "seconds" => Unit::Seconds,
        _ => Unit::Other(document.unit),
    };
    let title = document.title.map(|title| title.as_str().into());
    let (compensated, Facts(facts)) = (document.compensated, document.facts);
    let metadata = Metadata { counts, edges, unit, title, compensated, facts, ..Metadata::default() };
    let count = document.functions.len();
    let mut profile = Profile { metadata, ..Profile::default() };
    profile.functions.reserve(count);
    for (row, id) in document.functions.into_iter().zip(0u32..) {
        for (place, caller) in row.callers.iter().enumerate() {
            if caller.function as usize >= count {
                return Err(Error::BadField {
                    field: format!("functions[{id}].callers[{place}].function"),
                    problem: format!("there are only {count} functions"),
                });
            }
            let (caller, calls) = (FunctionId(caller.function), caller.calls.calls(edges));
            profile.edges.push(Edge { caller, callee: FunctionId(id), calls });
        }
        let distribution = row.distribution.map(|fields| {
            fields.distribution(count).map(Box::new).ok_or_else(|| Error::BadField {
                field: format!("functions[{id}].distribution"),
                problem: "it contradicts itself".to_owned(),
            })
        });
        profile.functions.push(Function {
            distribution: distribution.transpose()?,
            qualname: row.qualname.map(|name| name.as_str().into()),
            caller_only: !row.calls.are_there(),
            gil_wait: row.gil_wait,
            ..Function::new(
                row.file.as_str().into(),
                row.line,
                row.name.as_str().into(),
                row.calls.calls(edges),
            )
        });
    }
    if let Some(rows) = document.coroutines {
        let tasks = tasks::of(rows, document.slow_steps);
        if !tasks.is_sound(count) {
            return Err(Error::BadField {
                field: "coroutines, slow_steps".to_owned(),
                problem: format!("there are only {count} functions"),
            });
        }
        profile.tasks = Some(tasks);
    }
    if let Some(fields) = document.objects {
        profile.objects = Some(fields.objects().ok_or_else(|| Error::BadField {
            field: "objects.over_time".to_owned(),
            problem: "it names a type that is not there".to_owned(),
        })?);
    }
    Ok(profile)
}

fn unknown(field: &str, value: &str) -> Error {
    Error::BadField { field: field.to_owned(), problem: format!("`{value}` is none that is known") }
}
