//! Sampling: where the threads of a CPython are, looked at again and again while it runs.
//!
//! ```text
//!  a process' memory ──read──> looks ──record──> the engine's tables ──> publisher, files: as of a profile that counts
//! ```
//! [`read`] copies memory and never follows an address itself: what it reads may be gone, or in the middle of a change. It knows no
//! Python at build time. [`record`] adds looks up. [`outside`] does both with another process, and lets others watch.

pub mod outside;
pub mod read;
pub mod record;
