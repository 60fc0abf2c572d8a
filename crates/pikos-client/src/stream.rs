//! A stream that is listened to: what it told, and what is known of its other end.

use std::time::Instant;

use crate::profile::Model;
use crate::records::RecordModel;

/// A stream that has been heard of. `T` is what a user of it keeps beside.
pub struct Stream<T> {
    /// What it told.
    pub model: Model,
    /// The endpoint that it came through.
    pub endpoint: String,
    /// Messages that made no sense.
    pub refused: u64,
    /// When the last message came.
    pub heard: Instant,
    /// Whether its process went without a word.
    pub is_lost: bool,
    /// The user's.
    pub extra: T,
}

/// A recorder that has been heard of.
pub struct RecordStream {
    /// What it told.
    pub model: RecordModel,
    /// The endpoint that it came through.
    pub endpoint: String,
    /// Messages that made no sense.
    pub refused: u64,
    /// When the last message came.
    pub heard: Instant,
    /// Whether its process went without a word.
    pub is_lost: bool,
}
