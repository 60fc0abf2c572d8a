//! A thread, and what is copied of it.

use super::super::layout::Layout;
use super::super::look::Frame;
use super::super::memory::{Batch, Gone, Memory, Piece, word};

/// How many more copies agree about what is new.
pub const AGAIN: usize = 2;

/// What has become of looking at a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is to be copied, or copied again.
    Open,
    /// Its stack is there.
    Whole,
    /// It runs no Python.
    Empty,
    /// It changed while it was copied.
    Torn,
}

/// Open calls, the innermost first.
#[derive(Debug, Default)]
pub struct Stack {
    pub frames: Vec<Frame>,
    /// Where each stands in memory.
    pub places: Vec<usize>,
    pub is_cut: bool,
}

/// A part of the data stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub start: usize,
    pub length: usize,
}

/// A thread, and where its frames were the last time.
#[derive(Debug)]
pub struct Thread {
    pub at: usize,
    /// Which one's, an index.
    pub interpreter: usize,
    pub native_id: u64,
    pub ident: u64,
    pub outcome: Outcome,
    pub stack: Stack,
    /// 3.11 and 3.12: where the pointer to the running frame is.
    pub cframe: usize,
    /// The data stack, the newest part first.
    pub regions: Vec<Region>,
    /// Frames outside of it.
    pub elsewhere: Vec<usize>,
    pub codes: Vec<usize>,
    /// Whether its stack has something new, so that one copy of it isn't enough.
    pub is_new: bool,
    /// Whether its stack was the same at the last two looks. Then less is copied, which is enough if it is the same again.
    pub rests: bool,
    /// Which frame its stack was read from.
    pub running: usize,
    /// The frame that ran both before and after the copy.
    pub steady: Option<usize>,
    /// The last stack that was whole.
    pub before: Vec<Frame>,
    /// While it rests: all that was copied of it when its stack was read last. As long as that stays, the stack does.
    pub copied: Vec<u8>,
    pub asked: Asked,
}

/// A thread's pieces in a batch.
#[derive(Debug, Default)]
pub struct Asked {
    /// The thread's state, before and after all the rest; after it alone for a thread at rest.
    pub state: [Option<Piece>; 2],
    pub cframe: [Option<Piece>; 2],
    pub elsewhere: [Vec<Piece>; 2],
    /// The data stack, and the same again right after where one copy isn't enough.
    pub copies: [Vec<Piece>; 1 + AGAIN],
}

impl Asked {
    /// What was copied, one piece after the other. `None`: some of it isn't there.
    fn pieces<'a>(&self, batch: &'a Batch) -> impl Iterator<Item = Option<&'a [u8]>> {
        let [before, after] = &self.elsewhere;
        let single = self.state.into_iter().chain(self.cframe).flatten();
        single
            .chain(before.iter().chain(after).chain(self.copies.iter().flatten()).copied())
            .map(move |piece| batch.get(piece))
    }
}

impl Thread {
    /// Whether what was copied is what was copied when its stack was read last.
    pub fn is_as_it_was(&self, batch: &Batch) -> bool {
        let mut rest = &self.copied[..];
        !rest.is_empty()
            && self.asked.pieces(batch).all(|piece| {
                let Some(left) = piece.and_then(|piece| rest.strip_prefix(piece)) else { return false };
                rest = left;
                true
            })
            && rest.is_empty()
    }

    /// Keeps what was copied while it rests.
    pub fn keep_copied(&mut self, batch: &Batch) {
        self.copied.clear();
        if self.rests && self.outcome == Outcome::Whole {
            self.copied.extend(self.asked.pieces(batch).flatten().flatten());
        }
    }

    pub fn new(at: usize, interpreter: usize) -> Self {
        Self {
            at,
            interpreter,
            native_id: 0,
            ident: 0,
            outcome: Outcome::Open,
            stack: Stack::default(),
            cframe: 0,
            regions: Vec::new(),
            elsewhere: Vec::new(),
            codes: Vec::new(),
            is_new: false,
            rests: false,
            running: 0,
            steady: None,
            before: Vec::new(),
            copied: Vec::new(),
            asked: Asked::default(),
        }
    }

    /// The thread behind it in its interpreter's list, as it was copied.
    pub fn next(&self, layout: &Layout, batch: &Batch) -> Option<usize> {
        word(batch.get(self.asked.state[1]?)?, layout.thread.next)
    }
}

/// The frame that runs, looked up word by word.
pub fn current_frame(
    layout: &Layout,
    thread: usize,
    memory: &impl Memory,
    batch: &mut Batch,
) -> Result<usize, Gone> {
    let mut at = thread.wrapping_add(layout.thread.frame);
    for step in 0..2 {
        batch.clear();
        let piece = batch.add(at, 8);
        batch.read(memory)?;
        let Some(found) = batch.word(piece) else { return Ok(0) };
        match layout.thread.in_cframe {
            Some(offset) if step == 0 => at = found.wrapping_add(offset),
            _ => return Ok(found),
        }
    }
    Ok(0)
}
