//! Whether the newer profile is slower than it may be, and by whose fault.
//!
//! Two things must not grow by more than a limit: the total, and the cumulative time of a function that both profiles have. A
//! function that is new has grown from nothing, which says nothing: what it adds, its caller and the total have, too. And
//! where the total didn't grow, nothing is slower: time has moved from one function to another.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::{Change, Diff, Pair};
use crate::model::{EdgeDetail, Function, FunctionId};

/// Built-ins call each other in no longer chains: `sum`, `map`, `exec`.
const MOST_STEPS: usize = 5;

/// What grew beyond a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth<'p> {
    /// By how much.
    pub amount: f64,
    /// Whether it is the whole that grew so much, or only the culprit's cumulative time.
    pub is_whole: bool,
    /// Whose fault it is, if anybody's: small growth may be everywhere.
    pub culprit: Option<Culprit<'p>>,
}

/// A function that took longer.
#[derive(Clone, Debug, PartialEq)]
pub struct Culprit<'p> {
    /// The function, as the newer profile has it.
    pub change: Change<'p>,
    /// Of those who called it, the one whose calls took the most longer; a built-in's own caller in its place.
    pub caller: Option<&'p Function>,
}

impl<'p> Diff<'p> {
    /// By how much the total grew.
    pub fn growth(&self) -> f64 {
        self.total_after.tottime - self.total_before.tottime
    }

    /// Of the functions in both profiles, the one for which what they are compared by grew most, measured by what it may grow by:
    /// `limit` says that of each, by what it was. None if all are within.
    pub fn call_growth_above(&self, limit: impl Fn(f64) -> f64) -> Option<Growth<'p>> {
        let in_both = |change: &&Change<'p>| change.before.is_some() && change.after.is_some();
        let excess = |change: &Change<'p>| {
            let (before, after) = change.compared(self.by);
            (after - before) - limit(before)
        };
        let beyond = self.changes.iter().filter(in_both).filter(|change| excess(change) > 0.0);
        let worst = beyond.max_by(|a, b| excess(a).total_cmp(&excess(b)).then(Ordering::Greater))?;
        let culprit = Some(self.culprit(worst));
        Some(Growth { amount: worst.growth(self.by), is_whole: false, culprit })
    }

    /// What grew by more than the limit. Nothing, if the total didn't grow.
    pub fn growth_above(&self, limit: f64) -> Option<Growth<'p>> {
        let amount = self.growth();
        // Written this way round, a time that is no number is above every limit.
        let is_within = |growth: f64, limit: f64| growth <= limit;
        if is_within(amount, 0.0) {
            return None;
        }
        if !is_within(amount, limit) {
            return Some(Growth { amount, is_whole: true, culprit: self.slowest() });
        }
        let greatest = self.greatest_of_both()?;
        let amount = greatest.cumtime();
        let culprit = Some(self.culprit(greatest));
        (!is_within(amount, limit)).then_some(Growth { amount, is_whole: false, culprit })
    }

    /// The function for which what they are compared by grew most, if it did for any. Where that is a built-in, only its caller says where
    /// to look.
    pub fn slowest(&self) -> Option<Culprit<'p>> {
        let growth = |change: &Change<'p>| change.growth(self.by);
        let slower = self.changes.iter().filter(|change| growth(change) > 0.0);
        slower.max_by(by(growth)).map(|change| self.culprit(change))
    }

    /// Of the functions in both profiles, the one whose cumulative time grew most.
    pub fn greatest_of_both(&self) -> Option<&Change<'p>> {
        let in_both = |change: &&Change<'p>| change.before.is_some() && change.after.is_some();
        self.changes.iter().filter(in_both).max_by(by(Change::cumtime))
    }

    /// A function that changed, with the caller who shows it most.
    pub fn culprit(&self, change: &Change<'p>) -> Culprit<'p> {
        let mut ids = change.ids;
        let mut caller = None;
        for _ in 0..MOST_STEPS {
            let Some(next) = ids.after.and_then(|id| self.caller(id, ids.before)) else { break };
            let Some(function) = next.after.map(|id| self.after.function(id)) else { break };
            let is_first = caller.is_none();
            if is_first || !function.is_builtin() {
                caller = Some(function);
            }
            if !function.is_builtin() {
                break;
            }
            ids = next;
        }
        Culprit { change: change.clone(), caller }
    }

    fn caller(&self, callee: FunctionId, old: Option<FunctionId>) -> Option<Pair> {
        // What nobody measured for single callers is in proportion to their calls.
        let by_calls = self.after.metadata.edges == EdgeDetail::CountsOnly;
        let size = |calls: &crate::Calls| if by_calls { calls.ncalls as f64 } else { calls.cumtime };
        let mut was: HashMap<FunctionId, f64> = HashMap::new();
        for edge in self.before.edges.iter().filter(|edge| Some(edge.callee) == old) {
            *was.entry(edge.caller).or_default() += size(&edge.calls);
        }
        let callers = self.after.edges.iter().filter(|edge| edge.callee == callee && edge.caller != callee);
        let grown = callers.map(|edge| {
            // The newer profile's functions come first among the pairs, in their order.
            let caller = self.pairs[edge.caller.index()];
            let was = caller.before.and_then(|caller| was.get(&caller)).copied().unwrap_or(0.0);
            (caller, size(&edge.calls) - was)
        });
        let most = grown.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.after.cmp(&a.0.after)));
        most.map(|(caller, _)| caller)
    }
}

/// The first of those with the greatest figure.
fn by<'p>(figure: impl Fn(&Change<'p>) -> f64) -> impl Fn(&&Change<'p>, &&Change<'p>) -> Ordering {
    move |a, b| figure(a).total_cmp(&figure(b)).then(Ordering::Greater)
}
