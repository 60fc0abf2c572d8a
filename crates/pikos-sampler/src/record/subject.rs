//! What is looked at.

use crate::read::{Code, CodeId, Look};

/// Why there was no look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The process has ended.
    Over,
    /// Something else, in a sentence; the next look may succeed.
    Failed(String),
}

/// Threads whose stacks can be looked at.
pub trait Subject: Send {
    /// Looks at all of them, into this memory.
    fn look(&mut self, look: &mut Look) -> Result<(), Trouble>;
    /// The code that a look has named.
    fn code(&self, code: CodeId) -> &Code;
    /// Whether looks have to say which threads run: see [`crate::read::Place::is_running`].
    fn ask_activity(&mut self, on: bool);
    /// Looks say from now on which tasks of asyncio run, where that can be told.
    fn ask_tasks(&mut self);
    /// Whether the system still has a thread of this number.
    fn has_thread(&self, native_id: u64) -> bool;
}
