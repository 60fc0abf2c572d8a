//! One module for each command, all alike: `run(args)`.

pub mod attach;
pub mod check;
pub mod collect;
pub mod completions;
pub mod ctl;
pub mod diff;
pub mod export;
mod files_of_processes;
pub mod formats;
mod listen;
pub mod merge;
pub mod plot;
pub mod ps;
pub mod record;
mod record_records;
pub mod report;
pub mod sample;
pub mod serve;
pub mod stacks;
pub mod stats;
pub mod top;
pub mod view;
