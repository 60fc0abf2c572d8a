//! The Firefox Profiler's "processed" format, for <https://profiler.firefox.com>.
//!
//! JSON of parallel columns, version 55 of `preprocessedProfileVersion`. One thread holds
//!
//! ```text
//! samples     stack[], timeDeltas[], weight[] in ms      one sample for each stack with time
//! stackTable  prefix[], frame[]                          the tree: a stack and the one below it
//! frameTable  func[], line[], …                          one frame for each function
//! funcTable   name[], fileName[], lineNumber[], …        places in stringArray
//! ```
//!
//! The samples' order in time is made up, since a profile has none; use the call tree and the flame
//! graph. Call counts have no place in the format.
//!
//! Read is what any version of it holds, and the "gecko" format before it is processed, whose tables are lists of rows under a
//! schema. Tables may stand in each thread or be shared. All threads, and all processes, are added up. Samples stay samples,
//! unless the file says that they are milliseconds. What threads share is read once for all of them, and only as far as samples
//! name it.

mod columns;
mod gecko;
mod read;
mod table;
mod write;

pub use read::read;
pub use write::write;
