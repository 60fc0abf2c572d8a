//! Writes the functions with their callers.

use std::io::Write;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::schema::{FORMAT, VERSION};
use crate::error::Result;
use crate::model::{Calls, Counts, EdgeDetail, EdgeIndex, Profile, Text, Unit};
use crate::printable::Escaped;

#[derive(Serialize)]
struct ProfileJson<'p> {
    format: &'static str,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    unit: &'p str,
    counts: &'static str,
    edges: &'static str,
    compensated: bool,
    #[serde(skip_serializing_if = "Facts::are_unknown")]
    facts: Facts<'p>,
    functions: Functions<'p>,
    #[serde(skip_serializing_if = "LabelSets::are_none")]
    label_sets: LabelSets<'p>,
}

/// What ran under some labels: the same tables.
struct LabelSets<'p>(&'p Profile);

impl LabelSets<'_> {
    fn are_none(&self) -> bool {
        self.0.label_sets.is_empty()
    }
}

impl Serialize for LabelSets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Of which kind the figures are says the whole.
        #[derive(Serialize)]
        struct Part<'p> {
            labels: Labels<'p>,
            functions: Functions<'p>,
        }
        let mut sets = serializer.serialize_seq(Some(self.0.label_sets.len()))?;
        for set in &self.0.label_sets {
            let metadata = self.0.metadata.clone();
            let part = Profile { metadata, ..set.profile.with_unique_labels().into_owned() };
            let functions = Functions { profile: &part, by_callee: part.edges_by_callee() };
            sets.serialize_element(&Part { labels: Labels(&set.labels), functions })?;
        }
        sets.end()
    }
}

/// A map.
struct Labels<'p>(&'p [(Text, Text)]);

impl Serialize for Labels<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name.to_str_lossy(), value.to_str_lossy())))
    }
}

#[derive(Serialize)]
struct FunctionRow<'p> {
    file: &'p str,
    line: u32,
    name: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    qualname: Option<&'p str>,
    #[serde(flatten)]
    calls: Option<FigureFields>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gil_wait: Option<f64>,
    callers: Vec<CallerRow>,
}

#[derive(Serialize)]
struct CallerRow {
    function: u32,
    #[serde(flatten)]
    calls: FigureFields,
}

#[derive(Serialize)]
struct FigureFields {
    #[serde(skip_serializing_if = "Option::is_none")]
    ncalls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primitive_calls: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tottime: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cumtime: Option<f64>,
}

impl FigureFields {
    fn new(calls: &Calls, counts: Counts, detail: EdgeDetail) -> Self {
        let counted = counts != Counts::Unknown;
        Self {
            ncalls: counted.then_some(calls.ncalls),
            primitive_calls: (counted && detail == EdgeDetail::Full).then_some(calls.primitive_calls),
            tottime: (detail == EdgeDetail::Full).then_some(calls.tottime),
            cumtime: (detail != EdgeDetail::CountsOnly).then_some(calls.cumtime),
        }
    }
}

/// A map, in the order in which they are shown.
struct Facts<'p>(&'p [(String, String)]);

impl Facts<'_> {
    fn are_unknown(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Facts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Rows are made while they are written: the document is never in memory as a whole.
struct Functions<'p> {
    profile: &'p Profile,
    by_callee: EdgeIndex,
}

impl Serialize for Functions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let profile = self.profile;
        let metadata = &profile.metadata;
        let has_gil_waits = profile.has_gil_waits();
        let mut rows = serializer.serialize_seq(Some(profile.functions.len()))?;
        for id in profile.ids() {
            let function = profile.function(id);
            let callers = self.by_callee.of(&profile.edges, id).map(|edge| CallerRow {
                function: edge.caller.0,
                calls: FigureFields::new(&edge.calls, metadata.counts, metadata.edges),
            });
            rows.serialize_element(&FunctionRow {
                file: &function.file.to_str_lossy(),
                line: function.line,
                name: &function.name.to_str_lossy(),
                qualname: function.qualname.as_ref().map(|name| name.to_str_lossy()).as_deref(),
                calls: (!function.caller_only)
                    .then(|| FigureFields::new(&function.calls, metadata.counts, EdgeDetail::Full)),
                gil_wait: (has_gil_waits && !function.caller_only).then_some(function.gil_wait),
                callers: callers.collect(),
            })?;
        }
        rows.end()
    }
}

/// Writes the whole profile.
pub fn write(profile: &Profile, out: &mut dyn Write) -> Result<()> {
    let profile = profile.with_unique_labels();
    let metadata = &profile.metadata;
    let document = ProfileJson {
        format: FORMAT,
        version: VERSION,
        title: metadata.title.as_ref().map(|title| title.to_str_lossy().into_owned()),
        unit: match &metadata.unit {
            Unit::Seconds => "seconds",
            Unit::Other(unit) => unit,
        },
        counts: match metadata.counts {
            Counts::Calls => "calls",
            Counts::Samples => "samples",
            Counts::Unknown => "unknown",
        },
        edges: match metadata.edges {
            EdgeDetail::Full => "full",
            EdgeDetail::CountsOnly => "counts-only",
            EdgeDetail::CallsAndCumtime => "calls-and-cumtime",
        },
        compensated: metadata.compensated,
        facts: Facts(&metadata.facts),
        functions: Functions { profile: &profile, by_callee: profile.edges_by_callee() },
        label_sets: LabelSets(&profile),
    };
    let mut out = std::io::BufWriter::new(out);
    serde_json::to_writer(Escaped(&mut out), &document).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}
