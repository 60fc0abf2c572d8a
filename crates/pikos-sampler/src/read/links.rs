//! Which function was seen to be called from which instruction.
//!
//! One copy of a stack takes a tenth of a microsecond or so, as long as a short call. Once in ten thousand copies or less often, a caller
//! is read before and its callee after such a call: a pair that never was. So a pair that is new must be there in three copies, one
//! right after the other, and that at two looks, before one copy is enough to believe it. A pair that never was is hardly ever there again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use super::look::Frame;

/// As many pairs are known; when there are more, all are learned anew.
const PAIRS: usize = 1 << 18;
/// At how many looks it is, before one copy is enough.
const TIMES: u8 = 2;

/// Pairs that were seen.
#[derive(Debug, Default)]
pub struct Links {
    seen: HashMap<u64, u8, BuildHasherDefault<Mixed>>,
}

impl Links {
    /// Whether all pairs of a stack have been seen before. `before`: a stack, or the end of one, of which that is so.
    pub fn know(&self, stack: &[Frame], before: &[Frame]) -> bool {
        self.new_ones(stack, before).next().is_none()
    }

    /// A stack was there in all copies.
    pub fn learn(&mut self, stack: &[Frame], before: &[Frame]) {
        let new: Vec<u64> = self.new_ones(stack, before).collect();
        if self.seen.len() + new.len() > PAIRS {
            self.seen.clear();
        }
        for pair in new {
            let times = self.seen.entry(pair).or_default();
            *times = times.saturating_add(1);
        }
    }

    fn new_ones(&self, stack: &[Frame], before: &[Frame]) -> impl Iterator<Item = u64> {
        let same =
            stack.iter().rev().zip(before.iter().rev()).take_while(|(one, other)| one == other).count();
        // The pair of the last one that is the same, and the one that it calls now, is to be looked at.
        let end = (stack.len() - same + 1).min(stack.len());
        stack[..end]
            .windows(2)
            .map(|two| pair(two[0], two[1]))
            .filter(|pair| self.seen.get(pair).is_none_or(|times| *times < TIMES))
    }
}

/// A number for a pair.
fn pair(callee: Frame, caller: Frame) -> u64 {
    let key = (u64::from(callee.code.0) << 32) | u64::from(caller.code.0);
    (key ^ (caller.instruction as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
        .wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

/// Numbers that are mixed already.
#[derive(Debug, Default)]
pub struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}
