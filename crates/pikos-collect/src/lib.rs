//! A thousand processes as one source.
//!
//! ```text
//!  streams ─> Collection: sums by host, program and thread ─┬─> Stage ─> top, serve, record
//!                                                           ├─> Disk: what is known so far, and slices of time
//!                                                           └─> Push: pprof over HTTP
//! ```
//! A process tells absolute figures, so nothing is counted twice, whoever is restarted: those of a process that runs take the place of what
//! it told before. What is bounded: streams, threads, label sets, what is kept on disk. What can't be written now is written later.
//!
//! docs/clusters.md says how it is used.
#![forbid(unsafe_code)]

mod collection;
mod disk;
mod growth;
mod keeper;
mod key;
mod keys;
mod push;
mod silent;
mod stage;
mod state;

pub use collection::{Collection, Counts, Sums};
pub use disk::{Disk, DiskError};
pub use keeper::{Keeper, News, Plan};
pub use key::Key;
pub use push::{Push, PushError};
