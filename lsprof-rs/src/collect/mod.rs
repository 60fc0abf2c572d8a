//! What the hooks' events become: a recorder for each thread, the functions that they met, and who is watched.
//!
//! ```text
//!  hooks ─> events ─> registry: which recorder? ─> collector: a recorder for each thread ─> lsprof_engine
//! ```

pub mod collector;
pub mod details;
pub mod events;
pub mod followed;
pub mod functions;
pub mod gil_waits;
pub mod greenlets;
pub mod kinds;
pub mod labels;
pub mod names;
pub mod registry;
pub mod run;
pub mod samples;
pub mod threads;
pub mod timer;
pub mod visible;
pub mod waiting;
