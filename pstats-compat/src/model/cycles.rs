//! Functions that call each other in a circle, found from the edges alone.
//!
//! Where a call leads back to its caller, times of edges can't be added up: an inner call's time is part of the outer one's.

use super::function_id::FunctionId;
use super::profile::Profile;

/// Which functions lie on a circle of calls together. What a circle calls has a lower number than the circle.
pub struct Cycles {
    /// The number of each function's circle. One that is on none has a number for itself.
    group: Vec<u32>,
    /// All functions, number after number.
    members: Vec<FunctionId>,
    /// Where the functions of each number end.
    ends: Vec<u32>,
}

impl Cycles {
    /// The circles of a profile's edges. A function that calls itself and no other is on none.
    pub fn of(profile: &Profile) -> Self {
        let by_caller = profile.edges_by_caller();
        Self::find(profile.functions.len(), |caller| {
            by_caller.of(&profile.edges, caller).map(|edge| edge.callee)
        })
    }

    /// The circles of so many functions, by what each of them calls.
    pub fn find<I: Iterator<Item = FunctionId>>(count: usize, callees: impl Fn(FunctionId) -> I) -> Self {
        let mut search = Search {
            reached: vec![NEVER; count],
            lowest: vec![NEVER; count],
            open: Vec::new(),
            group: vec![NEVER; count],
            members: Vec::with_capacity(count),
            ends: Vec::new(),
            next: 0,
        };
        // A stack of its own: the input decides how long a chain of calls is.
        let mut steps = Vec::new();
        for root in 0..count as u32 {
            if search.reached[root as usize] == NEVER {
                search.reach(root);
                steps.push((root, callees(FunctionId(root))));
            }
            while let Some((function, rest)) = steps.last_mut() {
                let function = *function;
                match rest.next() {
                    Some(FunctionId(callee)) if search.reached[callee as usize] == NEVER => {
                        search.reach(callee);
                        steps.push((callee, callees(FunctionId(callee))));
                    }
                    Some(FunctionId(callee)) => search.leads_to(function, callee),
                    None => {
                        steps.pop();
                        search.close(function, steps.last().map(|(caller, _)| *caller));
                    }
                }
            }
        }
        Self { group: search.group, members: search.members, ends: search.ends }
    }

    /// The number of a function's circle, below [`len`](Self::len).
    pub fn group(&self, function: FunctionId) -> usize {
        self.group[function.index()] as usize
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The functions of one number.
    pub fn members(&self, group: usize) -> &[FunctionId] {
        let start = group.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.members[start as usize..self.ends[group] as usize]
    }

    /// Whether a function calls others that call it.
    pub fn is_in_one(&self, function: FunctionId) -> bool {
        self.members(self.group(function)).len() > 1
    }
}

const NEVER: u32 = u32::MAX;

/// Tarjan's way: one walk, in which a circle is closed at the function by which it was entered.
struct Search {
    /// When each function was reached.
    reached: Vec<u32>,
    /// The earliest function of the open ones that each leads to.
    lowest: Vec<u32>,
    open: Vec<u32>,
    group: Vec<u32>,
    members: Vec<FunctionId>,
    ends: Vec<u32>,
    next: u32,
}

impl Search {
    fn reach(&mut self, function: u32) {
        self.reached[function as usize] = self.next;
        self.lowest[function as usize] = self.next;
        self.next += 1;
        self.open.push(function);
    }

    fn leads_to(&mut self, function: u32, callee: u32) {
        if self.group[callee as usize] == NEVER {
            let reached = self.reached[callee as usize];
            let lowest = &mut self.lowest[function as usize];
            *lowest = reached.min(*lowest);
        }
    }

    fn close(&mut self, function: u32, caller: Option<u32>) {
        let lowest = self.lowest[function as usize];
        if let Some(caller) = caller {
            let callers = &mut self.lowest[caller as usize];
            *callers = lowest.min(*callers);
        }
        if lowest != self.reached[function as usize] {
            return;
        }
        let group = self.ends.len() as u32;
        while let Some(member) = self.open.pop() {
            self.group[member as usize] = group;
            self.members.push(FunctionId(member));
            if member == function {
                break;
            }
        }
        self.ends.push(self.members.len() as u32);
    }
}

#[cfg(test)]
mod tests {
    use super::super::function::{Calls, Edge, Function};
    use super::*;

    fn cycles(functions: u32, edges: &[(u32, u32)]) -> Cycles {
        let functions = (0..functions).map(|_| Function::default()).collect();
        let edge = |&(caller, callee): &(u32, u32)| Edge {
            caller: FunctionId(caller),
            callee: FunctionId(callee),
            calls: Calls::default(),
        };
        Cycles::of(&Profile::new(functions, edges.iter().map(edge).collect()))
    }

    #[test]
    fn circles_are_found_and_nothing_else() {
        // 0 -> 1 <-> 2 -> 3 -> 3, 4 -> 5 -> 6 -> 4, 7 alone
        let found = cycles(8, &[(0, 1), (1, 2), (2, 1), (2, 3), (3, 3), (4, 5), (5, 6), (6, 4), (2, 5)]);
        let members: Vec<bool> = (0..8).map(|id| found.is_in_one(FunctionId(id))).collect();
        assert_eq!(members, [false, true, true, false, true, true, true, false]);
        assert_eq!(found.group(FunctionId(1)), found.group(FunctionId(2)));
        assert_eq!(found.group(FunctionId(4)), found.group(FunctionId(6)));
        assert_ne!(found.group(FunctionId(1)), found.group(FunctionId(4)));
        assert_eq!(found.len(), 5);
        let all: Vec<FunctionId> = (0..found.len()).flat_map(|group| found.members(group)).copied().collect();
        assert_eq!(all.len(), 8);
        assert!(all.iter().all(|&id| found.members(found.group(id)).contains(&id)));
        // What is called comes first.
        assert!(found.group(FunctionId(3)) < found.group(FunctionId(1)));
        assert!(found.group(FunctionId(1)) < found.group(FunctionId(0)));
    }

    #[test]
    fn a_long_chain_does_not_overflow_the_stack() {
        let chain: Vec<(u32, u32)> = (0..200_000).map(|id| (id, (id + 1) % 200_000)).collect();
        let found = cycles(200_000, &chain);
        assert_eq!(found.len(), 1);
        assert!(found.is_in_one(FunctionId(199_999)));
    }
}
