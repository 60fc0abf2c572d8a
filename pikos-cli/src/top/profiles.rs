//! Finished profiles as a source: each file is a "process", all of them together another table.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pstats_compat::merge::Merger;
use pstats_compat::{Counts, Metadata, Profile, Text, Unit};

use super::model::{
    Edge, Edges, Figures, FunctionId, Label, Meaning, Picture, Process, ProcessId, Row, Scope, Status,
};
use super::source::{Command, Query, Source};
use crate::printable::printable;

/// Nothing arrives: only signals want to be noticed.
const PACE: Duration = Duration::from_millis(200);

/// A profile in the terms of the view.
struct Table {
    profile: Profile,
    meaning: Meaning,
    rows: Arc<Vec<Row>>,
    edges: Arc<Vec<Edge>>,
}

/// Profiles side by side.
pub struct Profiles {
    tables: Vec<Table>,
    /// The sum, if there are several and they may be added.
    sum: Option<Table>,
    labels: Arc<Vec<Arc<Label>>>,
    processes: Arc<Vec<Process>>,
}

/// Gives every label one id, in all profiles.
#[derive(Default)]
struct Names {
    labels: Vec<Arc<Label>>,
    ids: HashMap<(Text, u32, Text), FunctionId>,
}

impl Profiles {
    /// Profiles with the names of their files.
    pub fn new(profiles: Vec<(String, Profile)>) -> Self {
        let mut names = Names::default();
        let mut tables = Vec::new();
        let mut processes = Vec::new();
        let mut merger = (profiles.len() > 1).then(Merger::new);
        for (title, mut profile) in profiles {
            profile.merge_labels();
            // One that can't be added to the others leaves us without a sum, not without itself.
            merger = merger.and_then(|mut merger| merger.add(profile.clone()).is_ok().then_some(merger));
            let table = Table::new(profile, &mut names);
            processes.push(table.process(&title));
            tables.push(table);
        }
        let sum = merger.map(|merger| Table::new(merger.finish(), &mut names));
        Self { tables, sum, labels: Arc::new(names.labels), processes: Arc::new(processes) }
    }

    /// What to look at first: everything, if it can be added up.
    pub fn first_scope(&self) -> Scope {
        if self.sum.is_some() { Scope::All } else { Scope::Process(ProcessId(0)) }
    }

    fn table(&self, scope: Scope) -> Option<&Table> {
        match scope.process() {
            Some(ProcessId(place)) => self.tables.get(place as usize),
            None => self.sum.as_ref().or_else(|| self.tables.first()),
        }
    }
}

impl Source for Profiles {
    fn poll(&mut self) -> bool {
        false
    }

    fn pace(&self) -> Duration {
        PACE
    }

    fn picture(&mut self, query: Query) -> Picture {
        let mut picture = Picture {
            scope: query.scope,
            labels: Arc::clone(&self.labels),
            processes: Arc::clone(&self.processes),
            has_sum: self.sum.is_some(),
            ..Picture::default()
        };
        if let Some(table) = self.table(query.scope) {
            picture.meaning = table.meaning.clone();
            picture.rows = Arc::clone(&table.rows);
            picture.edges = Arc::clone(&table.edges);
            picture.edges_of = Edges::All;
        } else {
            picture.scope = Scope::Process(ProcessId(0));
        }
        picture
    }

    fn profile(&self, scope: Scope) -> Result<Profile, String> {
        match self.table(scope) {
            Some(table) => Ok(table.profile.clone()),
            None => Err("these profiles can't be added up: choose one with Tab".to_owned()),
        }
    }

    fn command(&mut self, _: Scope, _: Command) -> Result<(), String> {
        Err("this is a file: there is no process to tell".to_owned())
    }
}

impl Table {
    fn new(profile: Profile, names: &mut Names) -> Self {
        let ids: Vec<FunctionId> = profile.functions.iter().map(|function| names.id(function)).collect();
        let total: f64 = profile.rows().map(|(_, function)| function.calls.tottime).sum();
        let rows = profile.rows().map(|(id, function)| {
            let share = if total > 0.0 { function.calls.tottime / total } else { 0.0 };
            Row { id: ids[id.index()], figures: Figures { share, ..Figures::from(function.calls) } }
        });
        let rows = rows.collect();
        let edges = profile
            .edges
            .iter()
            .map(|edge| Edge {
                caller: ids[edge.caller.index()],
                callee: ids[edge.callee.index()],
                figures: Figures::from(edge.calls),
            })
            .collect();
        let meaning = meaning(&profile.metadata);
        Self { profile, meaning, rows: Arc::new(rows), edges: Arc::new(edges) }
    }

    fn process(&self, title: &str) -> Process {
        Process {
            title: printable(title).into_owned(),
            pid: None,
            host: None,
            status: Status::Finished,
            functions: self.rows.len(),
            tottime: self.rows.iter().map(|row| row.figures.tottime).sum(),
            ncalls: self.rows.iter().fold(0, |sum: i64, row| sum.saturating_add(row.figures.ncalls)),
            calls_per_s: 0.0,
            age: None,
            threads: Vec::new(),
            health: None,
        }
    }
}

impl Names {
    fn id(&mut self, function: &pstats_compat::Function) -> FunctionId {
        let label = (function.file.clone(), function.line, function.name.clone());
        *self.ids.entry(label).or_insert_with(|| {
            self.labels.push(Arc::new(Label::of(function)));
            FunctionId(self.labels.len() as u32 - 1)
        })
    }
}

fn meaning(metadata: &Metadata) -> Meaning {
    Meaning {
        unit: match &metadata.unit {
            Unit::Seconds => "s".to_owned(),
            Unit::Other(name) => printable(name).into_owned(),
        },
        is_counted: metadata.counts != Counts::Unknown,
        is_sampled: metadata.counts == Counts::Samples,
        edges: metadata.edges,
        is_compensated: metadata.compensated,
        is_live: false,
    }
}

/// How a file is called in the header.
pub fn title(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".to_owned() } else { path.display().to_string() }
}
