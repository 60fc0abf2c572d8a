//! Frames, found in what was copied.

use super::super::codes::{Check, Codes};
use super::super::layout::Layout;
use super::super::memory::{Batch, half, word};
use super::thread::{Region, Thread};

/// A deeper stack is cut: its outermost frames are left out.
pub const DEPTH: usize = 2048;
/// Frames outside of the data stack that one thread may have.
const ELSEWHERE: usize = 512;
/// Chunks of a data stack that are copied.
pub const CHUNKS: usize = 16;
/// No program's memory is further up.
pub const TOP: usize = 1 << 47;
/// A chunk begins with its head: the chunk before, its size, how much of it is used.
pub const CHUNK_HEAD: usize = 24;
/// Who owns a frame: from here on, nobody but the interpreter.
pub const OF_INTERPRETER: u8 = 3;

/// Why a stack isn't there yet.
pub enum Why {
    /// More was found out about where it is.
    More,
    /// It changed.
    Torn,
}

/// What was copied, and what is known.
pub struct Copy<'a> {
    pub layout: &'a Layout,
    pub codes: &'a Codes,
    pub batch: &'a Batch,
    pub checks: &'a [(usize, Check)],
    pub unknown: &'a mut Vec<usize>,
    /// Which copy of the data stack is read.
    pub which: usize,
}

/// A frame's head, as it was copied.
pub struct Head {
    pub code: usize,
    pub previous: usize,
    pub instruction: usize,
    pub owner: u8,
    /// The data stack's part that it stands in.
    pub region: Option<usize>,
    /// How many words its value stack and local variables have, -1 while it runs; `None` where the layout doesn't tell.
    pub height: Option<i64>,
    /// 3.11: whether C called it.
    pub is_entry: bool,
}

impl Copy<'_> {
    /// A frame's head, out of the copy. `is_top`: it runs, so that its instruction may differ from copy to copy.
    pub fn find(&self, thread: &mut Thread, at: usize, is_top: bool) -> Result<Head, Why> {
        let length = self.layout.frame.length;
        let copies = &thread.asked.copies[self.which];
        for (index, (region, piece)) in thread.regions.iter().zip(copies).enumerate() {
            let Some(offset) = at.checked_sub(region.start).filter(|offset| *offset >= CHUNK_HEAD) else {
                continue;
            };
            if let Some(bytes) =
                self.batch.get(*piece).and_then(|bytes| bytes.get(offset..offset.checked_add(length)?))
            {
                return self.head(bytes, at, Some(index)).ok_or(Why::Torn);
            }
        }
        let Some(index) = thread.elsewhere.iter().position(|elsewhere| *elsewhere == at) else {
            return Err(self.miss(thread, at));
        };
        let [first, second] = [0, usize::from(!thread.rests)].map(|which| {
            let bytes = self.batch.get(*thread.asked.elsewhere[which].get(index)?)?;
            self.head(bytes, at, None)
        });
        // Asked for since the copy was made.
        if index >= thread.asked.elsewhere[0].len() {
            return Err(Why::More);
        }
        let (Some(first), Some(second)) = (first, second) else { return Err(Why::Torn) };
        let same = first.code == second.code
            && first.previous == second.previous
            && first.owner == second.owner
            && (is_top || first.owner >= OF_INTERPRETER || first.instruction == second.instruction);
        if same { Ok(second) } else { Err(Why::Torn) }
    }

    /// Asks for a frame that wasn't copied.
    fn miss(&self, thread: &mut Thread, at: usize) -> Why {
        if !at.is_multiple_of(8) || at >= TOP {
            return Why::Torn;
        }
        let last = thread.regions.len().checked_sub(1);
        let head = last.and_then(|last| self.batch.get(*thread.asked.copies[0].get(last)?));
        if let Some(previous) =
            head.and_then(|head| word(head, 0)).filter(|previous| (1..TOP).contains(previous))
            && thread.regions.len() < CHUNKS
            && thread.regions.iter().all(|region| region.start != previous)
        {
            thread.regions.push(Region { start: previous, length: CHUNK_HEAD });
        }
        if thread.elsewhere.len() >= ELSEWHERE || thread.elsewhere.contains(&at) {
            thread.elsewhere.clear();
            return Why::Torn;
        }
        thread.elsewhere.push(at);
        Why::More
    }

    fn head(&self, bytes: &[u8], at: usize, region: Option<usize>) -> Option<Head> {
        let of = &self.layout.frame;
        let height = if self.layout.tells_running() {
            half(bytes, of.stack_top).map(i64::from)
        } else {
            let words = word(bytes, of.stack_top)?.wrapping_sub(at.wrapping_add(of.length)) as i64;
            (words % 8 == 0).then_some(words / 8)
        };
        Some(Head {
            code: word(bytes, of.code)? & !7,
            previous: word(bytes, of.previous)?,
            instruction: word(bytes, of.instruction)?,
            owner: *bytes.get(of.owner)?,
            region,
            height,
            is_entry: self.layout.minor == 11 && bytes.get(of.owner - 1)? & 1 == 1,
        })
    }

    /// Whether a frame at this place of the data stack was copied.
    pub fn is_copied(&self, thread: &Thread, at: usize) -> bool {
        let copies = &thread.asked.copies[self.which];
        thread.regions.iter().zip(copies).any(|(region, piece)| {
            at >= region.start + CHUNK_HEAD
                && self
                    .batch
                    .get(*piece)
                    .is_some_and(|bytes| at + self.layout.frame.length <= region.start + bytes.len())
        })
    }
}
