//! What a run was, on one screen: how long it took, what stands out, its call tree, and its costliest functions.
//!
//! The tree is of the user's own code, and what that calls of others is a part of it; the costliest functions are those of
//! everybody, each with the own function that it worked for.

mod facts;
mod findings;
mod functions;
mod objects;
mod paper;
mod places;
mod subject;
mod tasks;
mod tree;

use std::io::{self, Write};

use crate::model::Profile;

pub use paper::Paper;
pub use places::{Places, name_of, place_of};
use subject::Subject;

/// Writes the summary of a profile whose labels are unique.
pub fn write(profile: &Profile, paper: &Paper, out: &mut dyn Write) -> io::Result<()> {
    let subject = Subject::of(profile);
    for line in facts::lines(&subject, paper) {
        writeln!(out, "{line}")?;
    }
    for part in [
        findings::lines(&subject, paper),
        tasks::lines(&subject, paper),
        tree::lines(&subject, paper),
        functions::lines(&subject, paper),
        objects::lines(&subject, paper),
    ] {
        if !part.is_empty() {
            writeln!(out)?;
        }
        for line in part {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Writes the objects of a profile, if it has any: so many types at most, and as many of the lines that made them.
pub fn write_objects(profile: &Profile, most: usize, paper: &Paper, out: &mut dyn Write) -> io::Result<()> {
    let lines = profile.objects.iter().flat_map(|objects| objects::table(objects, most, paper));
    lines.into_iter().try_for_each(|line| writeln!(out, "{line}"))
}

/// What stands out in a profile whose labels are unique, a sentence each.
pub fn findings(profile: &Profile) -> Vec<String> {
    findings::sentences(&Subject::of(profile))
}
