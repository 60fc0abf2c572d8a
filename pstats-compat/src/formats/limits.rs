//! What no file may exceed.

/// So much of a file is read at most, and so much of what was unpacked.
pub const MOST_BYTES: usize = 1 << 30;
