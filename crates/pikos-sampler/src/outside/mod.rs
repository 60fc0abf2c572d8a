//! Another process, sampled as it is: nothing was prepared in it, and nothing happens to it.
//!
//! ```text
//!  pid ─> read::Target ─> record::Sampling ─> source ─> publisher: live, under the number of that process
//! ```
//! Whoever watches it can't tell that another process speaks for it, but for `hook`, which is [`HOOK`].

mod about;
mod observed;

pub use about::HOOK;
pub use observed::{Observed, Problem};

pub use crate::record::thread_name;
