//! Which changes are shown, in which order.

use std::cmp::Ordering;

use pstats_compat::diff::{Change, Diff};
use pstats_compat::report::{SortKey, stdname};
use regex::Regex;

pub struct Selection<'a> {
    /// None for what changed most by its own time.
    pub sort: &'a [SortKey],
    pub is_reversed: bool,
    pub grep: &'a [Regex],
    pub exclude: &'a [Regex],
    pub top: usize,
}

/// Some of the changes, and how many others there are.
pub struct Selected<'d, 'p> {
    pub changes: Vec<&'d Change<'p>>,
    /// Past the number that was asked for.
    pub cut: usize,
    /// Not matched by the patterns.
    pub filtered: usize,
}

impl Selection<'_> {
    pub fn of<'d, 'p>(&self, diff: &'d Diff<'p>) -> Selected<'d, 'p> {
        let is_meant = |change: &&Change<'_>| {
            // Both names of one that was renamed.
            let sides = || change.before.iter().chain(&change.after).map(|function| stdname(function));
            self.grep.iter().all(|pattern| sides().any(|name| pattern.is_match(&name)))
                && !self.exclude.iter().any(|pattern| sides().any(|name| pattern.is_match(&name)))
        };
        let mut changes: Vec<&Change<'_>> = diff.changes.iter().filter(is_meant).collect();
        let filtered = diff.changes.len() - changes.len();
        changes.sort_by(|a, b| {
            let keys = self.sort.iter().map(|&key| compare(key, a, b));
            keys.reduce(Ordering::then).unwrap_or(Ordering::Equal)
        });
        if self.is_reversed {
            changes.reverse();
        }
        let cut = changes.len().saturating_sub(self.top);
        changes.truncate(self.top);
        Selected { changes, cut, filtered }
    }
}

/// Figures by how much they changed, whether up or down; names and lines from the least.
fn compare(key: SortKey, a: &Change<'_>, b: &Change<'_>) -> Ordering {
    let (f, g) = (a.function(), b.function());
    match key {
        SortKey::Time => b.tottime().abs().total_cmp(&a.tottime().abs()),
        SortKey::Cumulative => b.cumtime().abs().total_cmp(&a.cumtime().abs()),
        SortKey::Calls | SortKey::Pcalls => b.ncalls().abs().cmp(&a.ncalls().abs()),
        SortKey::Name | SortKey::Nfl => (&f.name, &f.file, f.line).cmp(&(&g.name, &g.file, g.line)),
        SortKey::Filename => f.file.cmp(&g.file).then(f.line.cmp(&g.line)),
        SortKey::Line => f.line.cmp(&g.line),
        SortKey::Stdname => stdname(f).cmp(&stdname(g)),
        SortKey::Detail(detail) => {
            let size = |change: &Change<'_>| change.growth(Some(detail)).abs();
            size(b).total_cmp(&size(a))
        }
    }
}
