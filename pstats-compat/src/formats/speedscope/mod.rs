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
//! We write a sampled profile for each thread, with its name; one with the title where threads aren't told apart. Each stack
//! is one sample, with the time spent in it: nothing is said of an order in time, since a profile has none. Call counts have no
//! place in the format.
//!
//! Several profiles of a file are its threads, and so is one that has another name than the file.

mod read;
mod schema;
mod write;

pub use read::{read, read_profile};
pub use write::write;
