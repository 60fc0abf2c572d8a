//! Where a coroutine is: its frame, the frame of what it awaits, and so on.

use std::collections::HashSet;

use super::codes::Codes;
use super::look::Frame;
use super::memory::{Batch, Memory, half, word};
use super::objects::{Objects, Unread};

/// A longer chain is cut.
const DEPTH: usize = 1024;
/// What stands between a coroutine and what it awaits has its object here.
const WRAPPED: usize = 16;

/// What the frame of a coroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    NotBegun,
    /// It has yielded a value, or awaits something.
    Yields,
    Awaits,
    Runs,
    IsOver,
}

/// How a chain ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The last coroutine hasn't begun.
    NotBegun,
    /// It runs: this is where its frame stands.
    Runs(usize),
    /// It waits for this object.
    Awaits(usize),
    /// It has let others go first.
    Yields,
    /// It is over.
    IsOver,
}

/// A coroutine, and all that it awaits in turn.
#[derive(Debug)]
pub struct Chain {
    /// The innermost first.
    pub frames: Vec<Frame>,
    /// Where each stands in memory.
    pub places: Vec<usize>,
    pub end: End,
    pub is_cut: bool,
}

/// Reads chains. The functions that it meets are looked at once.
#[derive(Default)]
pub struct Chains {
    checked: HashSet<usize>,
    batch: Batch,
}

/// The head of a coroutine and of its frame.
struct Head {
    does: Does,
    code: usize,
    instruction: usize,
    /// Where the topmost value of its stack stands.
    top: usize,
    /// To tell whether it is the same still.
    bytes: Vec<u8>,
}

impl Chains {
    /// The chain that begins with this coroutine. [`Unread::Nonsense`], too, where it changed while it was read.
    pub fn chain<M: Memory>(
        &mut self,
        objects: &mut Objects<'_, M>,
        codes: &mut Codes,
        coroutine: usize,
    ) -> Result<Chain, Unread> {
        let frame_offset = objects.layout.generator.frame;
        let mut seen: Vec<(usize, Vec<u8>)> = Vec::new();
        let mut chain = Chain { frames: Vec::new(), places: Vec::new(), end: End::Yields, is_cut: false };
        let mut next = coroutine;
        chain.end = loop {
            let Some(at) = of_python(objects, next)? else { break End::Awaits(next) };
            if seen.iter().any(|(other, _)| *other == at) {
                return Err(Unread::Nonsense);
            }
            if seen.len() == DEPTH {
                chain.is_cut = true;
                break End::Yields;
            }
            let head = head(objects, at)?;
            let frame = match head.does {
                Does::Runs => break End::Runs(at + frame_offset),
                Does::IsOver => break End::IsOver,
                Does::NotBegun => Frame { instruction: -1, ..self.frame(objects, codes, &head)? },
                Does::Yields | Does::Awaits => self.frame(objects, codes, &head)?,
            };
            chain.frames.push(frame);
            chain.places.push(at + frame_offset);
            let (does, top) = (head.does, head.top);
            seen.push((at, head.bytes));
            match does {
                Does::NotBegun => break End::NotBegun,
                Does::Yields => break End::Yields,
                _ => next = objects.word(top)? & !3,
            }
        };
        for (at, bytes) in &seen {
            if head(objects, *at)?.bytes != *bytes {
                return Err(Unread::Nonsense);
            }
        }
        chain.frames.reverse();
        chain.places.reverse();
        Ok(chain)
    }

    fn frame<M: Memory>(
        &mut self,
        objects: &mut Objects<'_, M>,
        codes: &mut Codes,
        head: &Head,
    ) -> Result<Frame, Unread> {
        let layout = objects.layout;
        if self.checked.insert(head.code) {
            self.batch.clear();
            let check = codes.check(layout, head.code, &mut self.batch);
            self.batch.read(objects.memory)?;
            if !codes.is_same(head.code, check, &self.batch) {
                codes.learn(layout, &[head.code], objects.memory)?;
            }
        }
        let known = codes.known(head.code).ok_or(Unread::Nonsense)?;
        let start = head.code.wrapping_add(layout.code.instructions);
        let instruction = head.instruction.wrapping_sub(start) as isize;
        if instruction < -2 || instruction > known.length as isize || instruction % 2 != 0 {
            return Err(Unread::Nonsense);
        }
        Ok(Frame { code: known.id, instruction: instruction.max(-1) as i32 })
    }
}

/// The coroutine or generator that an object is, or stands for; `None` if it is neither.
fn of_python<M: Memory>(objects: &mut Objects<'_, M>, object: usize) -> Result<Option<usize>, Unread> {
    let of = objects.type_of(object)?;
    let is = |names: &[&str]| names.iter().any(|name| of.is(name));
    if is(&["coroutine", "generator", "async_generator"]) {
        return Ok(Some(object));
    }
    if is(&["coroutine_wrapper", "async_generator_asend", "async_generator_athrow"]) {
        return objects.word(object + WRAPPED).map(Some);
    }
    Ok(None)
}

/// What a future's iterator iterates over: where the object is one, its future.
pub fn future_of<M: Memory>(objects: &mut Objects<'_, M>, object: usize) -> Result<usize, Unread> {
    match objects.type_of(object)?.name.as_str() {
        "_asyncio.FutureIter" => objects.word(object + WRAPPED),
        _ => Ok(object),
    }
}

fn head<M: Memory>(objects: &mut Objects<'_, M>, at: usize) -> Result<Head, Unread> {
    let layout = objects.layout;
    let of = &layout.frame;
    let frame = layout.generator.frame;
    let state = layout.generator.state;
    let length = (frame + of.length).max(state + 1);
    let bytes = objects.copy(at, length)?.to_vec();
    let field = |offset| word(&bytes, frame + offset).ok_or(Unread::Nonsense);
    let code = field(of.code)? & !7;
    let instruction = field(of.instruction)?;
    let at_frame = at + frame;
    let locals = at_frame + of.length;
    let top = if layout.tells_running() {
        let height = half(&bytes, frame + of.stack_top).ok_or(Unread::Nonsense)?;
        locals.wrapping_add((height as isize as usize).wrapping_mul(8))
    } else {
        field(of.stack_top)?
    };
    let mut does = does(layout.minor, *bytes.get(state).ok_or(Unread::Nonsense)? as i8)?;
    if does == Does::Yields && layout.minor < 13 {
        // Only what it goes on with tells: how RESUME is meant.
        let next = objects.copy(instruction.wrapping_add(2), 2)?;
        if next[1] & 3 >= 2 {
            does = Does::Awaits;
        }
    }
    // From 3.15 on, one more word stands above what is awaited.
    let above = if layout.minor >= 15 { 16 } else { 8 };
    if does == Does::Awaits && !(locals + above..=locals + (1 << 20)).contains(&top) {
        return Err(Unread::Nonsense);
    }
    Ok(Head { does, code, instruction, top: top.wrapping_sub(above), bytes })
}

/// What the state of a frame means, release by release.
fn does(minor: u8, state: i8) -> Result<Does, Unread> {
    let states: &[(i8, Does)] = match minor {
        ..=12 => {
            &[(-2, Does::NotBegun), (-1, Does::Yields), (0, Does::Runs), (1, Does::IsOver), (4, Does::IsOver)]
        }
        13 | 14 => &[
            (-3, Does::NotBegun),
            (-2, Does::Yields),
            (-1, Does::Awaits),
            (0, Does::Runs),
            (1, Does::IsOver),
            (4, Does::IsOver),
        ],
        _ => &[
            (0, Does::NotBegun),
            (1, Does::Yields),
            (2, Does::Awaits),
            (3, Does::Awaits),
            (4, Does::Runs),
            (5, Does::IsOver),
        ],
    };
    states.iter().find(|(number, _)| *number == state).map(|(_, does)| *does).ok_or(Unread::Nonsense)
}
