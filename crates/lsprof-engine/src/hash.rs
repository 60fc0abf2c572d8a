//! A hash of small keys: addresses and numbers.

/// Spreads a number over 64 bits; the high ones are the best.
#[inline(always)]
pub fn mix(number: u64) -> u64 {
    let product = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    // hashbrown takes its position from the low bits and its tag from the high ones.
    product ^ (product >> 32)
}
