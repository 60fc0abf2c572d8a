//! Groups of functions that reach each other: the strongly connected components of the links, by
//! Tarjan's algorithm.

use super::links::Links;

/// Every function in exactly one group; a function outside of all cycles is a group of its own.
pub(super) struct Groups {
    /// The functions, group after group; a group stands before all that it calls.
    order: Vec<u32>,
    /// Where each group begins in `order`; the last entry is the end.
    starts: Vec<u32>,
    /// The group of each function.
    pub of: Vec<u32>,
}

impl Groups {
    pub fn of(links: &Links) -> Self {
        const UNSEEN: u32 = u32::MAX;
        let count = links.functions.len();
        let mut index = vec![UNSEEN; count];
        let mut lowest = vec![0u32; count];
        let mut group = vec![UNSEEN; count];
        let mut waiting: Vec<u32> = Vec::new();
        // Groups as they are completed: what is called comes first.
        let mut found: Vec<u32> = Vec::with_capacity(count);
        let mut ends: Vec<u32> = Vec::new();
        let mut next_index = 0;
        // A stack of its own: the input decides how deep the calls go.
        let mut steps: Vec<(u32, usize)> = Vec::new();
        for root in 0..count as u32 {
            if index[root as usize] != UNSEEN {
                continue;
            }
            steps.push((root, links.places(root).start));
            while let Some((function, place)) = steps.pop() {
                let at = function as usize;
                let places = links.places(function);
                if place == places.start && index[at] == UNSEEN {
                    index[at] = next_index;
                    lowest[at] = next_index;
                    next_index += 1;
                    waiting.push(function);
                }
                if place < places.end {
                    let callee = links.all()[place].callee as usize;
                    steps.push((function, place + 1));
                    if index[callee] == UNSEEN {
                        steps.push((callee as u32, links.places(callee as u32).start));
                    } else if group[callee] == UNSEEN {
                        lowest[at] = lowest[at].min(index[callee]);
                    }
                    continue;
                }
                if lowest[at] == index[at] {
                    while let Some(member) = waiting.pop() {
                        group[member as usize] = ends.len() as u32;
                        found.push(member);
                        if member == function {
                            break;
                        }
                    }
                    ends.push(found.len() as u32);
                }
                if let Some((caller, _)) = steps.last() {
                    let caller = *caller as usize;
                    lowest[caller] = lowest[caller].min(lowest[at]);
                }
            }
        }
        // Callers first.
        found.reverse();
        let groups = ends.len() as u32;
        let mut starts: Vec<u32> = ends.iter().rev().map(|end| count as u32 - end).collect();
        starts.push(count as u32);
        group.iter_mut().for_each(|group| *group = groups - 1 - *group);
        Self { order: found, starts, of: group }
    }

    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub fn functions(&self, group: usize) -> &[u32] {
        &self.order[self.starts[group] as usize..self.starts[group + 1] as usize]
    }
}
