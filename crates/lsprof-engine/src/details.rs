//! What is kept of calls beyond CPython's figures, where it is asked for. Each kind stands in a file of its own and hears the same of
//! the recorder: that a call begins, that it is over, that the thread goes on with another stack.
//!
//! A recorder without details has nothing of this on its way: hooks take another one where there are some.

use crate::cells::Link;
use crate::clock::Ticks;
use crate::coroutines::Steps;
use crate::durations;
use crate::idle::Idle;
use crate::tables::{Frame, Over, StackId, Tables};
use crate::waits::Processor;

/// The details of one thread's calls: of each kind, if it is kept.
#[derive(Debug, Default)]
pub struct Details {
    /// Steps of coroutines and generators. The recorder tells more of these: see [`crate::coroutines`].
    pub(crate) steps: Option<Steps>,
    /// How long each call took.
    keeps_durations: bool,
    idle: Option<Idle>,
}

/// What is kept of most calls where something is kept besides the figures: those that are no steps, are shorter than this, and in which
/// the thread was never idle need nothing but their duration noted.
#[derive(Clone, Copy)]
pub(crate) struct Lean {
    /// In ticks. Below all times if there are no such calls.
    pub(crate) below: i64,
    pub(crate) keeps_durations: bool,
}

impl Lean {
    pub(crate) const NO_CALL: Self = Self { below: i64::MIN, keeps_durations: false };

    /// Whether there are such calls.
    #[inline(always)]
    pub(crate) fn any(self) -> bool {
        self.below != i64::MIN
    }
}

impl Details {
    /// Follows the steps of coroutines, from now on.
    pub fn follow(&mut self, steps: Steps) {
        self.steps = Some(steps);
    }

    /// Keeps how long each call takes, from now on.
    pub fn keep_durations(&mut self) {
        self.keeps_durations = true;
    }

    /// Tells idleness apart, from now on: where a gap between two events is longer than `patience`, `processor` is asked, the clock
    /// of the recorder's thread.
    pub fn tell_idleness(&mut self, processor: Processor, patience: Ticks) {
        self.idle = Some(Idle::new(processor, patience));
    }

    /// Which calls need little of all this.
    pub(crate) fn lean(&self) -> Lean {
        let below = self.steps.as_ref().map_or(i64::MAX, Steps::long);
        Lean { below, keeps_durations: self.keeps_durations }
    }

    /// What tells idleness apart.
    pub(crate) fn idle(&mut self) -> Option<&mut Idle> {
        self.idle.as_mut()
    }

    /// A call's frame was pushed. The clock is read next, so what this takes is the caller's.
    #[inline(always)]
    pub(crate) fn begins(&mut self, _tables: &Tables, frame: Link<Frame>) {
        if let Some(idle) = &self.idle {
            idle.begins(frame);
        }
    }

    /// A call is over, and its figures are written.
    #[inline(always)]
    pub(crate) fn ends(&mut self, tables: &Tables, over: Over) {
        if self.keeps_durations {
            let duration = over.total.since(over.total_excess);
            durations::add(&tables.durations, over.edge.callee, duration, over.now, over.node);
        }
        if let Some(idle) = &mut self.idle {
            idle.ends(&tables.idles, over.frame, over.edge);
        }
        if let Some(steps) = &mut self.steps {
            steps.ends(&over);
        }
    }

    /// The thread leaves one stack at `left`, and goes on with another one.
    pub(crate) fn switches(&mut self, _from: StackId, _to: StackId, _left: Ticks) {}
}
