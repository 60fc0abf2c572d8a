//! Where threads are now.

use super::scope::FunctionId;

/// The open calls of a thread; where it is sampled, the stack that it had most of the time since the message before.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Open {
    /// Its number in its process.
    pub thread: u64,
    /// Whether they are one chain, each called by the one before; else functions that are open, the oldest first.
    pub is_chain: bool,
    /// The functions, and seconds since their calls began; of samples, the time that each was seen in since the message before.
    pub calls: Vec<(FunctionId, f64)>,
}
