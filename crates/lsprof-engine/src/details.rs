//! What is kept of calls beyond CPython's figures, where it is asked for. Each kind stands in a file of its own and hears the same of
//! the recorder: that a call begins, that it is over, that the thread goes on with another stack.
//!
//! A recorder without details has nothing of this on its way: hooks take another one where there are some.

use crate::cells::Link;
use crate::clock::Ticks;
use crate::tables::{Edge, Frame, StackId, Tables};

/// A call that is over.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "each kind of details reads what it needs")]
pub(crate) struct Over {
    pub frame: Link<Frame>,
    pub edge: Link<Edge>,
    /// With all that it called.
    pub total: Ticks,
    /// Without.
    pub own: Ticks,
    /// When it ended.
    pub now: Ticks,
}

/// The details of one thread's calls: of each kind, if it is kept.
#[derive(Debug, Default)]
pub struct Details {}

impl Details {
    /// A call's frame was pushed. The clock is read next, so what this takes is the caller's.
    #[inline(always)]
    pub(crate) fn begins(&mut self, _tables: &Tables, _frame: Link<Frame>) {}

    /// A call is over, and its figures are written.
    #[inline(always)]
    pub(crate) fn ends(&mut self, _tables: &Tables, _over: Over) {}

    /// The thread leaves one stack at `left`, and goes on with another one.
    pub(crate) fn switches(&mut self, _from: StackId, _to: StackId, _left: Ticks) {}
}
