//! Which instructions can have called another frame of the same interpreter loop, and with which one ends: what makes a copied caller
//! and a copied callee fit together, or not.
//!
//! Only base opcodes are known from 3.13 on, which never change within a release, as files of bytecode have them. Specialised ones may.

/// What is known of a function's instructions, a bit for each code unit.
#[derive(Clone, Debug, Default)]
pub struct Places {
    calls: Box<[u64]>,
    ends: Box<[u64]>,
}

impl Places {
    /// Whether a frame can stand there, with the offset in bytes, while a call that its own instruction has made is open.
    pub fn can_call(&self, offset: usize) -> bool {
        is_set(&self.calls, offset / 2)
    }

    /// Whether a frame that stands there is about to be no more.
    pub fn ends(&self, offset: usize) -> bool {
        is_set(&self.ends, offset / 2)
    }

    pub fn new(minor: u8, code: &[u8]) -> Self {
        let units: Vec<u8> = code.chunks_exact(2).map(|unit| unit[0]).collect();
        let bits = |is: &dyn Fn(usize) -> bool| {
            let mut bits = vec![0_u64; units.len().div_ceil(64)];
            for unit in (0..units.len()).filter(|unit| is(*unit)) {
                bits[unit / 64] |= 1 << (unit % 64);
            }
            bits.into_boxed_slice()
        };
        let release = Release::of(minor);
        Self {
            calls: bits(&|unit| release.can_call(&units[..=unit])),
            ends: bits(&|unit| release.ends.contains(&units[unit])),
        }
    }
}

fn is_set(bits: &[u64], unit: usize) -> bool {
    bits.get(unit / 64).is_some_and(|word| word >> (unit % 64) & 1 == 1)
}

struct Release {
    /// Instructions that call, and how many units of caches they have.
    calls: &'static [(&'static [u8], usize)],
    /// Opcodes from here on are specialised or instrumented: any of them may call. 0: those above are all.
    others: u8,
    /// Those that return, or make a generator of their frame.
    ends: &'static [u8],
}

impl Release {
    fn of(minor: u8) -> Self {
        match minor {
            11 => Self {
                // CALL, CALL_FUNCTION_EX, BINARY_SUBSCR.
                calls: &[(&[171, 22, 23, 24], 4), (&[142], 0), (&[25, 17, 19], 4)],
                others: 0,
                ends: &[83, 75],
            },
            12 => Self {
                // CALL, CALL_FUNCTION_EX, LOAD_ATTR, BINARY_SUBSCR, FOR_ITER, SEND.
                calls: &[
                    (&[171, 23, 24, 28, 241], 3),
                    (&[142, 244], 0),
                    (&[106, 72, 77], 9),
                    (&[25, 20], 1),
                    (&[93, 65, 248], 1),
                    (&[123, 168], 1),
                    (&[253, 254], 9),
                ],
                others: 0,
                ends: &[83, 121, 75],
            },
            // CALL, CALL_KW, CALL_FUNCTION_EX, LOAD_ATTR, BINARY_SUBSCR or BINARY_OP, FOR_ITER, SEND, ENTER_EXECUTOR.
            13 => {
                Self { calls: &[(&[53, 57, 54, 82, 5, 72, 104, 70], 0)], others: 150, ends: &[36, 103, 35] }
            }
            14 => Self { calls: &[(&[52, 55, 4, 80, 44, 70, 106], 0)], others: 129, ends: &[35, 34] },
            _ => Self { calls: &[(&[50, 53, 4, 79, 42, 68, 105], 0)], others: 129, ends: &[33, 32] },
        }
    }

    /// Whether the last of these units can be where a caller stands: to 3.12 that is behind the call's caches.
    fn can_call(&self, units: &[u8]) -> bool {
        let Some(last) = units.last() else { return false };
        (self.others != 0 && *last >= self.others)
            || self.calls.iter().any(|(opcodes, caches)| {
                units.iter().rev().take(caches + 1).any(|opcode| opcodes.contains(opcode))
            })
    }
}
