//! Waiting: time in which a thread stood in a function and didn't run, as where another thread has what it needs to go on.
//!
//! ```text
//!        last look                last event                      this event, past the deadline
//!            |<── less than the period ──>|<──────────── gap ───────────>|
//! ```
//! Now and then an event is late, and the thread's processor clock is read. What the thread didn't run since the last look
//! it waited; but for what it may have slept before the last event that was in the gap, of which the newest open call is
//! known. Why so, and what can't be known: docs/design/gil-waits.md.

use std::fmt;

use hashbrown::HashTable;

use crate::cells::{Arena, Cell64, Link};
use crate::clock::Ticks;
use crate::hash::mix;
use crate::tables::{Edge, Wait};

/// What a thread has had of a processor so far, in ticks of the recorder's clock; `None` once that can't be told any more.
pub type Processor = Box<dyn Fn() -> Option<Ticks> + Send>;

/// No event is later than that.
pub(crate) const NEVER: u64 = u64::MAX;

/// Missed is much where it is more than such a part of the time.
const MUCH: i64 = 50;
/// And more than such a part of the longest period.
const UNSURE: i64 = 100;
/// The shortest period is such a part of the longest.
const SHORTER: i64 = 32;
/// By such a part of itself the period grows again, each time.
const SLOWLY: i64 = 64;

/// What a recorder needs to find out where its thread has waited.
pub(crate) struct Waits {
    processor: Processor,
    /// How long after a look an event is late: at most, and at the moment.
    longest: Ticks,
    period: Ticks,
    last: Option<Look>,
    known: HashTable<Link<Wait>>,
}

/// One moment, by both clocks.
#[derive(Clone, Copy)]
struct Look {
    now: Ticks,
    ran: Ticks,
    /// How long functions had taken that may stand still of their own accord, if that is known.
    paused: Option<Ticks>,
}

impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waits").field("period", &self.period).finish_non_exhaustive()
    }
}

impl Waits {
    pub(crate) fn new(processor: Processor, period: Ticks) -> Self {
        Self { processor, longest: period, period, last: None, known: HashTable::new() }
    }

    /// Looks at the clock. Returns how much of the time since the last event the thread has waited at least, and after which
    /// moment to look again. `paused`: how long those functions have taken so far that may stand still of their own accord; as
    /// long the thread may have slept before the last event. `None`: it may have slept at any time.
    pub(crate) fn look(&mut self, last_event: Ticks, now: Ticks, paused: Option<Ticks>) -> (Ticks, u64) {
        let next = self.last.map_or(0, |last| last.now.plus(self.period).0);
        if now.0 <= next {
            // Somebody else is more curious.
            return (Ticks(0), next);
        }
        let Some(ran) = (self.processor)() else { return (Ticks(0), NEVER) };
        let before = self.last.replace(Look { now, ran, paused });
        let waited = before.map_or(0, |before| {
            let passed = now.since(before.now).signed();
            let idle = passed - ran.since(before.ran).signed();
            let earlier = last_event.since(before.now).signed().max(0);
            let paused = before.paused.zip(paused).map(|(before, paused)| paused.since(before).signed());
            let slept = paused.map_or(earlier, |paused| earlier.min(paused.max(0)));
            let waited = (idle - slept).clamp(0, now.since(last_event).signed().max(0));
            self.adapt(passed, waited, idle - slept - waited);
            waited
        });
        (Ticks(waited.cast_unsigned()), now.plus(self.period).0)
    }

    /// Of the time that has `passed` since the last look so much was waited, and so much in gaps that came too early to be late, which
    /// was missed. Where threads take turns quickly, as with a lock that many want, most waits are so short: then events are late sooner.
    fn adapt(&mut self, passed: i64, waited: i64, missed: i64) {
        let (longest, period) = (self.longest.signed(), self.period.signed());
        // Both clocks are not read at once.
        let unsure = longest / UNSURE;
        let next = if missed > (passed / MUCH).max(unsure) {
            period / 2
        } else if waited > unsure && passed < longest {
            // Later, it would have been missed.
            period
        } else {
            period + period / SLOWLY
        };
        self.period = Ticks(next.clamp(longest / SHORTER, longest).cast_unsigned());
    }

    /// So long was waited in a call of this edge.
    pub(crate) fn add(&mut self, arena: &Arena<Wait>, edge: Link<Edge>, waited: Ticks) {
        let hash = |edge: Link<Edge>| mix(edge.address() as u64);
        let known = self.known.find(hash(edge), |wait| wait.of == edge).copied();
        let wait = known.unwrap_or_else(|| {
            let fresh = arena.push(Wait { of: edge, time: Cell64::default() });
            self.known.insert_unique(hash(edge), fresh, |wait| hash(wait.of));
            fresh
        });
        wait.time.add_ticks(waited);
    }
}

#[cfg(test)]
#[path = "waits_tests.rs"]
mod tests;
