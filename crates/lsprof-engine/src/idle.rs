//! How long a thread was in a function and no processor was at work on it: what is left of the wall's time is the processor's.
//!
//! ```text
//!        last reading                 last event                     this event
//!            |<─ gaps that are too short ──>|<─────── a long gap ────────>|      idle = wall − processor, since the last reading
//! ```
//! Reading a thread's processor clock is a call of the system, dear beside all else that an event does. But a thread can't be taken
//! off its processor and put back in no time. So where the gap between two events is shorter than that takes, it has worked, and
//! only where a gap is longer is the clock read: then all that the thread was idle since the last reading was in this gap, of which
//! the newest open call is known. Nothing of that is on the way of an event whose gap is short.

use std::collections::HashMap;
use std::fmt;

use crate::cells::{Arena, Link};
use crate::clock::Ticks;
use crate::tables::{Edge, Excess, Frame, KnownExcesses, StackId, Subject, Tables};
use crate::waits::Processor;

/// What a recorder needs to find out where its thread was idle.
pub(crate) struct Idle {
    processor: Processor,
    /// In a gap that is no longer the thread has worked.
    patience: Ticks,
    last: Option<Reading>,
    /// All that was found so far.
    sum: u64,
    /// Of stacks that are switched away: what had been found then.
    parked: HashMap<StackId, u64>,
    known: KnownExcesses,
}

/// One moment, by both clocks.
#[derive(Clone, Copy)]
struct Reading {
    now: Ticks,
    ran: Ticks,
}

impl fmt::Debug for Idle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idle").field("patience", &self.patience).finish_non_exhaustive()
    }
}

impl Idle {
    pub(crate) fn new(processor: Processor, patience: Ticks) -> Self {
        Self {
            processor,
            patience,
            last: None,
            sum: 0,
            parked: HashMap::new(),
            known: KnownExcesses::default(),
        }
    }

    /// How long the thread was idle since the last event, and after which moment to look again.
    pub(crate) fn look(&mut self, last_event: Ticks, now: Ticks) -> (Ticks, u64) {
        let next = now.plus(self.patience).0;
        let gap = now.since(last_event).signed();
        if self.last.is_some() && gap <= self.patience.signed() {
            return (Ticks(0), next);
        }
        let Some(ran) = (self.processor)() else { return (Ticks(0), next) };
        let before = self.last.replace(Reading { now, ran });
        let idle = before.map_or(0, |before| {
            let (wall, worked) = (now.since(before.now).signed(), ran.since(before.ran).signed());
            // Another thread's clock: a fork's child begins anew.
            if worked < 0 { 0 } else { (wall - worked).clamp(0, gap.max(0)) }
        });
        (Ticks(idle.cast_unsigned()), next)
    }

    /// So long the thread was idle in a call of this edge. `above` is a call that has begun since, if one has.
    pub(crate) fn add(&mut self, tables: &Tables, edge: Link<Edge>, above: Option<Link<Frame>>, idle: Ticks) {
        self.sum = self.sum.wrapping_add(idle.0);
        tables.running.idle.set(self.sum);
        self.known.of(&tables.idles, Subject::Edge(edge)).own.add_ticks(idle);
        if let Some(frame) = above {
            frame.idle_before.set(self.sum);
        }
    }

    /// A call begins.
    #[inline(always)]
    pub(crate) fn begins(&self, frame: Link<Frame>) {
        frame.idle_before.set(self.sum);
    }

    /// A call is over, and its figures are written.
    #[inline(always)]
    pub(crate) fn ends(&mut self, arena: &Arena<Excess>, frame: Link<Frame>, edge: Link<Edge>) {
        let idle = self.sum.wrapping_sub(frame.idle_before.get());
        if idle != 0 {
            self.add_total(arena, edge, Ticks(idle));
        }
    }

    #[cold]
    #[inline(never)]
    fn add_total(&mut self, arena: &Arena<Excess>, edge: Link<Edge>, idle: Ticks) {
        if edge.open.get() == 0 {
            self.known.of(arena, Subject::Edge(edge)).total.add_ticks(idle);
        }
        if edge.callee.open.get() == 0 {
            self.known.of(arena, Subject::Entry(edge.callee)).total.add_ticks(idle);
        }
    }

    /// The thread goes on with another stack; with nothing open on the one that it leaves that may be gone. Returns what it was idle
    /// on others since it left that one.
    pub(crate) fn switches(&mut self, from: StackId, to: StackId, is_open: bool) -> u64 {
        if is_open {
            self.parked.insert(from, self.sum);
        }
        self.parked.remove(&to).map_or(0, |before| self.sum.wrapping_sub(before))
    }
}

#[cfg(test)]
#[path = "idle_tests.rs"]
mod tests;
