//! One thread's stack, out of copies of its memory.
//!
//! Nearly all frames of a thread stand together in chunks of its data stack, one right behind the other, so that one piece has them,
//! copied within a fraction of a microsecond. What stands elsewhere, frames of running generators and the marks that CPython
//! (3.12 on) puts between calls from C, is copied before and after it, and must be the same both times.

mod chunks;
mod copy;
mod running;
mod stack;
mod thread;

use super::codes::{Check, Codes};
use super::layout::Layout;
use super::links::Links;
use super::memory::{Batch, word};
use copy::{Copy, Why};
use thread::AGAIN;
pub use thread::{Outcome, Stack, Thread, current_frame};

/// What is copied of all threads together: those beyond aren't looked at.
const BYTES_OF_ALL: usize = 64 << 20;

/// What is asked of all threads together.
#[derive(Debug, Default)]
pub struct Walk {
    checks: Vec<(usize, Check)>,
    /// How many code objects the stacks had.
    asked: usize,
    links: Links,
    spare: Stack,
    /// Code objects that nothing is known of.
    pub unknown: Vec<usize>,
}

impl Walk {
    /// Asks for all that is needed of threads which are open. At the first time of a look, that are all.
    pub fn ask(&mut self, layout: &Layout, threads: &mut [Thread], codes: &Codes, batch: &mut Batch) {
        self.checks.clear();
        let mut addresses = Vec::new();
        for thread in threads.iter_mut().filter(|thread| thread.outcome == Outcome::Open) {
            let asked = &mut thread.asked;
            if batch.length() > BYTES_OF_ALL {
                thread.outcome = Outcome::Torn;
                continue;
            }
            asked.state[0] = (!thread.rests).then(|| batch.add(thread.at, layout.thread.length));
            let cframe = layout.thread.in_cframe.filter(|_| thread.cframe != 0);
            asked.cframe[0] = cframe.map(|offset| batch.add(thread.cframe.wrapping_add(offset), 8));
            asked.elsewhere[0].clear();
            asked.elsewhere[0].extend(thread.elsewhere.iter().map(|at| batch.add(*at, layout.frame.length)));
            for (which, copy) in asked.copies.iter_mut().enumerate() {
                copy.clear();
                if which == 0 || thread.is_new {
                    copy.extend(thread.regions.iter().map(|region| batch.add(region.start, region.length)));
                }
            }
            asked.elsewhere[1].clear();
            if !thread.rests {
                asked.elsewhere[1]
                    .extend(thread.elsewhere.iter().map(|at| batch.add(*at, layout.frame.length)));
            }
            asked.cframe[1] = cframe.map(|offset| batch.add(thread.cframe.wrapping_add(offset), 8));
            asked.state[1] = Some(batch.add(thread.at, layout.thread.length));
            addresses.extend_from_slice(&thread.codes);
        }
        addresses.sort_unstable();
        addresses.dedup();
        self.asked = addresses.len();
        self.checks.extend(
            addresses
                .into_iter()
                .filter(|at| codes.known(*at).is_some())
                .map(|at| (at, codes.check(layout, at, batch))),
        );
    }
}

impl Walk {
    /// Makes stacks of what was copied of open threads. Whether more was learned, so that another copy may do; and whether one changed.
    pub fn settle(
        &mut self,
        layout: &Layout,
        threads: &mut [Thread],
        codes: &mut Codes,
        batch: &Batch,
    ) -> (bool, bool) {
        self.unknown.clear();
        self.checks.retain(|(at, check)| codes.is_same(*at, *check, batch));
        let all_codes_stay = self.checks.len() == self.asked;
        let (mut learned, mut torn) = (false, false);
        for thread in threads.iter_mut().filter(|thread| thread.outcome == Outcome::Open) {
            if all_codes_stay && thread.rests && thread.is_as_it_was(batch) {
                thread.outcome = Outcome::Whole;
                continue;
            }
            thread.copied.clear();
            let mut stack = std::mem::take(&mut thread.stack);
            let (checks, unknown) = (&self.checks, &mut self.unknown);
            let mut copy = Copy { layout, codes, batch, checks, unknown, which: 0 };
            match copy.settle(thread, &mut stack).and_then(|outcome| {
                copy.believe(thread, &stack, &mut self.spare, &mut self.links)?;
                Ok(outcome)
            }) {
                Ok(outcome) => {
                    thread.rests = thread.before == stack.frames;
                    thread.outcome = outcome;
                    thread.is_new = false;
                    thread.before.clone_from(&stack.frames);
                }
                Err(Why::More) => learned = true,
                Err(Why::Torn) => {
                    thread.rests = false;
                    torn = true;
                }
            }
            thread.stack = stack;
            thread.keep_copied(batch);
        }
        self.unknown.sort_unstable();
        self.unknown.dedup();
        (learned, torn)
    }
}

impl Copy<'_> {
    fn settle(&mut self, thread: &mut Thread, stack: &mut Stack) -> Result<Outcome, Why> {
        let of = &self.layout.thread;
        let states = thread.asked.state.map(|piece| piece.and_then(|piece| self.batch.get(piece)));
        let Some(after) = states[1] else { return Err(Why::Torn) };
        let before = if thread.rests { after } else { states[0].ok_or(Why::Torn)? };
        let read = |state, offset| word(state, offset).ok_or(Why::Torn);
        thread.ident = read(after, of.ident)? as u64;
        thread.native_id = read(after, of.native_id)? as u64;
        let (chunk, top) = (read(after, of.chunk)?, read(after, of.chunk + 8)?);
        let regions_hold = self.follow_chunks(thread, chunk, top);
        let mut running = [read(before, of.frame)?, read(after, of.frame)?];
        if of.in_cframe.is_some() {
            if running[1] == 0 {
                return Ok(Outcome::Empty);
            }
            if thread.cframe != running[1] {
                thread.cframe = running[1];
                return Err(Why::More);
            }
            let words = thread.asked.cframe.map(|piece| piece.and_then(|piece| self.batch.word(piece)));
            // What the C stack had there before, if it was another place, is anything.
            let now = words[1].ok_or(Why::Torn)?;
            thread.steady = (running[0] == running[1] && words[0] == Some(now)).then_some(now);
            running = [now; 2];
        } else {
            thread.steady = (running[0] == running[1]).then_some(running[0]);
        }
        if running == [0, 0] {
            return Ok(Outcome::Empty);
        }
        if !regions_hold {
            return Err(Why::More);
        }
        // Calls stand behind their callers.
        let [deepest, other] = if running[0] > running[1] { running } else { [running[1], running[0]] };
        match self.walk_from(thread, stack, deepest) {
            Err(Why::Torn) if deepest != other => self.walk_from(thread, stack, other)?,
            result => result?,
        }
        Ok(if stack.frames.is_empty() { Outcome::Empty } else { Outcome::Whole })
    }

    /// Whether a stack is to be believed: it has nothing new, or was there twice.
    fn believe(
        &mut self,
        thread: &mut Thread,
        stack: &Stack,
        spare: &mut Stack,
        links: &mut Links,
    ) -> Result<(), Why> {
        if thread.rests && stack.frames != thread.before {
            thread.rests = false;
            return Err(Why::More);
        }
        if links.know(&stack.frames, &thread.before) {
            return Ok(());
        }
        if thread.asked.copies[1].is_empty() {
            thread.is_new = true;
            return Err(Why::More);
        }
        for which in 1..=AGAIN {
            self.which = which;
            let result = self.walk_from(thread, spare, thread.running);
            self.which = 0;
            result?;
            let same = stack.frames.len() == spare.frames.len()
                && stack.frames.iter().zip(&spare.frames).skip(1).all(|(one, other)| one == other)
                && stack.frames.first().map(|top| top.code) == spare.frames.first().map(|top| top.code);
            if !same {
                return Err(Why::Torn);
            }
        }
        links.learn(&stack.frames, &thread.before);
        Ok(())
    }
}
