//! Full stacks for the formats that draw them: exact ones if the profile has a tree, else an
//! approximation from the caller edges.

use std::borrow::Cow;

use super::approximate::approximate;
use crate::model::{CallTree, Profile};

/// What has to be said beside approximated stacks.
pub const APPROXIMATED: &str = "stacks are approximated from caller edges";

/// Stacks and how they came to be.
pub struct Stacks<'p> {
    /// One node for each stack.
    pub tree: Cow<'p, CallTree>,
    /// Whether they were recorded, not computed.
    pub exact: bool,
}

impl<'p> Stacks<'p> {
    /// The stacks of a profile.
    pub fn of(profile: &'p Profile) -> Self {
        match &profile.tree {
            Some(tree) => Self { tree: Cow::Borrowed(tree), exact: true },
            None => Self { tree: Cow::Owned(approximate(profile)), exact: false },
        }
    }

    /// What a reader of the output must be told, if anything.
    pub fn note(&self) -> Option<&'static str> {
        (!self.exact).then_some(APPROXIMATED)
    }

    /// A title that tells what must be told.
    pub fn title(&self, profile: &Profile) -> String {
        let title = profile.metadata.title.as_ref();
        let title = title.map_or("profile".to_owned(), |title| title.to_str_lossy().into_owned());
        match self.note() {
            Some(note) => format!("{title} ({note})"),
            None => title,
        }
    }
}
