//! The head of a page: what ran, where and when, for how long, and what stands out in it.

use serde::Serialize;

use super::functions::{cut, rounded, shown};
use crate::model::{Profile, facts};
use crate::summary;
use crate::waiting::{Wait, time_of};

/// A fact or a note has so many characters at most.
const LONGEST: usize = 4_000;

/// What is known of a run.
#[derive(Default, Serialize)]
pub struct Heading {
    title: String,
    command: Option<String>,
    started: Option<String>,
    elapsed: Option<f64>,
    cpu: Option<f64>,
    threads: Option<u64>,
    /// What all functions took themselves, and how often they were called.
    total: f64,
    calls: u64,
    functions: usize,
    /// The same of the older profile.
    before: Option<(f64, u64, usize)>,
    /// What was waited for, and how long.
    waiting: Vec<(&'static str, f64)>,
    /// Everything, by name.
    facts: Vec<(String, String)>,
    /// What stands out, a sentence each.
    findings: Vec<String>,
    /// What must be known of the figures.
    notes: Vec<String>,
}

impl Heading {
    /// Of one profile.
    pub fn of(profile: &Profile, notes: Vec<String>) -> Self {
        let metadata = &profile.metadata;
        let unique = profile.with_unique_labels();
        Self {
            title: shown(&metadata.shown_title()),
            command: metadata.command().map(|command| shown(&command)),
            waiting: waiting(profile),
            findings: summary::findings(&unique).iter().map(|text| long(text)).collect(),
            notes: notes.iter().chain(&metadata.notes).map(|note| long(note)).collect(),
            ..Self::default()
        }
        .with_figures(profile)
    }

    /// Of two.
    pub fn of_both(before: &Profile, after: &Profile, title: &str, notes: &[String]) -> Self {
        let (total, calls, functions) = sums(before);
        let differing = before.metadata.other_conditions(&after.metadata);
        let differing = differing
            .into_iter()
            .map(|(name, was, is)| format!("not the same {name}: {was} before, {is} after"));
        Self {
            title: shown(title),
            before: Some((total, calls, functions)),
            notes: notes.iter().cloned().chain(differing).map(|note| long(&note)).collect(),
            ..Self::default()
        }
        .with_figures(after)
    }

    fn with_figures(self, profile: &Profile) -> Self {
        let metadata = &profile.metadata;
        let (total, calls, functions) = sums(profile);
        Self {
            started: metadata.began().map(|date| shown(&date)),
            elapsed: metadata.elapsed(),
            cpu: metadata.cpu(),
            threads: metadata.fact(facts::THREADS).and_then(|count| count.parse().ok()),
            facts: metadata.facts.iter().map(|(name, value)| (shown(name), long(value))).collect(),
            total,
            calls,
            functions,
            ..self
        }
    }
}

fn sums(profile: &Profile) -> (f64, u64, usize) {
    let calls = profile.rows().fold(0u64, |sum, (_, function)| sum.saturating_add(function.calls.ncalls));
    (rounded(profile.tottime()), calls, profile.rows().count())
}

fn waiting(profile: &Profile) -> Vec<(&'static str, f64)> {
    let kinds = [
        (Wait::Lock, "for locks and threads"),
        (Wait::Sleep, "asleep"),
        (Wait::Others, "for files, sockets, processes"),
    ];
    kinds
        .map(|(kind, name)| (name, rounded(time_of(profile, kind))))
        .into_iter()
        .filter(|(_, time)| *time > 0.0)
        .collect()
}

fn long(text: &str) -> String {
    cut(text, LONGEST)
}
