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

/// These threads, or all.
pub type Threads<'t> = Option<&'t [u64]>;

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

    /// How long a function was idle, by a caller or by all; own and cumulative ticks, in all threads or in these.
    pub fn idle(&self, threads: Threads<'_>, caller: Option<u32>, function: u32) -> (i64, i64) {
        let Some(known) = self.idle.get(&(caller, function)) else { return (0, 0) };
        of_threads(known, threads)
            .fold((0, 0), |(own, all), more| (own.wrapping_add(more.0), all.wrapping_add(more.1)))
    }

    /// How long the calls of a function took, in each thread or in these.
    pub fn durations(&self, threads: Threads<'_>, function: u32) -> impl Iterator<Item = &DurationRow> {
        self.durations.get(&function).into_iter().flat_map(move |known| of_threads(known, threads))
    }
}

/// What is known in all threads, or in these.
fn of_threads<'k, V>(known: &'k HashMap<u64, V>, threads: Threads<'_>) -> impl Iterator<Item = &'k V> {
    let all = threads.is_none().then(|| known.values());
    let some = threads.into_iter().flatten().filter_map(move |thread| known.get(thread));
    all.into_iter().flatten().chain(some)
}
