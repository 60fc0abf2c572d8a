//! What was collected, for those who read it.

pub mod coroutines;
pub mod finished;
pub mod getstats;
pub mod process;
