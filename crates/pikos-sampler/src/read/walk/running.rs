//! Which frame ran when the data stack was copied.

use super::copy::{Copy, DEPTH, Why};
use super::thread::Thread;

impl Copy<'_> {
    /// Which frame ran when the data stack was copied. To 3.13 a frame says itself whether it runs or has called another one; later ones
    /// say at least that they have ended.
    pub fn innermost(&self, thread: &mut Thread, near: usize) -> Result<usize, Why> {
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
}
