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
    /// Which part of the time stands in stacks that the edges don't fix; `None` if all were recorded.
    pub estimated: Option<f64>,
}

impl<'p> Stacks<'p> {
    /// The stacks of a profile, those of all threads added up.
    pub fn of(profile: &'p Profile) -> Self {
        match &profile.tree {
            Some(tree) => Self { tree: tree.added_up(), estimated: None },
            None => Self::by_thread(profile),
        }
    }

    /// The same, those of each thread apart where they are told apart.
    pub fn by_thread(profile: &'p Profile) -> Self {
        match &profile.tree {
            Some(tree) => Self { tree: Cow::Borrowed(tree), estimated: None },
            None => {
                let (tree, estimated) = approximate(profile);
                Self { tree: Cow::Owned(tree), estimated: Some(estimated) }
            }
        }
    }

    /// Whether they were recorded, not computed.
    pub fn exact(&self) -> bool {
        self.estimated.is_none()
    }

    /// What a reader of the output must be told, if anything.
    pub fn note(&self) -> Option<String> {
        let percent = 100.0 * self.estimated?;
        Some(match percent {
            0.0 => format!(
                "{APPROXIMATED}; here they leave only one way, so all of the time is where it was spent"
            ),
            _ if percent < 0.05 => format!(
                "{APPROXIMATED}; own times are exact, less than 0.1 % of the time may be in another stack"
            ),
            _ => format!(
                "{APPROXIMATED}; own times are exact, {percent:.1} % of the time may be in another stack"
            ),
        })
    }

    /// What is estimated in them, or else what was not recorded of them.
    pub fn told(&self) -> Option<String> {
        let cut = &self.tree.cut;
        self.note().or_else(|| {
            (cut.calls > 0).then(|| {
                format!(
                    "{} calls ({:.3} s) went past the tree's limits; their time counts for the stack that made them",
                    cut.calls, cut.seconds
                )
            })
        })
    }

    /// A title that tells what must be told.
    pub fn title(&self, profile: &Profile) -> String {
        let title = profile.metadata.shown_title();
        match self.exact() {
            false => format!("{title} ({APPROXIMATED})"),
            true => title,
        }
    }
}
