//! What changed between two profiles, function by function.
//!
//! - [`matching`] says which function is which, with [`paths`] for their files;
//! - [`growth`] says whether the newer profile is slower, and by whose fault.

mod growth;
mod matching;
mod paths;

use crate::details::Detail;
use crate::error::{Error, Result};
use crate::model::{Calls, Counts, Function, Profile};

pub use growth::{Culprit, Growth};
pub use matching::Pair;

/// One function in both profiles; it is missing in at most one.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<'p> {
    /// In the older profile.
    pub before: Option<&'p Function>,
    /// In the newer profile.
    pub after: Option<&'p Function>,
    /// Their ids.
    pub ids: Pair,
}

/// What became of a function, its figures aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is where it was.
    Same,
    /// The newer profile has it, the older one hasn't.
    New,
    /// The other way round.
    Gone,
    /// It stands on another line, or in another file.
    Moved,
    /// It has another name.
    Renamed,
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
    /// The older profile.
    pub before: &'p Profile,
    /// The newer profile.
    pub after: &'p Profile,
    /// Every function of both, changed or not.
    pub pairs: Vec<Pair>,
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
    /// How long calls took, if the functions are compared by that; else by their own time.
    pub by: Option<Detail>,
}

impl<'p> Change<'p> {
    /// The function, as the newer profile has it if it does.
    pub fn function(&self) -> &'p Function {
        self.after.or(self.before).expect("a change is in one of the profiles")
    }

    /// What became of it. A file that lies in another folder, as in another checkout, is the same one.
    pub fn fate(&self) -> Fate {
        let (before, after) = match (self.before, self.after) {
            (None, _) => return Fate::New,
            (_, None) => return Fate::Gone,
            (Some(before), Some(after)) => (before, after),
        };
        if before.name != after.name {
            return Fate::Renamed;
        }
        match before.line == after.line && paths::are_one(before.file.as_bytes(), after.file.as_bytes()) {
            true => Fate::Same,
            false => Fate::Moved,
        }
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

    /// What the profiles are compared by, before and after: that figure, or own time where none is named. What a function that is
    /// missing has of it, or nobody knows, is 0.
    pub fn compared(&self, by: Option<Detail>) -> (f64, f64) {
        let figure = |function: Option<&Function>| match by {
            Some(detail) => function.and_then(|function| detail.of(function)).unwrap_or(0.0),
            None => function.map_or(0.0, |function| function.calls.tottime),
        };
        (figure(self.before), figure(self.after))
    }

    /// By how much that grew.
    pub fn growth(&self, by: Option<Detail>) -> f64 {
        let (before, after) = self.compared(by);
        after - before
    }

    fn is_noise(&self, noise: Noise, counted: bool, by: Option<Detail>) -> bool {
        let is_small = |before: f64, after: f64| {
            let change = (after - before).abs();
            change <= noise.seconds || change <= noise.part * before.abs()
        };
        let is_in_both = self.before.is_some() && self.after.is_some();
        if by.is_some() {
            let (before, after) = self.compared(by);
            return is_in_both && is_small(before, after);
        }
        if !is_in_both || (counted && self.ncalls() != 0) {
            return false;
        }
        if self.fate() == Fate::Renamed {
            return false;
        }
        let (before, after) = self.both();
        is_small(before.tottime, after.tottime) && is_small(before.cumtime, after.cumtime)
    }
}

impl<'p> Diff<'p> {
    /// Compares two profiles of the same kind. Labels must be unique and without addresses; see
    /// [`Profile::make_comparable`].
    pub fn new(before: &'p Profile, after: &'p Profile, noise: Noise) -> Result<Self> {
        Self::by(before, after, noise, None)
    }

    /// The same by how long calls took: of functions for which that is known.
    pub fn by(before: &'p Profile, after: &'p Profile, noise: Noise, by: Option<Detail>) -> Result<Self> {
        if let Some(detail) = by {
            for (profile, which) in [(before, "older"), (after, "newer")] {
                if !profile.has_distributions() {
                    return Err(Error::Different {
                        problem: format!(
                            "the {which} one doesn't say how long each call took, so there is no {}: record it with \
                             --distribution",
                            detail.word()
                        ),
                    });
                }
            }
        }
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
        let pairs = matching::pair_functions(before, after);
        let row = |profile: &'p Profile, id: Option<_>| {
            id.map(|id| profile.function(id)).filter(|function| !function.caller_only)
        };
        let all = pairs.iter().map(|&ids| Change {
            before: row(before, ids.before),
            after: row(after, ids.after),
            ids,
        });
        let is_known =
            |function: Option<&Function>| function.is_some_and(|function| function.distribution.is_some());
        let all = all.filter(|change| match by {
            Some(_) => is_known(change.before) || is_known(change.after),
            None => change.before.is_some() || change.after.is_some(),
        });
        let mut unchanged = 0;
        let mut changes: Vec<Change<'p>> = Vec::new();
        for change in all {
            match change.is_noise(noise, counted, by) {
                true => unchanged += 1,
                false => changes.push(change),
            }
        }
        changes.sort_by(|a, b| {
            let size = |change: &Change<'_>| change.growth(by).abs();
            let time = size(b).total_cmp(&size(a));
            time.then_with(|| b.cumtime().abs().total_cmp(&a.cumtime().abs()))
                .then_with(|| b.ncalls().abs().cmp(&a.ncalls().abs()))
        });
        let total = |profile: &Profile| {
            profile.rows().fold(Calls::default(), |mut total, (_, function)| {
                total.add(&function.calls);
                total
            })
        };
        let (total_before, total_after) = (total(before), total(after));
        Ok(Self { before, after, pairs, changes, unchanged, total_before, total_after, counted, by })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Edge, FunctionId};

    const QUIET: Noise = Noise { part: 0.05, seconds: 0.001 };

    fn function(line: u32, name: &str, ncalls: u64, seconds: f64) -> Function {
        let calls =
            Calls { ncalls, primitive_calls: ncalls, tottime: seconds, cumtime: seconds, ..Calls::default() };
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
        assert!((diff.growth() - 2.29).abs() < 1e-9);
    }

    /// Files, lines, names, seconds; and who calls whom.
    fn profile(rows: &[(&str, u32, &str, f64)], edges: &[(u32, u32)]) -> Profile {
        let calls = |seconds| Calls {
            ncalls: 1,
            primitive_calls: 1,
            tottime: seconds,
            cumtime: seconds,
            ..Calls::default()
        };
        let functions = rows.iter().map(|&(file, line, name, seconds)| {
            Function::new(file.into(), line, name.into(), calls(seconds))
        });
        let edge = |&(caller, callee): &(u32, u32)| Edge {
            caller: FunctionId(caller),
            callee: FunctionId(callee),
            calls: calls(rows[callee as usize].3),
        };
        Profile::new(functions.collect(), edges.iter().map(edge).collect())
    }

    /// What became of each function that changed, by its old and its new name.
    fn fates(before: &Profile, after: &Profile) -> Vec<(Fate, String, String)> {
        let exact = Noise { part: -1.0, seconds: -1.0 };
        let diff = Diff::new(before, after, exact).expect("alike");
        let name = |f: Option<&Function>| f.map(|f| format!("{}:{}", f.name, f.line)).unwrap_or_default();
        let fate = |change: &Change<'_>| (change.fate(), name(change.before), name(change.after));
        let mut fates: Vec<_> = diff.changes.iter().map(fate).collect();
        fates.retain(|(fate, ..)| *fate != Fate::Same);
        fates.sort_by(|a, b| (&a.1, &a.2).cmp(&(&b.1, &b.2)));
        fates
    }

    fn expect(found: Vec<(Fate, String, String)>, expected: &[(Fate, &str, &str)]) {
        let found: Vec<_> =
            found.iter().map(|(fate, old, new)| (*fate, old.as_str(), new.as_str())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_function_that_moved_is_the_same_one() {
        let before = profile(&[("a.py", 10, "f", 1.0), ("a.py", 20, "g", 1.0)], &[]);
        let rows = &[("a.py", 13, "f", 1.0), ("a.py", 23, "g", 1.0), ("a.py", 30, "g", 1.0)];
        // The old `g` is the one that moved as `f` did.
        expect(
            fates(&before, &profile(rows, &[])),
            &[(Fate::New, "", "g:30"), (Fate::Moved, "f:10", "f:13"), (Fate::Moved, "g:20", "g:23")],
        );
        let rows = &[("a.py", 13, "f", 1.0), ("a.py", 27, "g", 1.0), ("a.py", 30, "g", 1.0)];
        // Which of these two it became can't be told.
        expect(
            fates(&before, &profile(rows, &[])),
            &[
                (Fate::New, "", "g:27"),
                (Fate::New, "", "g:30"),
                (Fate::Moved, "f:10", "f:13"),
                (Fate::Gone, "g:20", ""),
            ],
        );
    }

    #[test]
    fn a_renamed_function_is_one_row() {
        let before = profile(
            &[("a.py", 1, "main", 0.1), ("a.py", 10, "old", 1.0), ("b.py", 5, "leaf", 1.0)],
            &[(0, 1), (1, 2)],
        );
        let same_place = profile(
            &[("a.py", 3, "main", 0.1), ("a.py", 12, "new", 1.0), ("b.py", 5, "leaf", 1.0)],
            &[(0, 1), (1, 2)],
        );
        expect(
            fates(&before, &same_place),
            &[(Fate::Moved, "main:1", "main:3"), (Fate::Renamed, "old:10", "new:12")],
        );
        let same_use = profile(
            &[("a.py", 1, "main", 0.1), ("a.py", 40, "new", 1.0), ("b.py", 5, "leaf", 1.0)],
            &[(0, 1), (1, 2)],
        );
        expect(fates(&before, &same_use), &[(Fate::Renamed, "old:10", "new:40")]);
        let other = profile(
            &[("a.py", 1, "main", 0.1), ("a.py", 40, "new", 1.0), ("b.py", 5, "leaf", 1.0)],
            &[(0, 1), (0, 2)],
        );
        expect(fates(&before, &other), &[(Fate::New, "", "new:40"), (Fate::Gone, "old:10", "")]);
    }

    #[test]
    fn a_chain_of_renamed_functions_is_followed() {
        let rows = |a: &'static str, b: &'static str, c: &'static str| {
            profile(
                &[("m.py", 1, "main", 0.1), ("m.py", 9, a, 0.2), ("m.py", 19, b, 0.3), ("m.py", 29, c, 1.0)],
                &[(0, 1), (1, 2), (2, 3)],
            )
        };
        expect(
            fates(&rows("a", "b", "c"), &rows("x", "y", "z")),
            &[
                (Fate::Renamed, "a:9", "x:9"),
                (Fate::Renamed, "b:19", "y:19"),
                (Fate::Renamed, "c:29", "z:29"),
            ],
        );
    }

    #[test]
    fn a_function_in_another_file_is_known_by_who_calls_it() {
        let before = profile(&[("a.py", 1, "main", 0.1), ("a.py", 10, "parse", 1.0)], &[(0, 1)]);
        let after = profile(&[("a.py", 1, "main", 0.1), ("text/parser.py", 2, "parse", 1.0)], &[(0, 1)]);
        expect(fates(&before, &after), &[(Fate::Moved, "parse:10", "parse:2")]);
        let other = profile(&[("a.py", 1, "main", 0.1), ("b.py", 2, "parse", 1.0)], &[]);
        expect(fates(&before, &other), &[(Fate::New, "", "parse:2"), (Fate::Gone, "parse:10", "")]);
    }

    #[test]
    fn equal_numbers_of_lambdas_are_paired_in_order() {
        let before = profile(&[("a.py", 10, "<lambda>", 1.0), ("a.py", 50, "<lambda>", 2.0)], &[]);
        let after = profile(&[("/x/a.py", 13, "<lambda>", 1.0), ("/x/a.py", 54, "<lambda>", 2.0)], &[]);
        expect(
            fates(&before, &after),
            &[(Fate::Moved, "<lambda>:10", "<lambda>:13"), (Fate::Moved, "<lambda>:50", "<lambda>:54")],
        );
    }

    #[test]
    fn what_is_faster_is_within_any_limit_and_new_functions_only_count_in_sum() {
        let above = |before: &Profile, after: &Profile, limit: f64| {
            let diff = Diff::new(before, after, QUIET).expect("alike");
            diff.growth_above(limit).map(|growth| {
                let culprit = growth.culprit.expect("somebody's fault");
                let caller = culprit.caller.map(|caller| caller.name.to_string()).unwrap_or_default();
                (growth.is_whole, culprit.change.function().name.to_string(), caller)
            })
        };
        let told = |name: &str, caller: &str, is_whole| Some((is_whole, name.to_owned(), caller.to_owned()));
        let before = profile(&[("a.py", 1, "main", 0.1), ("a.py", 9, "f", 2.0), ("a.py", 19, "g", 1.0)], &[]);
        let faster = profile(&[("a.py", 1, "main", 0.1), ("a.py", 9, "f", 0.5), ("a.py", 19, "g", 2.0)], &[]);
        assert_eq!(above(&before, &faster, 0.0), None);
        let edges = &[(0, 1), (0, 2), (1, 3)];
        let with_new = profile(
            &[
                ("a.py", 1, "main", 0.1),
                ("a.py", 9, "f", 1.5),
                ("a.py", 19, "g", 1.0),
                ("a.py", 77, "fresh", 0.6),
            ],
            edges,
        );
        assert_eq!(above(&before, &with_new, 0.2), None, "the total grew by 0.1 only");
        assert_eq!(above(&before, &with_new, 0.05), told("fresh", "f", true));
        let shifted = profile(
            &[("a.py", 1, "main", 0.1), ("a.py", 9, "f", 1.5), ("a.py", 19, "g", 1.6)],
            &[(0, 1), (0, 2)],
        );
        assert_eq!(above(&before, &shifted, 0.3), told("g", "main", false));
        let nan = profile(&[("a.py", 1, "main", f64::NAN)], &[]);
        let diff = Diff::new(&before, &nan, QUIET).expect("alike");
        assert!(diff.growth_above(1e9).is_some());
    }
}
