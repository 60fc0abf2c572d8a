//! speedscope's JSON, <https://www.speedscope.app>.
//!
//! ```text
//! { "$schema": "https://www.speedscope.app/file-format-schema.json",
//!   "shared": { "frames": [ { "name": "main", "file": "app.py", "line": 10 }, … ] },
//!   "profiles": [
//!     { "type": "evented", "name": …, "unit": "seconds", "startValue": 0, "endValue": 2.5,
//!       "events": [ { "type": "O", "frame": 0, "at": 0 }, … { "type": "C", "frame": 0, "at": 2.5 } ] },
//!     { "type": "sampled", …, "samples": [ [0, 1], … ], "weights": [ 0.01, … ] } ] }
//! ```
//!
//! We write one evented profile: its size grows with the number of stacks, not with their depth.
//! Its order in time is made up (a node's calls one after another, then its own time), since a
//! profile has no order; speedscope's "Left Heavy" and "Sandwich" views don't depend on it.
//! Call counts have no place in the format.

mod read;
mod schema;
mod threads;
mod write;

pub use read::{read, read_profile};
pub use threads::read_threads;
pub use write::write;
