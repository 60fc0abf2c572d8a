//! Compensation: what recording itself took, kept beside the raw times so that it can be taken out again.
//!
//! ```text
//!  caller ──┬─ interpreter ─┬─ our hook ─┬─ interpreter ─┬─ callee … ─┬─ interpreter ─┬─ our hook ─┬─ interpreter ─┬──> caller
//!           │  `outside`    │  measured  │   `inside`    │            │   `inside`    │  measured  │   `outside`   │
//!                                        start                                        end
//! ```
//! A thread's `spent` is what all its events have taken so far. A frame remembers it from its start; the difference
//! at the end is its excess, with that of its callees. What our hooks take is measured, call by call. What the
//! interpreter takes to come to us and back is calibrated: a constant for each [`Kind`] of callee. A program doesn't run
//! as the loops of the calibration do, nor the machine as it did then. How much slower our hooks are than they were there
//! is the strain, by which the constants grow or shrink; and they grow with the variety of the calls ([`Pace`]).
//!
//! Why so, and what was tried: docs/design/compensation.md.

use crate::cells::{Arena, Link};
use crate::clock::Ticks;
use crate::hash::mix;
use crate::tables::{Edge, Excess, Frame, KINDS, Kind, KnownExcesses, Subject};

/// What one call of each kind takes the interpreter because it is recorded, in ticks.
#[derive(Clone, Debug)]
pub struct Costs {
    /// The part that falls into the callee's time.
    pub inside: [u64; KINDS],
    /// The part that falls into the caller's time.
    pub outside: [u64; KINDS],
    /// What our hooks took for a call of each kind when the others were calibrated; 0 where that isn't known.
    pub hooks: [u64; KINDS],
    /// How many 1024ths of the time measured inside a function of each kind are its own; the rest is what running
    /// under the hook slows the code itself down by.
    pub genuine: [u64; KINDS],
    /// The constants are those of loops over one call. Where many different calls take turns, the interpreter takes more,
    /// and so do our hooks.
    pub mixture: Mixture,
}

/// What it takes where many different calls take turns, in 1024ths of what it takes in a loop over one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mixture {
    /// The interpreter.
    pub constants: u64,
    /// Our hooks.
    pub hooks: u64,
    /// The strain that is believed where they are so many that the caches don't hold our tables.
    pub crowded: u64,
}

impl Default for Mixture {
    fn default() -> Self {
        Self { constants: 1024, hooks: 1024, crowded: 1024 }
    }
}

impl Default for Costs {
    /// Nothing but what is measured.
    fn default() -> Self {
        Self {
            inside: [0; KINDS],
            outside: [0; KINDS],
            hooks: [0; KINDS],
            genuine: [1024; KINDS],
            mixture: Mixture::default(),
        }
    }
}

/// How the program runs: over the last calls, because its phases differ.
#[derive(Debug, Default)]
struct Pace {
    /// How long our hooks take.
    measured: u64,
    /// How long they took in the calibration.
    expected: u64,
    /// Calls that were begun, and those that are over.
    begun: u32,
    calls: u32,
    /// A bit for each caller and callee, by their hash.
    edges: u64,
}

impl Pace {
    /// Calls after which the constants are adapted, at the earliest.
    const WINDOW: u32 = 1024;
    /// The strain that is believed, in 1024ths.
    const BELIEVED: (u64, u64) = (512, 1229);
    /// The processor foresees which of so few different calls comes next: they run as a loop over one call does.
    const FORESEEN: f64 = 4.0;
    /// So many are a mixture: as many as the calibration's has.
    const VARIED: f64 = 30.0;
    /// With so many it is our tables, which the cache doesn't hold, that slow our hooks; less so the interpreter.
    const CROWDED: f64 = 60.0;
    /// From here down the calibration was made in a slow moment of the machine. That slows our hooks less than the
    /// interpreter, as reading the clock takes as long as ever: by a tenth, as measured.
    const SLOW_MOMENT: u64 = 942;
    const SLOWER: u64 = 102;

    /// By how many 1024ths the constants are to grow, once in so many calls.
    #[inline]
    fn after_call(&mut self, expected: u64, edge: Link<Edge>, mixture: Mixture) -> Option<u64> {
        self.expected += expected;
        self.edges |= 1 << (mix(edge.address() as u64) >> 58);
        self.calls += 1;
        // In deep recursion many calls are begun first: of each call both hooks are to be in the window.
        let is_full = self.calls >= Self::WINDOW && self.begun.abs_diff(self.calls) <= self.calls / 16;
        if is_full { std::mem::take(self).growth(mixture) } else { None }
    }

    #[cold]
    fn growth(self, mixture: Mixture) -> Option<u64> {
        let variety = f64::from(self.edges.count_ones());
        let weight = ((variety / Self::FORESEEN).ln() / (Self::VARIED / Self::FORESEEN).ln()).clamp(0.0, 1.0);
        let mixed = |full: u64| 1024 + ((full as f64 - 1024.0) * weight) as u64;
        let (least, most) = Self::BELIEVED;
        let most = if variety < Self::CROWDED { most } else { mixture.crowded };
        // Without an expectation there is none.
        let strain = (self.measured << 20).checked_div(self.expected * mixed(mixture.hooks))?;
        let strain = strain - Self::SLOW_MOMENT.saturating_sub(strain).min(Self::SLOWER).min(strain);
        Some((strain.clamp(least, most) * mixed(mixture.constants)) >> 10)
    }
}

/// What a recorder needs to keep account of its own cost.
#[derive(Debug)]
pub(crate) struct Account {
    /// As calibrated.
    calibrated: Costs,
    /// As adapted to the program's pace.
    costs: Costs,
    pace: Pace,
    /// What no hook takes that only records: one that takes longer has defined a function, or was interrupted.
    longest: u64,
    /// What all events so far have taken, in ticks.
    pub(crate) spent: u64,
    known: KnownExcesses,
}

impl Account {
    pub(crate) fn new(costs: Costs) -> Self {
        let longest = 4 * costs.hooks.iter().max().copied().unwrap_or_default();
        let mut new = Self {
            calibrated: costs.clone(),
            costs,
            pace: Pace::default(),
            longest,
            spent: 0,
            known: KnownExcesses::default(),
        };
        // A program begins with much that is new.
        new.adapt(new.calibrated.mixture.constants);
        new
    }

    /// A hook took this long.
    pub(crate) fn spend(&mut self, time: Ticks) {
        self.spent = self.spent.wrapping_add(time.0);
        self.pace.measured += time.0.min(self.longest);
    }

    #[cold]
    fn adapt(&mut self, growth: u64) {
        let scaled = |constants: &[u64; KINDS]| constants.map(|ticks| (ticks * growth) >> 10);
        self.costs.inside = scaled(&self.calibrated.inside);
        self.costs.outside = scaled(&self.calibrated.outside);
    }

    /// A call of this kind that no frame stands for has been reported.
    pub(crate) fn spend_on(&mut self, kind: Kind) {
        self.spent = self.spent.wrapping_add(self.costs.outside[kind.0 as usize]);
    }

    /// One of the two hooks of a call that is not recorded took this long, and the interpreter half of what it takes for both.
    pub(crate) fn spend_on_hidden(&mut self, kind: Kind, time: Ticks) {
        let kind = kind.0 as usize;
        let both = self.costs.inside[kind].wrapping_add(self.costs.outside[kind]);
        self.spent = self.spent.wrapping_add(time.0).wrapping_add(both / 2);
    }

    /// The frame's call has begun.
    pub(crate) fn open(&mut self, frame: Link<Frame>) {
        self.pace.begun += 1;
        self.go_on(frame);
    }

    /// What recording takes of the frame's call counts from now on.
    pub(crate) fn go_on(&self, frame: Link<Frame>) {
        frame.spent_before.set(self.spent);
        frame.children_excess.set(0);
    }

    /// The frame's call is over: `own` is its raw time without its callees'. The edge and the entry have been told.
    /// Returns how much of `own` recording took, and of all its time.
    pub(crate) fn close(
        &mut self,
        arena: &Arena<Excess>,
        (frame, edge, kind): (Link<Frame>, Link<Edge>, Kind),
        own: Ticks,
    ) -> (Ticks, Ticks) {
        self.spent = self.spent.wrapping_add(self.costs.inside[kind.0 as usize]);
        let excess = self.take_out(arena, (frame, edge, kind), own);
        let kind = kind.0 as usize;
        self.spent = self.spent.wrapping_add(self.costs.outside[kind]);
        let Costs { hooks, mixture, .. } = &self.costs;
        if let Some(growth) = self.pace.after_call(hooks[kind], edge, *mixture) {
            self.adapt(growth);
        }
        excess
    }

    /// What recording has taken of an open call so far, without and with its callees: `own` is its raw time without theirs since this
    /// was asked last. The edge and the entry have been told that it is not open.
    #[inline(always)]
    pub(crate) fn take_out(
        &mut self,
        arena: &Arena<Excess>,
        (frame, edge, kind): (Link<Frame>, Link<Edge>, Kind),
        own: Ticks,
    ) -> (Ticks, Ticks) {
        let kind = kind.0 as usize;
        let children = frame.children_excess.get();
        let so_far = self.spent.wrapping_sub(frame.spent_before.get()).wrapping_sub(children);
        let left = own.signed().saturating_sub_unsigned(so_far).max(0).cast_unsigned();
        let slowdown = left - ((left * self.costs.genuine[kind]) >> 10);
        self.spent = self.spent.wrapping_add(slowdown);
        let own_excess = so_far.wrapping_add(slowdown);
        let total_excess = own_excess.wrapping_add(children);
        if let Some(below) = frame.below.get() {
            below.children_excess.add(total_excess);
        }
        let of_edge = self.known.of(arena, Subject::Edge(edge));
        // Looked up in recursion, too: all calls of a kind are to take our hooks the same time, or the strain would be wrong.
        let of_entry = self.known.of(arena, Subject::Entry(edge.callee));
        of_edge.own.add(own_excess);
        if edge.open.get() == 0 {
            of_edge.total.add(total_excess);
        }
        if edge.callee.open.get() == 0 {
            of_entry.total.add(total_excess);
        }
        (Ticks(own_excess), Ticks(total_excess))
    }
}
