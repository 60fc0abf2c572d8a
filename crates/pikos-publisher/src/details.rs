//! What a message tells of calls beyond their rows: how long each took, and how much of their time no processor was at work.

use lsprof_engine::{DurationTotals, FunctionId, Numbers, ticks_of};
use pikos_wire::{DurationRow, IdleRow, Message};

use super::source::{FOLDED, SourceThread, State};

/// Tells them in a message.
pub struct Details<'m> {
    pub state: &'m State,
    pub message: &'m mut Message,
}

impl Details<'_> {
    /// Of ended threads that are no longer kept apart.
    pub fn add_folded(&mut self) {
        let folded = &self.state.folded;
        let numbers = |counts: &lsprof_engine::Counts| Numbers { counts: *counts, ..Numbers::default() };
        for (function, counts) in folded.functions() {
            self.add_idle(FOLDED, None, function, &numbers(&counts));
            if let Some(durations) = folded.durations(function) {
                self.add_durations(FOLDED, function, durations);
            }
        }
        for ((caller, callee), counts) in folded.edges() {
            self.add_idle(FOLDED, Some(*caller), *callee, &numbers(counts));
        }
    }

    /// Of a function, which has this place in the watch of the thread's tables.
    pub fn add_function(
        &mut self,
        thread: &SourceThread,
        place: usize,
        function: FunctionId,
        numbers: &Numbers,
    ) {
        self.add_idle(thread.number, None, function, numbers);
        if self.state.keeps_durations {
            if let Some(durations) = DurationTotals::of_place(&thread.tables, place) {
                self.add_durations(thread.number, function, &durations);
            }
        }
    }

    /// How long it was idle, if it was; of all callers, or of one.
    pub fn add_idle(
        &mut self,
        thread: u64,
        caller: Option<FunctionId>,
        function: FunctionId,
        numbers: &Numbers,
    ) {
        if !self.state.tells_idleness {
            return;
        }
        let (tottime, cumtime) =
            (numbers.counts.idle_own.signed(), numbers.counts.idle_total.signed() + numbers.open.idle);
        if (tottime, cumtime) != (0, 0) {
            let caller = caller.map(|caller| caller.0);
            let row = IdleRow { thread, caller, function: function.0, tottime, cumtime };
            self.message.idle.get_or_insert_default().push(row);
        }
    }

    fn add_durations(&mut self, thread: u64, function: FunctionId, durations: &DurationTotals) {
        let (min, max) = (durations.min.0, durations.max.0.max(durations.min.0));
        let counts =
            durations.counts.iter().flat_map(|&(part, calls)| [ticks_of(part).round() as u64, calls]);
        self.message.durations.get_or_insert_default().push(DurationRow {
            thread,
            function: function.0,
            min,
            max,
            max_ended: self.state.began.map(|began| durations.max_ended.since(began).signed()),
            max_node: durations.max_node,
            counts: counts.collect(),
        });
    }
}
