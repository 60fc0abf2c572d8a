//! Live streams as what a source follows.

mod labels;
mod streams;

pub use labels::Labels;
pub use streams::Streams;
