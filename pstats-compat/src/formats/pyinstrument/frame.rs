//! What both forms say of a frame.

use crate::model::{FunctionId, Text};
use crate::stacks::StackCollector;

/// What stands for a file where a thread stands for a function.
pub const THREAD: &str = "<thread>";

/// What is wrong with a frame that [`is_named`] refuses.
pub const NAMELESS: &str = "a frame names no function";

/// Whether a frame says what it is of. A thread may have an empty name.
pub fn is_named(name: &str, file: &str) -> bool {
    !name.is_empty() || file == THREAD
}

/// A function by what pyinstrument knows of it. `None` if there are too many.
pub fn function(
    collector: &mut StackCollector,
    name: &str,
    class: Option<&str>,
    file: &str,
    line: u32,
) -> Option<FunctionId> {
    let name: Text = match class {
        Some(class) if !class.is_empty() => format!("{class}.{name}").as_str().into(),
        _ if name.is_empty() => file.into(),
        _ => name.into(),
    };
    // What has no source: built-ins, and what pyinstrument puts in.
    let file = if matches!(file, "<built-in>" | "") { "~" } else { file };
    collector.function(file.into(), line, name)
}
