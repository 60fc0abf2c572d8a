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

/// Labels from a number on.
#[derive(Serialize)]
pub struct Columns<'l> {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<usize>,
    name: &'l [String],
    place: &'l [String],
    group: &'l [u32],
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

    /// How many labels and groups there are.
    pub fn len(&self) -> (usize, usize) {
        (self.name.len(), self.groups.len())
    }

    /// All up to these.
    pub fn all(&self, (labels, groups): (usize, usize)) -> (Columns<'_>, &[Group]) {
        let columns = Columns {
            from: None,
            name: &self.name[..labels],
            place: &self.place[..labels],
            group: &self.group[..labels],
        };
        (columns, &self.groups[..groups])
    }

    /// Those from these on; nothing where there are none.
    pub fn since(&self, (labels, groups): (usize, usize)) -> (Option<Columns<'_>>, Option<NewGroups<'_>>) {
        let columns = || Columns {
            from: Some(labels),
            name: &self.name[labels..],
            place: &self.place[labels..],
            group: &self.group[labels..],
        };
        let new = || NewGroups { from: groups, items: &self.groups[groups..] };
        ((labels < self.name.len()).then(columns), (groups < self.groups.len()).then(new))
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
