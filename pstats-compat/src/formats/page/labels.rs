//! The label sets of a profile, and what each took: those that took the most.

use serde::Serialize;

use super::functions::{rounded, shown};
use crate::model::{LabelSet, Profile};

/// So many label sets are told of.
const MOST: usize = 1_000;

/// What ran under some labels.
#[derive(Serialize)]
pub struct LabelRow {
    labels: Vec<(String, String)>,
    own: f64,
    calls: u64,
}

/// Those of a profile; that without labels has none.
pub fn rows(profile: &Profile) -> Vec<LabelRow> {
    let row = |set: &LabelSet| {
        let calls = set.profile.functions.iter().map(|function| function.calls.ncalls);
        let label = |text: &crate::model::Text| shown(&text.to_str_lossy());
        LabelRow {
            labels: set.labels.iter().map(|(name, value)| (label(name), label(value))).collect(),
            own: rounded(set.profile.tottime()),
            calls: calls.fold(0, u64::saturating_add),
        }
    };
    let mut rows: Vec<LabelRow> = profile.label_sets.iter().map(row).collect();
    rows.sort_by(|a, b| b.own.total_cmp(&a.own));
    rows.truncate(MOST);
    rows
}
