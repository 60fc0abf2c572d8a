//! pyinstrument's: a session, which `-r session` and `--save` write, and the JSON of `-r json`.
//!
//! ```text
//! { "duration": 0.62, "target_description": "Program: app.py", …
//!   "frame_records": [ [ ["main\0app.py\010\x01l12", …], 0.001 ], … ] }       a session: stacks, seconds
//! { …, "root_frame": { "function": "main", "file_path": "app.py", "line_no": 10,
//!                      "time": 0.62, "children": [ … ] } }                    JSON: a tree, with cumulative seconds
//! ```
//!
//! A frame of a session is a name, a file and the function's first line between zeros, then attributes: `c` with a class, `l` with
//! the running line. `[self]` in a tree is the function's own time; `[await]` and `[out-of-context]` stay, since they are waiting.
//! Nothing is counted.

mod frame;
mod session;
mod tree;

use crate::error::Result;
use crate::model::Profile;

/// Reads either.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    match super::json_keys::top_level_keys(bytes).iter().any(|key| key == "frame_records") {
        true => session::read(bytes),
        false => tree::read(bytes),
    }
}
