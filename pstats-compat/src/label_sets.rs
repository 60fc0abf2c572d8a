//! The label sets of a profile: the figures of some alone, and the stacks of each apart.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::merge::Merger;
use crate::model::{CallTree, FunctionId, LabelIndex, LabelSet, Node, NodeId, Profile, Thread, facts, label};
use crate::stacks::Stacks;

/// More are not listed where one is missing.
const LISTED: usize = 20;

/// A label that is asked for: `route=/pay`, or `route` for any value of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<String>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text, None),
        };
        match name {
            "" => Err("a label is NAME=VALUE, or NAME for any value".to_owned()),
            _ => Ok(Self { name: name.to_owned(), value }),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}={value}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// What ran under these labels, all label sets that have them added up: under one of each name. The profile as it is, if none is wanted.
///
/// # Errors
/// [`Error::NotInFile`] if no label set has them.
pub fn only(profile: Profile, wanted: &[Wanted]) -> Result<Profile> {
    if wanted.is_empty() {
        return Ok(profile);
    }
    let Profile { label_sets, mut metadata, .. } = profile;
    let asked = wanted.iter().map(Wanted::to_string).collect::<Vec<_>>().join(", ");
    let (meant, others): (Vec<LabelSet>, Vec<LabelSet>) =
        label_sets.into_iter().partition(|set| matches(set, wanted));
    let mut merger = Merger::new();
    for set in meant {
        let mut part = set.profile;
        part.metadata = metadata.clone();
        merger.add(part)?;
    }
    if merger.count() == 0 {
        let mut has = others.iter().take(LISTED).map(|set| format!("`{set}`")).collect::<Vec<_>>().join(", ");
        match others.len() {
            0 => has.push_str("no labels"),
            count if count > LISTED => has.push_str(&format!(" and {} others", count - LISTED)),
            _ => {}
        }
        return Err(Error::NotInFile { kind: "label set with", wanted: asked, has });
    }
    let mut sum = merger.finish();
    metadata.facts.push((facts::LABELS.to_owned(), asked));
    sum.metadata = metadata;
    Ok(sum)
}

fn matches(set: &LabelSet, wanted: &[Wanted]) -> bool {
    wanted.iter().all(|one| {
        // Of several values of one name it has one.
        let mut same_name = wanted.iter().filter(|other| other.name == one.name);
        set.value(&one.name).is_some_and(|own| {
            same_name.any(|other| other.value.as_ref().is_none_or(|value| own.as_bytes() == value.as_bytes()))
        })
    })
}

/// The stacks of each label set apart, in their order, as if each were a thread that is called so.
pub fn stacks(profile: &Profile) -> Stacks<'static> {
    let mut by_label = LabelIndex::default();
    for (id, function) in profile.ids().zip(&profile.functions) {
        by_label.find_or_insert(&profile.functions, label(function), id);
    }
    let mut tree = CallTree::default();
    let (mut estimated, mut total, mut all_exact) = (0.0, 0.0, true);
    for set in &profile.label_sets {
        let stacks = Stacks::of(&set.profile);
        let seconds: f64 = stacks.tree.nodes.iter().map(|node| node.tottime).sum();
        total += seconds;
        estimated += stacks.estimated.unwrap_or_default() * seconds;
        all_exact &= stacks.exact();
        tree.cut.calls += stacks.tree.cut.calls;
        tree.cut.seconds += stacks.tree.cut.seconds;
        let first = NodeId(tree.nodes.len() as u32);
        tree.threads.push(Thread {
            name: Some(set.to_string().as_str().into()),
            process: None,
            id: None,
            first,
        });
        let moved =
            |function: FunctionId| by_label.find(&profile.functions, label(set.profile.function(function)));
        add(&mut tree, &stacks.tree.nodes, moved);
    }
    let estimated = (!all_exact).then_some(if total > 0.0 { estimated / total } else { 0.0 });
    Stacks { tree: Cow::Owned(tree), estimated }
}

/// Adds nodes with other functions' numbers; one without a number is left out with all above it.
fn add(tree: &mut CallTree, nodes: &[Node], moved: impl Fn(FunctionId) -> Option<FunctionId>) {
    let mut places: Vec<Option<NodeId>> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let parent = node.parent.map(|parent| places[parent.index()]);
        let place = match (parent, moved(node.function)) {
            (Some(None), _) | (_, None) => None,
            (parent, Some(function)) => {
                let place = NodeId(tree.nodes.len() as u32);
                tree.nodes.push(Node { parent: parent.flatten(), function, ..node.clone() });
                Some(place)
            }
        };
        places.push(place);
    }
}
