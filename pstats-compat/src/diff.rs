//! What changed between two profiles, function by function.
//!
//! A function is the same in both if its label is. An edit above it moves its line, so a function
//! that is left over is matched by file and name if there is just one of that name on each side.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::model::{Calls, Counts, Function, Profile, Text};

/// One function in both profiles; it is missing in at most one.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'p> {
    /// In the older profile.
    pub before: Option<&'p Function>,
    /// In the newer profile.
    pub after: Option<&'p Function>,
}

/// What may be ignored.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// A time that changed by less than this part of itself did not change.
    pub part: f64,
    /// Nor did one that changed by less than this.
    pub seconds: f64,
}

/// Two profiles side by side.
#[derive(Clone, Debug)]
pub struct Diff<'p> {
    /// Every function that changed by more than noise; what changed most comes first.
    pub changes: Vec<Change<'p>>,
    /// How many changed by less, or not at all.
    pub unchanged: usize,
    /// Sums over all functions.
    pub total_before: Calls,
    /// Sums over all functions.
    pub total_after: Calls,
    /// Whether counts can be compared.
    pub counted: bool,
}

impl<'p> Change<'p> {
    /// The function, as the newer profile has it if it does.
    pub fn function(&self) -> &'p Function {
        self.after.or(self.before).expect("a change is in one of the profiles")
    }

    /// Own time after, less own time before.
    pub fn tottime(&self) -> f64 {
        let (before, after) = self.both();
        after.tottime - before.tottime
    }

    /// Cumulative time after, less cumulative time before.
    pub fn cumtime(&self) -> f64 {
        let (before, after) = self.both();
        after.cumtime - before.cumtime
    }

    /// Calls after, less calls before.
    pub fn ncalls(&self) -> i128 {
        let (before, after) = self.both();
        i128::from(after.ncalls) - i128::from(before.ncalls)
    }

    /// Both figures; those of a function that is missing are 0.
    pub fn both(&self) -> (Calls, Calls) {
        let calls = |function: Option<&Function>| function.map_or(Calls::default(), |f| f.calls);
        (calls(self.before), calls(self.after))
    }

    fn is_noise(&self, noise: Noise, counted: bool) -> bool {
        if self.before.is_none() || self.after.is_none() || (counted && self.ncalls() != 0) {
            return false;
        }
        let (before, after) = self.both();
        let is_small = |before: f64, after: f64| {
            let change = (after - before).abs();
            change <= noise.seconds || change <= noise.part * before.abs()
        };
        is_small(before.tottime, after.tottime) && is_small(before.cumtime, after.cumtime)
    }
}

impl<'p> Diff<'p> {
    /// Compares two profiles of the same kind. Labels must be unique and without addresses; see
    /// [`Profile::make_comparable`].
    pub fn new(before: &'p Profile, after: &'p Profile, noise: Noise) -> Result<Self> {
        if before.metadata.unit != after.metadata.unit {
            return Err(Error::Different {
                problem: format!("one is in {}, the other in {}", before.metadata.unit, after.metadata.unit),
            });
        }
        if before.metadata.counts != after.metadata.counts {
            return Err(Error::Different {
                problem: format!(
                    "one counts {}, the other {}",
                    before.metadata.counts, after.metadata.counts
                ),
            });
        }
        // Samples vary from run to run; calls of a deterministic profiler don't.
        let counted = before.metadata.counts == Counts::Calls;
        let all = matched(before, after);
        let total = |profile: &Profile| {
            profile.rows().fold(Calls::default(), |mut total, (_, function)| {
                total.add(&function.calls);
                total
            })
        };
        let count = all.len();
        let mut changes: Vec<Change<'p>> =
            all.into_iter().filter(|change| !change.is_noise(noise, counted)).collect();
        changes.sort_by(|a, b| {
            let size = |change: &Change<'_>| change.tottime().abs();
            let time = size(b).total_cmp(&size(a));
            time.then_with(|| b.cumtime().abs().total_cmp(&a.cumtime().abs()))
                .then_with(|| b.ncalls().abs().cmp(&a.ncalls().abs()))
        });
        Ok(Self {
            unchanged: count - changes.len(),
            changes,
            total_before: total(before),
            total_after: total(after),
            counted,
        })
    }

    /// The most that the total, or the cumulative time of any one function, grew.
    pub fn greatest_growth(&self) -> f64 {
        let total = self.total_after.tottime - self.total_before.tottime;
        self.changes.iter().map(Change::cumtime).fold(total, f64::max)
    }
}

/// Pairs of equal functions, and those that have no equal.
fn matched<'p>(before: &'p Profile, after: &'p Profile) -> Vec<Change<'p>> {
    let mut by_label: HashMap<(&Text, u32, &Text), &Function> =
        before.rows().map(|(_, f)| ((&f.file, f.line, &f.name), f)).collect();
    let mut changes = Vec::with_capacity(by_label.len());
    let mut new = Vec::new();
    for (_, function) in after.rows() {
        match by_label.remove(&(&function.file, function.line, &function.name)) {
            Some(old) => changes.push(Change { before: Some(old), after: Some(function) }),
            None => new.push(function),
        }
    }
    // In the order of the profile, not of the map: the result must always be the same.
    let gone: Vec<&Function> = before
        .rows()
        .map(|(_, f)| f)
        .filter(|f| by_label.contains_key(&(&f.file, f.line, &f.name)))
        .collect();
    let mut moved = only_ones(&gone);
    let arrived = only_ones(&new);
    moved.retain(|key, _| arrived.contains_key(key));
    for function in new {
        let before = moved.get(&key(function)).copied();
        changes.push(Change { before, after: Some(function) });
    }
    let gone = gone.into_iter().filter(|function| !moved.contains_key(&key(function)));
    changes.extend(gone.map(|function| Change { before: Some(function), after: None }));
    changes
}

fn key(function: &Function) -> (&Text, &Text) {
    (&function.file, function.qualname.as_ref().unwrap_or(&function.name))
}

/// The functions whose name no other one shares.
fn only_ones<'p>(functions: &[&'p Function]) -> HashMap<(&'p Text, &'p Text), &'p Function> {
    let mut count: HashMap<_, usize> = HashMap::new();
    for function in functions {
        *count.entry(key(function)).or_default() += 1;
    }
    functions.iter().map(|f| (key(f), *f)).filter(|(key, _)| count[key] == 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Noise = Noise { part: 0.05, seconds: 0.001 };

    fn function(line: u32, name: &str, ncalls: u64, seconds: f64) -> Function {
        let calls = Calls { ncalls, primitive_calls: ncalls, tottime: seconds, cumtime: seconds };
        Function::new("a.py".into(), line, name.into(), calls)
    }

    #[test]
    fn what_changed_most_comes_first_and_noise_is_counted() {
        let before = Profile::new(
            vec![
                function(1, "same", 1, 1.0),
                function(2, "noisy", 1, 1.0),
                function(3, "more_calls", 1, 1.0),
                function(4, "slower", 1, 1.0),
                function(5, "gone", 1, 0.25),
            ],
            vec![],
        );
        let after = Profile::new(
            vec![
                function(1, "same", 1, 1.0),
                function(2, "noisy", 1, 1.04),
                function(3, "more_calls", 2, 1.0),
                function(4, "slower", 1, 3.0),
                function(6, "new", 1, 0.5),
            ],
            vec![],
        );
        let diff = Diff::new(&before, &after, QUIET).expect("alike");
        let names: Vec<String> =
            diff.changes.iter().map(|change| change.function().name.to_string()).collect();
        assert_eq!(names, ["slower", "new", "gone", "more_calls"]);
        assert_eq!(diff.unchanged, 2);
        assert!((diff.greatest_growth() - 2.29).abs() < 1e-9, "the total grew most");
    }

    #[test]
    fn a_function_that_moved_is_the_same_one() {
        let before = Profile::new(vec![function(10, "f", 1, 1.0), function(20, "g", 1, 1.0)], vec![]);
        let after = Profile::new(
            vec![function(13, "f", 1, 1.0), function(23, "g", 1, 1.0), function(30, "g", 1, 1.0)],
            vec![],
        );
        let diff = Diff::new(&before, &after, QUIET).expect("alike");
        // `f` moved; which of two `g` the old one became can't be told.
        assert_eq!(diff.unchanged, 1);
        assert_eq!(diff.changes.iter().filter(|change| change.before.is_none()).count(), 2);
        assert_eq!(diff.changes.iter().filter(|change| change.after.is_none()).count(), 1);
    }
}
