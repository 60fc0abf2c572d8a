//! From the frame that runs to the outermost one.

use super::super::look::{CodeId, Frame};
use super::copy::{Copy, DEPTH, OF_INTERPRETER, Why};
use super::thread::{Stack, Thread};

/// A generator owns its frame.
const OF_GENERATOR: u8 = 1;

impl Copy<'_> {
    /// As [`Self::walk`], given a frame that ran shortly before or after the data stack was copied.
    pub fn walk_from(&mut self, thread: &mut Thread, stack: &mut Stack, near: usize) -> Result<(), Why> {
        thread.running = near;
        let from = self.innermost(thread, near)?;
        self.walk(thread, stack, from)
    }

    /// From the frame that runs to the outermost one.
    fn walk(&mut self, thread: &mut Thread, stack: &mut Stack, from: usize) -> Result<(), Why> {
        stack.frames.clear();
        stack.places.clear();
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
                stack.frames.push(Frame { code: CodeId(u32::MAX), instruction: 0 });
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
                stack.places.push(at);
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
