//! One module for each command, all alike: `run(args)`.

pub mod check;
pub mod completions;
pub mod diff;
pub mod export;
pub mod merge;
pub mod stats;
pub mod view;
