//! Totals as they were at the end of the last interval: what is told next is those and what was added.

use std::collections::HashMap;

use super::packed::Growth;
use super::slice::{Grown, Of};

/// Of all threads, or of one.
#[derive(Clone, Default)]
pub struct Known {
    /// Functions by their places in the process, edges and stacks by their numbers.
    rows: [HashMap<u32, Growth>; 3],
}

impl Known {
    /// What was added to a total; nothing if nothing was.
    pub fn grown(&mut self, of: Of, place: u32, now: Growth) -> Option<Growth> {
        let was = self.rows[of as usize].entry(place).or_default();
        if *was == now {
            return None;
        }
        let growth = now.since(was);
        *was = now;
        Some(growth)
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
