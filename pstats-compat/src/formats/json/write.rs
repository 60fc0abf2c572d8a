//! Writes the functions with their callers.

use std::io::Write;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

use super::objects::ObjectsFields;
use super::schema::{FORMAT, VERSION};
use super::tasks::{self, CoroutineRow, SlowSteps};
use crate::error::Result;
use crate::model::distribution::PERCENTILES;
use crate::model::{Calls, Counts, Distribution, EdgeDetail, EdgeIndex, Profile, Slowest, Text, Unit};
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
    #[serde(skip_serializing_if = "Option::is_none")]
    coroutines: Option<Vec<CoroutineRow>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    slow_steps: Option<SlowSteps>,
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<ObjectsFields>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    distribution: Option<DistributionFields<'p>>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_tottime: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_cumtime: Option<f64>,
}

/// How long each call took.
#[derive(Serialize)]
struct DistributionFields<'p> {
    min: f64,
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    slowest_at: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    slowest_stack: Vec<u32>,
    buckets: &'p [(u16, u64)],
}

impl<'p> DistributionFields<'p> {
    fn new(distribution: &'p Distribution) -> Self {
        let [p50, p90, p99, p999] = PERCENTILES.map(|(_, part)| distribution.percentile(part));
        let Slowest { seconds, at, stack } = &distribution.slowest;
        Self {
            min: distribution.min,
            p50,
            p90,
            p99,
            p999,
            max: *seconds,
            slowest_at: *at,
            slowest_stack: stack.iter().map(|id| id.0).collect(),
            buckets: distribution.buckets(),
        }
    }
}

impl FigureFields {
    fn new(calls: &Calls, counts: Counts, detail: EdgeDetail, has_cpu: bool) -> Self {
        let counted = counts != Counts::Unknown;
        Self {
            ncalls: counted.then_some(calls.ncalls),
            primitive_calls: (counted && detail == EdgeDetail::Full).then_some(calls.primitive_calls),
            tottime: (detail == EdgeDetail::Full).then_some(calls.tottime),
            cumtime: (detail != EdgeDetail::CountsOnly).then_some(calls.cumtime),
            cpu_tottime: has_cpu.then_some(calls.cpu_tottime),
            cpu_cumtime: has_cpu.then_some(calls.cpu_cumtime),
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
        let (has_gil_waits, has_cpu) = (profile.has_gil_waits(), profile.has_cpu());
        let mut rows = serializer.serialize_seq(Some(profile.functions.len()))?;
        for id in profile.ids() {
            let function = profile.function(id);
            let callers = self.by_callee.of(&profile.edges, id).map(|edge| CallerRow {
                function: edge.caller.0,
                calls: FigureFields::new(&edge.calls, metadata.counts, metadata.edges, has_cpu),
            });
            rows.serialize_element(&FunctionRow {
                file: &function.file.to_str_lossy(),
                line: function.line,
                name: &function.name.to_str_lossy(),
                qualname: function.qualname.as_ref().map(|name| name.to_str_lossy()).as_deref(),
                calls: (!function.caller_only)
                    .then(|| FigureFields::new(&function.calls, metadata.counts, EdgeDetail::Full, has_cpu)),
                gil_wait: (has_gil_waits && !function.caller_only).then_some(function.gil_wait),
                distribution: function.distribution.as_deref().map(DistributionFields::new),
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
        coroutines: profile.tasks.as_ref().map(tasks::coroutines),
        slow_steps: profile.tasks.as_ref().map(SlowSteps::of),
        objects: profile.objects.as_ref().map(ObjectsFields::new),
    };
    let mut out = std::io::BufWriter::new(out);
    serde_json::to_writer(Escaped(&mut out), &document).map_err(std::io::Error::from)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}
