//! What the sum of two profiles means, where they don't mean the same.

use crate::error::{Error, Result};
use crate::model::{Calls, Counts, EdgeDetail, Metadata, Profile};

/// What a sum of different kinds had to leave out, a sentence each.
pub(super) type Lost = Vec<&'static str>;

const NO_EDGE_TIMES: &str = "some of these profiles have no times for single callers, so the sum has none";
const NO_EDGE_OWN_TIMES: &str =
    "some of these profiles have no own times for single callers, so the sum has none";
const NO_COUNTS: &str = "these profiles don't count the same, so the sum has no counts";
const PARTLY_COMPENSATED: &str = "only in some of these profiles was the profiler's own cost taken out";

/// What is known of a sum of two, if they may be added. What it can't hold, if that may be left out, goes to `lost`.
pub(super) fn combined(a: &Metadata, b: &Metadata, lost: Option<&mut Lost>) -> Result<Metadata> {
    if a.unit != b.unit {
        return Err(Error::Different { problem: format!("one is in {}, another in {}", a.unit, b.unit) });
    }
    let different = |problem: String| Err(Error::LessDetail { problem });
    let title = if a.title == b.title { a.title.clone() } else { None };
    let facts = a.facts.iter().filter(|fact| b.facts.contains(fact)).cloned().collect();
    let mut sum = Metadata { title, unfinished: a.unfinished || b.unfinished, facts, ..a.clone() };
    if a.counts != b.counts {
        let Some(lost) = lost else {
            return different(format!("one counts {}, another {}", a.counts, b.counts));
        };
        sum.counts = Counts::Unknown;
        note(lost, NO_COUNTS);
        return combined(
            &Metadata { counts: Counts::Unknown, ..sum },
            &Metadata { counts: Counts::Unknown, ..b.clone() },
            Some(lost),
        );
    }
    if a.edges != b.edges {
        let Some(lost) = lost else {
            return different(format!("one has {} for its callers, another {}", a.edges, b.edges));
        };
        let has_counts_only = [a.edges, b.edges].contains(&EdgeDetail::CountsOnly);
        sum.edges = if has_counts_only { EdgeDetail::CountsOnly } else { EdgeDetail::CallsAndCumtime };
        note(lost, if has_counts_only { NO_EDGE_TIMES } else { NO_EDGE_OWN_TIMES });
        return combined(&sum, &Metadata { edges: sum.edges, ..b.clone() }, Some(lost));
    }
    if a.compensated != b.compensated {
        let Some(lost) = lost else {
            return different("only one had the profiler's own cost taken out".to_owned());
        };
        sum.compensated = false;
        note(lost, PARTLY_COMPENSATED);
    }
    Ok(sum)
}

/// Leaves out what a sum with this metadata doesn't hold.
pub(super) fn reduce(profile: &mut Profile, sum: &Metadata) {
    let has = &profile.metadata;
    if has.counts != sum.counts && sum.counts == Counts::Unknown {
        let forget = |calls: &mut Calls| (calls.ncalls, calls.primitive_calls) = (0, 0);
        profile.functions.iter_mut().for_each(|function| forget(&mut function.calls));
        profile.edges.iter_mut().for_each(|edge| forget(&mut edge.calls));
        profile.tree.iter_mut().flat_map(|tree| &mut tree.nodes).for_each(|node| node.ncalls = 0);
    }
    if profile.metadata.edges != sum.edges {
        for edge in &mut profile.edges {
            edge.calls.tottime = 0.0;
            if sum.edges == EdgeDetail::CountsOnly {
                edge.calls.cumtime = 0.0;
            }
        }
    }
    profile.metadata.counts = sum.counts;
    profile.metadata.edges = sum.edges;
}

fn note(lost: &mut Lost, what: &'static str) {
    if !lost.contains(&what) {
        lost.push(what);
    }
}
