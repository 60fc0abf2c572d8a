//! What both forms say of a frame.

use crate::model::{FunctionId, Text};
use crate::stacks::StackCollector;

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
        _ => name.into(),
    };
    // What has no source: built-ins, and what pyinstrument puts in.
    let file = if matches!(file, "<built-in>" | "") { "~" } else { file };
    collector.function(file.into(), line, name)
}
