//! The difference for programs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use pikos_views::Escaped;
use pstats_compat::Function;
use pstats_compat::details::Detail;
use pstats_compat::diff::{Change, Diff, Fate};
use serde::Serialize;

use super::selection::Selected;

#[derive(Serialize)]
struct DiffJson<'p> {
    unit: String,
    total_before: f64,
    total_after: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'static str>,
    unchanged: usize,
    not_shown: usize,
    changes: Vec<ChangeJson<'p>>,
}

#[derive(Serialize)]
struct ChangeJson<'p> {
    #[serde(flatten)]
    label: LabelJson<'p>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    /// Its old label, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<LabelJson<'p>>,
    before: Option<FiguresJson>,
    after: Option<FiguresJson>,
}

#[derive(PartialEq, Serialize)]
struct LabelJson<'p> {
    file: Cow<'p, str>,
    line: u32,
    name: Cow<'p, str>,
}

#[derive(Serialize)]
struct FiguresJson {
    ncalls: Option<u64>,
    tottime: f64,
    cumtime: f64,
    /// What they are compared by, under its name.
    #[serde(flatten)]
    compared: BTreeMap<&'static str, Option<f64>>,
}

/// Writes one object.
pub fn write(diff: &Diff<'_>, selected: &Selected<'_, '_>, out: &mut dyn Write) -> io::Result<()> {
    let figures = |function: &Function| FiguresJson {
        ncalls: diff.counted.then_some(function.calls.ncalls),
        tottime: function.calls.tottime,
        cumtime: function.calls.cumtime,
        compared: diff.by.iter().map(|detail| (detail.field(), detail.of(function))).collect(),
    };
    let changes = selected.changes.iter().map(|change| {
        let label = label(change.function());
        ChangeJson {
            was: change.before.map(self::label).filter(|old| *old != label),
            label,
            status: status(change),
            before: change.before.map(figures),
            after: change.after.map(figures),
        }
    });
    let document = DiffJson {
        unit: diff.after.metadata.unit.to_string(),
        total_before: diff.total_before.tottime,
        total_after: diff.total_after.tottime,
        by: diff.by.map(Detail::field),
        unchanged: diff.unchanged,
        not_shown: selected.cut + selected.filtered,
        changes: changes.collect(),
    };
    serde_json::to_writer_pretty(Escaped(&mut *out), &document)?;
    writeln!(out)
}

fn label(function: &Function) -> LabelJson<'_> {
    LabelJson { file: function.file.to_str_lossy(), line: function.line, name: function.name.to_str_lossy() }
}

fn status(change: &Change<'_>) -> Option<&'static str> {
    match change.fate() {
        Fate::Same => None,
        Fate::New => Some("new"),
        Fate::Gone => Some("gone"),
        Fate::Moved => Some("moved"),
        Fate::Renamed => Some("renamed"),
    }
}
