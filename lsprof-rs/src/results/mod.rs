//! What was collected, for those who read it.

pub mod finished;
pub mod getstats;
pub mod process;
