//! Processes that tell of themselves, as a source follows them.

mod labels;
mod sender;
mod streams;

pub use labels::Labels;
pub use sender::{Feed, Heard, ProfileSender, RecordSender, Run, Sender};
pub use streams::Streams;
