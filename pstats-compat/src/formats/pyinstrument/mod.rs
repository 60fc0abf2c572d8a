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

mod session;
mod tree;

use crate::error::Result;
use crate::model::{FunctionId, Profile, Text};
use crate::stacks::StackCollector;

/// Reads either.
pub fn read(bytes: &[u8]) -> Result<Profile> {
    match super::json_keys::top_level_keys(bytes).iter().any(|key| key == "frame_records") {
        true => session::read(bytes),
        false => tree::read(bytes),
    }
}

/// A function by what pyinstrument knows of it. `None` if there are too many.
fn function(
    collector: &mut StackCollector,
    name: &str,
    class: Option<&str>,
    file: &str,
    line: u32,
) -> Option<FunctionId> {
    let name: Text = match class {
        Some(class) if !class.is_empty() => format!("{class}.{name}").as_str().into(),
        _ => name.into(),
    };
    // What has no source: built-ins, and what pyinstrument puts in.
    let file = if matches!(file, "<built-in>" | "") { "~" } else { file };
    collector.function(file.into(), line, name)
}
