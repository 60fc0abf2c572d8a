//! What is known of calls beyond their figures: how long each took, and how much of their time no processor was at work.

use std::collections::HashMap;

use pikos_wire::{DurationRow, IdleRow};

/// Ticks of own time and of cumulative time.
type Idle = (i64, i64);

/// By function, and by thread.
#[derive(Clone, Debug, Default)]
pub struct KnownDetails {
    /// Of a function by its caller, or by all.
    idle: HashMap<(Option<u32>, u32), HashMap<u64, Idle>>,
    durations: HashMap<u32, HashMap<u64, DurationRow>>,
}

/// How much is kept of one row of durations.
pub fn size(row: &DurationRow) -> usize {
    1 + row.counts.len()
}

impl KnownDetails {
    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// How much there is.
    pub fn size(&self) -> usize {
        let idle: usize = self.idle.values().map(HashMap::len).sum();
        let durations = self.durations.values().flat_map(HashMap::values);
        idle + durations.map(size).sum::<usize>()
    }

    /// Takes rows in.
    pub fn set(&mut self, idle: Option<Vec<IdleRow>>, durations: Option<Vec<DurationRow>>) {
        for row in idle.into_iter().flatten() {
            let of = self.idle.entry((row.caller, row.function)).or_default();
            of.insert(row.thread, (row.tottime, row.cumtime));
        }
        for row in durations.into_iter().flatten() {
            self.durations.entry(row.function).or_default().insert(row.thread, row);
        }
    }

    /// How long a function was idle, by a caller or by all; own and cumulative ticks, in all threads or in one.
    pub fn idle(&self, thread: Option<u64>, caller: Option<u32>, function: u32) -> (i64, i64) {
        let known = self.idle.get(&(caller, function)).into_iter().flatten();
        let meant = known.filter(|(of, _)| thread.is_none_or(|thread| thread == **of));
        meant.fold((0, 0), |(own, all), (_, more)| (own.wrapping_add(more.0), all.wrapping_add(more.1)))
    }

    /// How long the calls of a function took, in each thread or in one.
    pub fn durations(&self, thread: Option<u64>, function: u32) -> impl Iterator<Item = &DurationRow> {
        let known = self.durations.get(&function).into_iter().flat_map(HashMap::values);
        known.filter(move |row| thread.is_none_or(|thread| thread == row.thread))
    }
}
