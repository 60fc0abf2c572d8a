//! Samples of this very process, instead of events.
//!
//! ```text
//!  _PyRuntime ─ pikos_sampler: Target ──┐
//!  sys._current_frames ─ by_gil ────────┴─> subject ─> pikos_sampler: Sampling ─> source ─> finished profile, publisher
//!                         threading ─> helper ─────────────────────────────────┘
//! ```
//! [`life::Sampled`] is the life of one sampler. The thread that looks never touches Python where memory can be read; where it can't,
//! each look takes the GIL. So whoever waits for our threads to end does that without the GIL.

pub mod asked;
mod by_gil;
mod helper;
pub mod life;
mod subject;
