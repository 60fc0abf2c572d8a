//! Which functions call themselves, directly or through others.

use crate::model::{EdgeIndex, FunctionId, Profile};

/// The cycles of a profile's calls.
pub(super) struct Cycles {
    /// For each function, the number of its group: those that reach each other.
    group: Vec<u32>,
    /// Which functions have an edge to their own group.
    is_recursive: Vec<bool>,
}

impl Cycles {
    pub fn of(profile: &Profile) -> Self {
        let by_caller = profile.edges_by_caller();
        let group = Search::new(profile, &by_caller).run();
        let mut is_recursive = vec![false; profile.functions.len()];
        for edge in &profile.edges {
            if group[edge.caller.index()] == group[edge.callee.index()] {
                is_recursive[edge.caller.index()] = true;
                is_recursive[edge.callee.index()] = true;
            }
        }
        Self { group, is_recursive }
    }

    pub fn is_recursive(&self, function: FunctionId) -> bool {
        self.is_recursive[function.index()]
    }

    /// Whether a call leads back to its caller.
    pub fn are_one(&self, a: FunctionId, b: FunctionId) -> bool {
        self.group[a.index()] == self.group[b.index()]
    }
}

/// Tarjan's search for groups, with a stack of its own: a file decides how deep it goes.
struct Search<'p> {
    profile: &'p Profile,
    by_caller: &'p EdgeIndex,
    /// When each function was reached; 0 if it wasn't.
    reached: Vec<u32>,
    /// The earliest that can be reached from it, among those that have no group yet.
    earliest: Vec<u32>,
    group: Vec<u32>,
    open: Vec<FunctionId>,
    time: u32,
}

const NONE: u32 = u32::MAX;

impl<'p> Search<'p> {
    fn new(profile: &'p Profile, by_caller: &'p EdgeIndex) -> Self {
        let count = profile.functions.len();
        Self {
            profile,
            by_caller,
            reached: vec![0; count],
            earliest: vec![0; count],
            group: vec![NONE; count],
            open: Vec::new(),
            time: 0,
        }
    }

    fn run(mut self) -> Vec<u32> {
        for start in self.profile.ids() {
            if self.reached[start.index()] == 0 {
                self.from(start);
            }
        }
        self.group
    }

    fn from(&mut self, start: FunctionId) {
        // A function, and how many of its edges were followed.
        let mut path = vec![(start, 0)];
        self.reach(start);
        while let Some((function, followed)) = path.last_mut() {
            let function = *function;
            let next =
                self.by_caller.of(&self.profile.edges, function).nth(*followed).map(|edge| edge.callee);
            *followed += 1;
            match next {
                Some(callee) if self.reached[callee.index()] == 0 => {
                    self.reach(callee);
                    path.push((callee, 0));
                }
                Some(callee) if self.group[callee.index()] == NONE => {
                    self.lower(function, self.reached[callee.index()]);
                }
                Some(_) => {}
                None => {
                    self.leave(function);
                    path.pop();
                    if let Some(&(caller, _)) = path.last() {
                        self.lower(caller, self.earliest[function.index()]);
                    }
                }
            }
        }
    }

    fn reach(&mut self, function: FunctionId) {
        self.time += 1;
        self.reached[function.index()] = self.time;
        self.earliest[function.index()] = self.time;
        self.open.push(function);
    }

    fn lower(&mut self, function: FunctionId, time: u32) {
        let earliest = &mut self.earliest[function.index()];
        *earliest = time.min(*earliest);
    }

    /// All that was reached since, and has no group, is one with it if nothing earlier can be reached.
    fn leave(&mut self, function: FunctionId) {
        if self.earliest[function.index()] != self.reached[function.index()] {
            return;
        }
        while let Some(member) = self.open.pop() {
            self.group[member.index()] = function.0;
            if member == function {
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Calls, Edge, Function};

    #[test]
    fn what_leads_back_is_a_cycle() {
        let function = || Function::new("a.py".into(), 1, "f".into(), Calls::default());
        let edge = |(caller, callee)| Edge {
            caller: FunctionId(caller),
            callee: FunctionId(callee),
            calls: Calls::default(),
        };
        // 0 > 1 > 2 > 1, 2 > 3 > 3, 4 > 0.
        let edges = [(0, 1), (1, 2), (2, 1), (2, 3), (3, 3), (4, 0)].map(edge);
        let profile = Profile::new((0..5).map(|_| function()).collect(), edges.to_vec());
        let cycles = Cycles::of(&profile);
        let recursive: Vec<u32> = (0..5).filter(|&n| cycles.is_recursive(FunctionId(n))).collect();
        assert_eq!(recursive, [1, 2, 3]);
        assert!(
            cycles.are_one(FunctionId(1), FunctionId(2)) && !cycles.are_one(FunctionId(2), FunctionId(3))
        );
    }

    #[test]
    fn a_long_chain_does_not_overflow() {
        let count = 300_000;
        let function = || Function::new("a.py".into(), 1, "f".into(), Calls::default());
        let edges = (1..count).map(|n| Edge {
            caller: FunctionId(n - 1),
            callee: FunctionId(n),
            calls: Calls::default(),
        });
        let profile = Profile::new((0..count).map(|_| function()).collect(), edges.collect());
        assert!(!Cycles::of(&profile).is_recursive(FunctionId(0)));
    }
}
