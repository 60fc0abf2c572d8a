//! Names, places and groups of a source's functions, as the page shows them: each made once.

use std::collections::HashMap;
use std::sync::Arc;

use pikos_views::Label;
use pstats_compat::formats::page::{Group, shown, shown_place};
use pstats_compat::owners::Owners;
use pstats_compat::summary::{name_of, place_of};
use pstats_compat::{Calls, Function};
use serde::Serialize;

/// Labels by the numbers of functions.
#[derive(Default)]
pub struct Labels {
    name: Vec<String>,
    place: Vec<String>,
    group: Vec<u32>,
    groups: Vec<Group>,
    numbers: HashMap<Group, u32>,
}

/// Labels of some functions.
#[derive(Serialize)]
pub struct Columns<'l> {
    id: Vec<u32>,
    name: Vec<&'l str>,
    place: Vec<&'l str>,
    group: Vec<u32>,
}

/// Groups from a number on.
#[derive(Serialize)]
pub struct NewGroups<'l> {
    from: usize,
    items: &'l [Group],
}

impl Labels {
    /// Takes in those that are new. `folder` is where the program ran, `command` what ran.
    pub fn follow(&mut self, labels: &[Arc<Label>], folder: &str, command: &str) {
        let new = &labels[self.name.len().min(labels.len())..];
        if new.is_empty() {
            return;
        }
        let owners = Owners::of_files(labels.iter().map(|label| label.path.as_bytes()), command);
        let folder = (!folder.is_empty()).then(|| format!("{}/", folder.trim_end_matches('/')));
        let first = self.name.len();
        for (label, place) in new.iter().zip(first..) {
            let function = function_of(label);
            self.name.push(shown(&name_of(&function)));
            self.place.push(shown_place(&place_of(&function, folder.as_deref().map(str::as_bytes))));
            let owner = owners.owner(pstats_compat::FunctionId(place as u32));
            let group = self.number(Group::of(label.path.as_bytes(), owner));
            self.group.push(group);
        }
    }

    fn number(&mut self, group: Group) -> u32 {
        let Self { groups, numbers, .. } = self;
        *numbers.entry(group).or_insert_with_key(|group| {
            groups.push(group.clone());
            groups.len() as u32 - 1
        })
    }

    /// Whether those of the first so many functions are known.
    pub fn has_all(&self, count: usize) -> bool {
        count <= self.name.len()
    }

    /// Whether this function's is known.
    pub fn has(&self, function: u32) -> bool {
        (function as usize) < self.name.len()
    }

    /// Those of these functions, all of which it has.
    pub fn of(&self, functions: impl Iterator<Item = u32>) -> Columns<'_> {
        let mut columns = Columns { id: Vec::new(), name: Vec::new(), place: Vec::new(), group: Vec::new() };
        for id in functions {
            let at = id as usize;
            columns.id.push(id);
            columns.name.push(&self.name[at]);
            columns.place.push(&self.place[at]);
            columns.group.push(self.group[at]);
        }
        columns
    }

    /// All groups.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Those from this one on; nothing where there are none.
    pub fn groups_since(&self, from: usize) -> Option<NewGroups<'_>> {
        (from < self.groups.len()).then(|| NewGroups { from, items: &self.groups[from..] })
    }
}

/// The function that a label is of, without figures.
pub fn function_of(label: &Label) -> Function {
    let mut function =
        Function::new(label.path.clone(), label.line, label.plain_name.clone(), Calls::default());
    if !label.is_builtin {
        function.qualname = Some(label.name.as_str().into());
    }
    function
}
