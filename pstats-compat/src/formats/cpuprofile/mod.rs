//! `.cpuprofile`: V8's, as Node.js, Chrome and VS Code have it.
//!
//! ```text
//! { "nodes": [ { "id": 1, "hitCount": 0, "children": [2],
//!                "callFrame": { "functionName": "main", "scriptId": "0", "url": "app.py",
//!                               "lineNumber": 9, "columnNumber": 0 } }, … ],
//!   "startTime": 0, "endTime": 2500, "samples": [2, …], "timeDeltas": [0, …] }
//! ```
//!
//! Nodes are stacks, all below one `(root)`; lines count from 0, times are microseconds. A sample says which stack was found
//! that much later than the one before it, and lasts until the next one.
//!
//! We write one sample for each stack in which time was spent. Their order is made up, as in every format with an order in
//! time. Call counts have no place in the format.

mod read;
mod schema;
mod write;

pub use read::read;
pub use write::write;
