//! One thread's stack, out of copies of its memory.
//!
//! Nearly all frames of a thread stand together in chunks of its data stack, one right behind the other, so that one piece has them,
//! copied within a fraction of a microsecond. What stands elsewhere, frames of running generators and the marks that CPython
//! (3.12 on) puts between calls from C, is copied before and after it, and must be the same both times.

use super::codes::{Check, Codes};
use super::layout::Layout;
use super::links::Links;
use super::look::Frame;
use super::memory::{Batch, Gone, Memory, Piece, half, word};

/// A deeper stack is cut: its outermost frames are left out.
const DEPTH: usize = 2048;
/// Frames outside of the data stack that one thread may have.
const ELSEWHERE: usize = 512;
/// Chunks of a data stack, and bytes of them, that are copied.
const CHUNKS: usize = 16;
const BYTES: usize = 4 << 20;
/// What is copied of all threads together: those beyond aren't looked at.
const BYTES_OF_ALL: usize = 64 << 20;
/// No program's memory is further up.
const TOP: usize = 1 << 47;
/// A chunk begins with its head: the chunk before, its size, how much of it is used.
const CHUNK_HEAD: usize = 24;
/// How much is copied beyond what was in use at the last look: calls may have come.
const SLACK: usize = 768;

/// How many more copies agree about what is new.
const AGAIN: usize = 2;

/// Who owns a frame: from here on, nobody but the interpreter.
const OF_INTERPRETER: u8 = 3;
const OF_GENERATOR: u8 = 1;

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
    pub is_cut: bool,
}

/// A part of the data stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    start: usize,
    length: usize,
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
    cframe: usize,
    /// The data stack, the newest part first.
    regions: Vec<Region>,
    /// Frames outside of it.
    elsewhere: Vec<usize>,
    codes: Vec<usize>,
    /// Whether its stack has something new, so that one copy of it isn't enough.
    is_new: bool,
    /// Which frame its stack was read from.
    running: usize,
    /// The frame that ran both before and after the copy.
    steady: Option<usize>,
    /// The last stack that was whole.
    before: Vec<Frame>,
    asked: Asked,
}

/// A thread's pieces in a batch.
#[derive(Debug, Default)]
struct Asked {
    /// The thread's state, before and after all the rest.
    state: [Option<Piece>; 2],
    cframe: [Option<Piece>; 2],
    elsewhere: [Vec<Piece>; 2],
    /// The data stack, and the same again right after where one copy isn't enough.
    copies: [Vec<Piece>; 1 + AGAIN],
}

impl Thread {
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
            running: 0,
            steady: None,
            before: Vec::new(),
            asked: Asked::default(),
        }
    }

    /// The thread behind it in its interpreter's list, as it was copied.
    pub fn next(&self, layout: &Layout, batch: &Batch) -> Option<usize> {
        word(batch.get(self.asked.state[0]?)?, layout.thread.next)
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

/// What is asked of all threads together.
#[derive(Debug, Default)]
pub struct Walk {
    checks: Vec<(usize, Check)>,
    links: Links,
    spare: Stack,
    /// Code objects that nothing is known of.
    pub unknown: Vec<usize>,
}

/// Why a stack isn't there yet.
enum Why {
    /// More was found out about where it is.
    More,
    /// It changed.
    Torn,
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
            asked.state[0] = Some(batch.add(thread.at, layout.thread.length));
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
            asked.elsewhere[1].extend(thread.elsewhere.iter().map(|at| batch.add(*at, layout.frame.length)));
            asked.cframe[1] = cframe.map(|offset| batch.add(thread.cframe.wrapping_add(offset), 8));
            asked.state[1] = Some(batch.add(thread.at, layout.thread.length));
            addresses.extend_from_slice(&thread.codes);
        }
        addresses.sort_unstable();
        addresses.dedup();
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
        let (mut learned, mut torn) = (false, false);
        for thread in threads.iter_mut().filter(|thread| thread.outcome == Outcome::Open) {
            let mut stack = std::mem::take(&mut thread.stack);
            let (checks, unknown) = (&self.checks, &mut self.unknown);
            let mut copy = Copy { layout, codes, batch, checks, unknown, which: 0 };
            match copy.settle(thread, &mut stack).and_then(|outcome| {
                copy.believe(thread, &stack, &mut self.spare, &mut self.links)?;
                Ok(outcome)
            }) {
                Ok(outcome) => {
                    thread.outcome = outcome;
                    thread.is_new = false;
                    thread.before.clone_from(&stack.frames);
                }
                Err(Why::More) => learned = true,
                Err(Why::Torn) => torn = true,
            }
            thread.stack = stack;
        }
        self.unknown.sort_unstable();
        self.unknown.dedup();
        (learned, torn)
    }
}

/// What was copied, and what is known.
struct Copy<'a> {
    layout: &'a Layout,
    codes: &'a Codes,
    batch: &'a Batch,
    checks: &'a [(usize, Check)],
    unknown: &'a mut Vec<usize>,
    /// Which copy of the data stack is read.
    which: usize,
}

/// A frame's head, as it was copied.
struct Head {
    code: usize,
    previous: usize,
    instruction: usize,
    owner: u8,
    /// The data stack's part that it stands in.
    region: Option<usize>,
    /// How many words its value stack and local variables have, -1 while it runs; `None` where the layout doesn't tell.
    height: Option<i64>,
    /// 3.11: whether C called it.
    is_entry: bool,
}

impl Copy<'_> {
    fn settle(&mut self, thread: &mut Thread, stack: &mut Stack) -> Result<Outcome, Why> {
        let of = &self.layout.thread;
        let states = thread.asked.state.map(|piece| piece.and_then(|piece| self.batch.get(piece)));
        let [Some(before), Some(after)] = states else { return Err(Why::Torn) };
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

    /// Adapts where the data stack is copied from to where it is now. Whether it was copied whole.
    fn follow_chunks(&self, thread: &mut Thread, chunk: usize, top: usize) -> bool {
        let used = top.wrapping_sub(chunk);
        if !(1..TOP).contains(&chunk) || !(CHUNK_HEAD..=BYTES).contains(&used) {
            thread.regions.clear();
            return false;
        }
        match thread.regions.iter().position(|region| region.start == chunk) {
            Some(0) => {}
            Some(popped) => {
                thread.regions.drain(..popped);
                return false;
            }
            None => {
                thread.regions.insert(0, Region { start: chunk, length: used });
                thread.regions.truncate(CHUNKS);
                return false;
            }
        }
        let mut whole = true;
        let mut total = 0;
        let mut index = 0;
        while index < thread.regions.len() {
            let region = thread.regions[index];
            let head = thread.asked.copies[0].get(index).and_then(|piece| self.batch.get(*piece));
            let Some((previous, size, filled)) =
                head.and_then(|head| Some((word(head, 0)?, word(head, 8)?, word(head, 16)?)))
            else {
                thread.regions.truncate(index.max(1));
                if index == 0 {
                    thread.regions[0].length = used;
                }
                return false;
            };
            let (needed, wanted) = if index == 0 {
                (used, (used + SLACK).min(size))
            } else {
                let used = filled.saturating_mul(8).saturating_add(CHUNK_HEAD);
                (used, used)
            };
            total = needed.saturating_add(total);
            if total > BYTES {
                thread.regions.truncate(index);
                break;
            }
            whole &= region.length >= needed;
            thread.regions[index].length = wanted.max(needed);
            if let Some(next) = thread.regions.get(index + 1)
                && next.start != previous
            {
                thread.regions.truncate(index + 1);
            }
            index += 1;
        }
        whole
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

    /// A frame's head, out of the copy. `is_top`: it runs, so that its instruction may differ from copy to copy.
    fn find(&self, thread: &mut Thread, at: usize, is_top: bool) -> Result<Head, Why> {
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
        let [first, second] = [0, 1].map(|which| {
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

    /// As [`Self::walk`], given a frame that ran shortly before or after the data stack was copied.
    fn walk_from(&mut self, thread: &mut Thread, stack: &mut Stack, near: usize) -> Result<(), Why> {
        thread.running = near;
        let from = self.innermost(thread, near)?;
        self.walk(thread, stack, from)
    }

    /// Which frame ran when the data stack was copied. To 3.13 a frame says itself whether it runs or has called another one; later ones
    /// say at least that they have ended.
    fn innermost(&self, thread: &mut Thread, near: usize) -> Result<usize, Why> {
        if self.layout.tells_running() {
            self.running_one(thread, near)
        } else {
            self.one_that_stands(thread, near)
        }
    }

    fn running_one(&self, thread: &mut Thread, near: usize) -> Result<usize, Why> {
        let mut at = near;
        let mut below = 0;
        for step in 0..DEPTH {
            let head = self.find(thread, at, true)?;
            if head.region.is_none() || head.height == Some(-1) {
                return Ok(at);
            }
            if step == 0 {
                below = head.previous;
            }
            let Some(known) = self.codes.known(head.code) else { return Ok(near) };
            let callee = at + known.frame_size;
            if !self.is_copied(thread, callee) || self.find(thread, callee, true)?.previous != at {
                break;
            }
            at = callee;
        }
        if below != 0 && self.find(thread, below, true)?.height == Some(-1) {
            return Ok(below);
        }
        Ok(near)
    }

    fn one_that_stands(&self, thread: &mut Thread, near: usize) -> Result<usize, Why> {
        let mut at = near;
        // More than one return within the time of a copy is rare.
        for _ in 0..3 {
            let head = self.find(thread, at, true)?;
            if head.region.is_none() || head.previous == 0 {
                break;
            }
            if head.code != 0 {
                let Some(known) = self.codes.known(head.code) else { break };
                let instruction = head.instruction.wrapping_sub(head.code + self.layout.code.instructions);
                if head.height.unwrap_or(0) >= known.locals as i64 && !known.places.ends(instruction) {
                    break;
                }
            }
            at = head.previous;
        }
        Ok(at)
    }

    /// Whether a frame at this place of the data stack was copied.
    fn is_copied(&self, thread: &Thread, at: usize) -> bool {
        let copies = &thread.asked.copies[self.which];
        thread.regions.iter().zip(copies).any(|(region, piece)| {
            at >= region.start + CHUNK_HEAD
                && self
                    .batch
                    .get(*piece)
                    .is_some_and(|bytes| at + self.layout.frame.length <= region.start + bytes.len())
        })
    }

    /// From the frame that runs to the outermost one.
    fn walk(&mut self, thread: &mut Thread, stack: &mut Stack, from: usize) -> Result<(), Why> {
        stack.frames.clear();
        stack.is_cut = false;
        let mut elsewhere = Vec::new();
        let mut codes = Vec::new();
        let mut missing = false;
        // The frame that stands behind the next one in the same part of the data stack.
        let mut behind: Option<(usize, usize)> = None;
        let mut is_top = true;
        // Whether the last frame was called by its caller's own instruction, without C in between.
        let mut is_inlined = false;
        let mut at = from;
        while at != 0 {
            if stack.frames.len() == DEPTH {
                stack.is_cut = true;
                break;
            }
            let head = self.find(thread, at, is_top)?;
            if head.region.is_none() {
                // Twice the same frame is a circle.
                if elsewhere.contains(&at) {
                    return Err(Why::Torn);
                }
                elsewhere.push(at);
            }
            if self.layout.minor >= 12 && head.owner >= OF_INTERPRETER {
                at = head.previous;
                is_inlined = false;
                continue;
            }
            if head.code == 0 {
                return Err(Why::Torn);
            }
            if !codes.contains(&head.code) {
                codes.push(head.code);
            }
            let Some(known) = self.codes.known(head.code) else {
                self.unknown.push(head.code);
                missing = true;
                // What stands before it is found by its size.
                behind = None;
                at = head.previous;
                if stack.frames.len() + codes.len() > 2 * DEPTH {
                    return Err(Why::Torn);
                }
                stack.frames.push(Frame { code: super::look::CodeId(u32::MAX), instruction: 0 });
                is_top = false;
                continue;
            };
            missing |= self.checks.binary_search_by_key(&head.code, |(at, _)| *at).is_err();
            if let Some(region) = head.region {
                let end = at + known.frame_size;
                let expected = match behind {
                    Some((same, frame)) if same == region => Some(frame),
                    Some((newer, _)) if newer > region => return Err(Why::Torn),
                    _ => None,
                };
                if expected.is_some_and(|expected| expected != end) {
                    return Err(Why::Torn);
                }
                behind = Some((region, at));
            }
            let locals = known.locals as i64;
            let stands = match head.height {
                Some(-1) if self.layout.tells_running() => !is_inlined,
                // A frame that calls a tool's hooks says that it doesn't run.
                Some(height) if is_top && self.layout.tells_running() => {
                    height >= locals && thread.steady == Some(at)
                }
                Some(height) => height >= locals,
                None => false,
            };
            let start = head.code + self.layout.code.instructions;
            let instruction = head.instruction.wrapping_sub(start) as isize;
            if !stands || instruction < -2 || instruction > known.length as isize || instruction % 2 != 0 {
                return Err(Why::Torn);
            }
            let offset = usize::try_from(instruction).unwrap_or(0);
            let is_shown = head.owner == OF_GENERATOR || instruction >= known.first_traceable as isize;
            let fits = match (is_top, is_inlined) {
                (true, _) => head.height == Some(-1) || !known.places.ends(offset),
                (false, true) => !is_shown || known.places.can_call(offset),
                (false, false) => true,
            };
            if !fits {
                return Err(Why::Torn);
            }
            if is_shown {
                stack.frames.push(Frame { code: known.id, instruction: instruction.max(-1) as i32 });
            }
            is_inlined = !head.is_entry;
            is_top = false;
            at = head.previous;
        }
        thread.codes = codes;
        if missing {
            return Err(Why::More);
        }
        thread.elsewhere = elsewhere;
        Ok(())
    }
}
