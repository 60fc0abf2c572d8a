//! What becomes of a message, of a profile's as of records; and how much of a stream is kept.

/// Bytes of names that are kept at most.
pub const MOST_TEXT: usize = 256 << 20;

/// The longest id of a stream, in bytes.
pub const MOST_ID: usize = 1 << 10;

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was taken in.
    Taken,
    /// It is older than what is known.
    Old,
}
