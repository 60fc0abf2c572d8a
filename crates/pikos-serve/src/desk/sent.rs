//! What the viewers of a scope know: a picture becomes what has changed since the one before.
//!
//! Rows go by the numbers of functions, which are the source's. Stacks are numbered here, in the order in which they came, so that
//! a number holds while the tree grows in any place. A `full` is made of what is known, never of the picture: who gets one, and who
//! got every delta, know the same.

use std::collections::HashMap;

use pikos_views::{Meaning, ProfileContent, Shown, ShownStack, StackId, Stacks, Tree};
use pstats_compat::EdgeDetail;
use pstats_compat::formats::page::{Durations, Group, rounded, shown};
use serde::Serialize;

use super::labels::{Columns, Labels, NewGroups};

/// What was sent.
#[derive(Default)]
pub struct Sent {
    /// Of these functions, by their numbers, the label has been sent.
    labelled: Vec<bool>,
    groups: usize,
    meaning: Meaning,
    rows: Vec<Option<Shown>>,
    count: usize,
    stacks: Option<SentStacks>,
}

#[derive(Default)]
struct SentStacks {
    numbers: HashMap<StackId, u32>,
    parent: Vec<i64>,
    function: Vec<u32>,
    own: Vec<ShownStack>,
    about: About,
}

/// What is said of stacks beside their figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct About {
    state: &'static str,
    note: Option<String>,
    cut: (u64, f64),
}

/// When a picture was taken.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Moment {
    pub tick: u64,
    pub time: f64,
    pub age: Option<f64>,
}

#[derive(Serialize)]
struct Full<'l> {
    #[serde(flatten)]
    moment: Moment,
    is_live: bool,
    unit: String,
    counted: bool,
    sampled: bool,
    edges: &'static str,
    groups: &'l [Group],
    labels: Columns<'l>,
    functions: Rows,
    stacks: Option<FullStacks<'l>>,
}

#[derive(Serialize)]
struct FullStacks<'l> {
    #[serde(flatten)]
    about: &'l About,
    parent: &'l [i64],
    function: &'l [u32],
    #[serde(flatten)]
    figures: Figures,
}

#[derive(Serialize)]
struct Delta<'l> {
    #[serde(flatten)]
    moment: Moment,
    #[serde(flatten)]
    changed: Changed<'l>,
}

#[derive(Serialize)]
struct Changed<'l> {
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<NewGroups<'l>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<Columns<'l>>,
    functions: Rows,
    stacks: Option<DeltaStacks<'l>>,
}

#[derive(Serialize)]
struct DeltaStacks<'l> {
    from: usize,
    parent: &'l [i64],
    function: &'l [u32],
    changed: ChangedStacks,
    #[serde(flatten)]
    about: &'l About,
}

#[derive(Serialize)]
struct ChangedStacks {
    node: Vec<u32>,
    #[serde(flatten)]
    figures: Figures,
}

/// Rows of functions in columns.
#[derive(Default, Serialize)]
pub struct Rows {
    id: Vec<u32>,
    calls: Vec<Option<i64>>,
    primitive: Vec<Option<i64>>,
    own: Vec<f64>,
    cumulative: Vec<f64>,
    gil_wait: Vec<f64>,
    in_flight: Vec<f64>,
    open: Vec<u32>,
    calls_per_s: Vec<f64>,
    share: Vec<f64>,
    #[serde(flatten)]
    durations: Option<Durations>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<Vec<f64>>,
}

impl Rows {
    /// Of figures that mean this.
    pub fn of(meaning: &Meaning) -> Self {
        Self {
            durations: meaning.has_durations.then(Durations::default),
            cpu: meaning.has_cpu.then(Vec::new),
            ..Self::default()
        }
    }

    /// Adds one; without calls, where nobody counted or sampled any.
    pub fn push(&mut self, id: u32, figures: &Shown, has_calls: bool) {
        if let Some(durations) = &mut self.durations {
            durations.push(figures.p50, figures.p99, figures.max);
        }
        if let Some(cpu) = &mut self.cpu {
            cpu.push(rounded(figures.cpu));
        }
        self.id.push(id);
        self.calls.push(has_calls.then_some(figures.ncalls));
        self.primitive.push(has_calls.then_some(figures.primitive_calls));
        self.own.push(rounded(figures.tottime));
        self.cumulative.push(rounded(figures.cumtime));
        self.gil_wait.push(rounded(figures.gil_wait));
        self.in_flight.push(rounded(figures.in_flight));
        self.open.push(figures.open);
        self.calls_per_s.push(rate(figures.calls_per_s));
        self.share.push(rate(figures.share));
    }
}

/// Figures of stacks in columns.
#[derive(Default, Serialize)]
pub struct Figures {
    calls: Vec<i64>,
    own: Vec<f64>,
    in_flight: Vec<f64>,
    open: Vec<u32>,
}

impl Figures {
    /// Adds those of one stack.
    pub fn push(&mut self, own: &ShownStack) {
        self.calls.push(own.ncalls);
        self.own.push(rounded(own.tottime));
        self.in_flight.push(rounded(own.in_flight));
        self.open.push(own.open);
    }
}

/// Six digits of a rate are more than anybody reads.
pub fn rate(value: f64) -> f64 {
    if value.is_finite() { (value * 1e6).round() / 1e6 } else { 0.0 }
}

impl Sent {
    /// What is known once this picture has been sent, and nothing else.
    pub fn of(content: &ProfileContent, labels: &Labels) -> Self {
        let mut sent = Self::default();
        // Nothing can have gone.
        let _ = sent.take(content, labels);
        sent
    }

    /// Takes a picture in. Returns the delta, as JSON; nothing if something has gone that was known, and all is void.
    pub fn follow(&mut self, moment: Moment, content: &ProfileContent, labels: &Labels) -> Option<String> {
        self.take(content, labels).map(|changed| json(&Delta { moment, changed }))
    }

    /// Takes a picture in. Returns what has changed.
    fn take<'s>(&'s mut self, content: &ProfileContent, labels: &'s Labels) -> Option<Changed<'s>> {
        let groups = labels.groups_since(std::mem::replace(&mut self.groups, labels.groups().len()));
        let mut new = Vec::new();
        self.meaning = content.meaning.clone();
        let has_calls = has_calls(&self.meaning);
        let mut functions = Rows::of(&self.meaning);
        let mut count = 0;
        for row in content.functions.iter() {
            // What has no sum is no number, and would be another one each time.
            let [p50, p99] = [row.figures.p50, row.figures.p99].map(rounded);
            let figures = Shown { p50, p99, ..row.figures };
            self.label(row.id.0, labels, &mut new);
            let place = row.id.index();
            if place >= self.rows.len() {
                self.rows.resize(place + 1, None);
            }
            count += 1;
            let known = &mut self.rows[place];
            if known.is_none_or(|known| known != figures) {
                self.count += usize::from(known.is_none());
                *known = Some(figures);
                functions.push(row.id.0, &figures, has_calls);
            }
        }
        if count < self.count {
            return None;
        }
        let stacks = match &content.stacks {
            Stacks::NotAsked => None,
            stacks => {
                if let Stacks::Known(tree) = stacks {
                    tree.nodes.iter().for_each(|node| self.label(node.function.0, labels, &mut new));
                }
                Some(self.stacks.get_or_insert_default().follow(stacks)?)
            }
        };
        let stacks = stacks.zip(self.stacks.as_ref()).map(|((from, changed), sent)| DeltaStacks {
            from,
            parent: &sent.parent[from..],
            function: &sent.function[from..],
            changed,
            about: &sent.about,
        });
        let labels = (!new.is_empty()).then(|| labels.of(new.into_iter()));
        Some(Changed { groups, labels, functions, stacks })
    }

    /// Has the label of this function sent, where it was not and is known.
    fn label(&mut self, function: u32, labels: &Labels, new: &mut Vec<u32>) {
        let place = function as usize;
        if self.labelled.get(place) == Some(&true) || !labels.has(function) {
            return;
        }
        if place >= self.labelled.len() {
            self.labelled.resize(place + 1, false);
        }
        self.labelled[place] = true;
        new.push(function);
    }

    /// All that is known, as JSON.
    pub fn full(&self, moment: Moment, labels: &Labels) -> String {
        let has_calls = has_calls(&self.meaning);
        let mut functions = Rows::of(&self.meaning);
        for (id, figures) in (0u32..).zip(&self.rows) {
            if let Some(figures) = figures {
                functions.push(id, figures, has_calls);
            }
        }
        let stacks = self.stacks.as_ref().map(|sent| {
            let mut figures = Figures::default();
            sent.own.iter().for_each(|own| figures.push(own));
            FullStacks { about: &sent.about, parent: &sent.parent, function: &sent.function, figures }
        });
        let labelled = (0u32..).zip(&self.labelled).filter(|(_, is_sent)| **is_sent);
        json(&Full {
            moment,
            is_live: self.meaning.is_live,
            unit: shown(&self.meaning.unit),
            counted: self.meaning.is_counted && !self.meaning.is_sampled,
            sampled: self.meaning.is_sampled,
            edges: edges(&self.meaning),
            groups: &labels.groups()[..self.groups],
            labels: labels.of(labelled.map(|(function, _)| function)),
            functions,
            stacks,
        })
    }
}

impl SentStacks {
    /// The number of the first new node, and all that have changed.
    fn follow(&mut self, stacks: &Stacks) -> Option<(usize, ChangedStacks)> {
        let from = self.own.len();
        let mut changed = ChangedStacks { node: Vec::new(), figures: Figures::default() };
        let state = match stacks {
            Stacks::Known(tree) => {
                self.about.note = tree.note.as_deref().map(shown);
                self.about.cut = (tree.cut.calls, rounded(tree.cut.seconds));
                self.take(tree, &mut changed)?;
                "kept"
            }
            // What was told stays until it is told anew.
            Stacks::Awaited if from > 0 => "kept",
            Stacks::Awaited => "awaited",
            Stacks::NotKept | Stacks::NotAsked => "none",
        };
        self.about.state = state;
        Some((from, changed))
    }

    fn take(&mut self, tree: &Tree, changed: &mut ChangedStacks) -> Option<()> {
        if tree.nodes.len() < self.own.len() {
            return None;
        }
        let mut places: Vec<u32> = Vec::with_capacity(tree.nodes.len());
        for node in &tree.nodes {
            let next = self.own.len() as u32;
            let place = *self.numbers.entry(node.id).or_insert(next);
            places.push(place);
            let is_new = place == next;
            if is_new {
                self.parent.push(node.parent.map_or(-1, |parent| i64::from(places[parent as usize])));
                self.function.push(node.function.0);
                self.own.push(node.own);
            }
            let known = &mut self.own[place as usize];
            if is_new || *known != node.own {
                *known = node.own;
                changed.node.push(place);
                changed.figures.push(&node.own);
            }
        }
        // As many as there were, and others among them: some have gone.
        (tree.nodes.len() >= self.own.len()).then_some(())
    }
}

/// Whether numbers of calls mean anything.
pub fn has_calls(meaning: &Meaning) -> bool {
    meaning.is_counted || meaning.is_sampled
}

/// What is known of callers, in a word.
pub fn edges(meaning: &Meaning) -> &'static str {
    match meaning.edges {
        EdgeDetail::CountsOnly => "calls",
        _ => "full",
    }
}

/// JSON of what can't fail to be written: texts, numbers and lists.
pub fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
#[path = "sent_tests.rs"]
mod tests;
