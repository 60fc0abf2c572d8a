//! The tables of a profile as times that can be walked: finite, never negative, and estimated where
//! the profile has only counts.

use super::figures::{Link, Times};
use super::split::split;
use crate::model::{Counts, EdgeDetail, FunctionId, IdMap, Profile};

/// Functions and links, the latter grouped by caller.
pub(super) struct Links {
    /// The profile's, and behind them parts of some, which [`split`](super::split) has found.
    pub functions: Vec<Times>,
    /// Which of the profile's functions those parts are of.
    parts_of: Vec<u32>,
    /// Outermost time of the profile's functions that have parts, all of them together.
    wholes: IdMap<u32, f64>,
    links: Vec<Link>,
    /// Where the links of each caller begin; the next entry is their end.
    starts: Vec<u32>,
    /// Places of links, grouped by callee, and where each group begins.
    by_callee: Vec<u32>,
    callee_starts: Vec<u32>,
}

impl Links {
    pub fn of(profile: &Profile) -> Self {
        let counted = profile.metadata.counts == Counts::Calls;
        let mut by_callers = vec![0u64; profile.functions.len()];
        // Edges without times are shares of the callee's, in proportion to these calls.
        let mut by_others = vec![0u64; profile.functions.len()];
        for edge in &profile.edges {
            let add = |sum: &mut u64| *sum = sum.saturating_add(edge.calls.ncalls);
            add(&mut by_callers[edge.callee.index()]);
            if edge.caller != edge.callee {
                add(&mut by_others[edge.callee.index()]);
            }
        }
        let mut functions: Vec<Times> = profile
            .functions
            .iter()
            .zip(by_callers)
            .map(|(function, by_callers)| {
                let calls = &function.calls;
                let own = time(calls.tottime);
                Times {
                    calls: calls.ncalls,
                    own,
                    whole: time(calls.cumtime).max(own),
                    own_in_itself: 0.0,
                    calls_from_nowhere: counted.then(|| calls.ncalls.saturating_sub(by_callers)),
                    recurses: counted && calls.ncalls > calls.primitive_calls,
                }
            })
            .collect();
        let mut links = Vec::with_capacity(profile.edges.len());
        for (edge, place) in profile.edges.iter().zip(0u32..) {
            let callee = &mut functions[edge.callee.index()];
            let (own, whole) = match profile.metadata.edges {
                EdgeDetail::Full => (time(edge.calls.tottime), time(edge.calls.cumtime)),
                EdgeDetail::CallsAndCumtime => {
                    let whole = time(edge.calls.cumtime);
                    let part = if callee.whole > 0.0 { (whole / callee.whole).min(1.0) } else { 0.0 };
                    (callee.own * part, whole)
                }
                EdgeDetail::CountsOnly => {
                    let part = edge.calls.ncalls as f64 / by_others[edge.callee.index()].max(1) as f64;
                    (callee.own * part, callee.whole * part)
                }
            };
            if edge.caller == edge.callee {
                if profile.metadata.edges == EdgeDetail::Full {
                    callee.own_in_itself += own;
                }
                continue;
            }
            links.push(Link {
                caller: edge.caller.0,
                callee: edge.callee.0,
                edge: place,
                calls: edge.calls.ncalls,
                nested: edge.calls.primitive_calls < edge.calls.ncalls,
                own: own.min(whole),
                whole,
            });
        }
        // A mere caller has no row: it took what it called.
        for link in &links {
            if profile.function(FunctionId(link.caller)).caller_only {
                functions[link.caller as usize].whole += link.whole;
            }
        }
        let wholes: Vec<f64> = functions.iter().map(|function| function.whole).collect();
        let parts_of = match profile.metadata.edges {
            EdgeDetail::Full => split(profile, &mut functions, &mut links),
            // How much of a caller's time was the function's own is not known.
            EdgeDetail::CallsAndCumtime | EdgeDetail::CountsOnly => Vec::new(),
        };
        let wholes = parts_of.iter().map(|&function| (function, wholes[function as usize])).collect();
        links.sort_by_key(|link| link.caller);
        let starts = starts(functions.len(), links.iter().map(|link| link.caller));
        let callee_starts = self::starts(functions.len(), links.iter().map(|link| link.callee));
        let mut next = callee_starts.clone();
        let mut by_callee = vec![0u32; links.len()];
        for (link, place) in links.iter().zip(0u32..) {
            let slot = &mut next[link.callee as usize];
            by_callee[*slot as usize] = place;
            *slot += 1;
        }
        Self { functions, parts_of, wholes, links, starts, by_callee, callee_starts }
    }

    /// The profile's function that this one is, or is a part of.
    pub fn real(&self, function: u32) -> u32 {
        let functions = self.functions.len() - self.parts_of.len();
        (function as usize).checked_sub(functions).map_or(function, |part| self.parts_of[part])
    }

    /// Whether the profile's function that this one is, or is a part of, has several parts; and its outermost time, if so.
    pub fn whole_of_parts(&self, function: u32) -> Option<f64> {
        self.wholes.get(&self.real(function)).copied()
    }

    /// All parts of one of the profile's functions.
    pub fn parts(&self, real: u32) -> impl Iterator<Item = u32> {
        let first = (self.functions.len() - self.parts_of.len()) as u32;
        let parts = self.parts_of.iter().zip(first..).filter(move |&(&of, _)| of == real);
        std::iter::once(real).chain(parts.map(|(_, part)| part))
    }

    /// All links, grouped by caller.
    pub fn all(&self) -> &[Link] {
        &self.links
    }

    /// The places of what one function calls.
    pub fn places(&self, caller: u32) -> std::ops::Range<usize> {
        self.starts[caller as usize] as usize..self.starts[caller as usize + 1] as usize
    }

    /// The places of the links into one function.
    pub fn places_into(&self, callee: u32) -> &[u32] {
        let start = self.callee_starts[callee as usize] as usize;
        let end = self.callee_starts[callee as usize + 1] as usize;
        &self.by_callee[start..end]
    }

    /// What one function calls.
    pub fn from(&self, caller: u32) -> &[Link] {
        &self.links[self.places(caller)]
    }
}

/// What is no time counts as none.
fn time(seconds: f64) -> f64 {
    if seconds.is_finite() { seconds.max(0.0) } else { 0.0 }
}

/// Where the group of each function begins, and where the last one ends.
fn starts(functions: usize, ends: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut starts = vec![0u32; functions + 1];
    for function in ends {
        starts[function as usize + 1] += 1;
    }
    for function in 1..starts.len() {
        starts[function] += starts[function - 1];
    }
    starts
}
