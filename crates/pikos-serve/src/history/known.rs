//! Totals as they were at the end of the last interval: what is told next is those and what was added.

use std::collections::HashMap;

use super::packed::Growth;
use super::slice::{Grown, Of};

/// Of all threads, or of one.
#[derive(Clone, Default)]
pub struct Known {
    /// Of all threads: functions by their places in the process, and edges by their numbers. Most of them are there, and a list
    /// takes half of what a table does.
    lists: Option<[Vec<Growth>; 2]>,
    /// All else.
    rows: [HashMap<u32, Growth>; 3],
}

impl Known {
    /// Of all threads of a process.
    pub fn whole() -> Self {
        Self { lists: Some(Default::default()), ..Self::default() }
    }

    /// What was added to a total; nothing if nothing was.
    pub fn grown(&mut self, of: Of, place: u32, now: Growth) -> Option<Growth> {
        let was = self.at(of, place);
        if *was == now {
            return None;
        }
        let growth = now.since(was);
        *was = now;
        Some(growth)
    }

    /// Forgets the totals of edges, and gives their memory back.
    pub fn forget_edges(&mut self) {
        if let Some([_, edges]) = &mut self.lists {
            *edges = Vec::new();
        }
        self.rows[Of::Edges as usize] = HashMap::new();
    }

    fn at(&mut self, of: Of, place: u32) -> &mut Growth {
        let list = match (&mut self.lists, of) {
            (Some([functions, _]), Of::Functions) => functions,
            (Some([_, edges]), Of::Edges) => edges,
            _ => return self.rows[of as usize].entry(place).or_default(),
        };
        let index = place as usize;
        if index >= list.len() {
            // In small steps: there are as many lists as processes.
            let more = index + 1 - list.len();
            if list.capacity() <= index {
                list.reserve_exact(more.max(list.len() / 8));
            }
            list.resize(index + 1, Growth::default());
        }
        &mut list[index]
    }
}

/// In the order of their numbers, each number once.
pub fn in_order(mut grown: Grown) -> Grown {
    for rows in &mut grown {
        rows.sort_unstable_by_key(|(number, _)| *number);
        rows.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1.add(&next.1);
            }
            is_same
        });
    }
    grown
}
