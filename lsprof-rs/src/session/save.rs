//! The profile file of a program that goes on: calls that are open count as if they returned now, as they would if the
//! profile were disabled.

use std::path::Path;

use pikos_client::Model;
use pikos_wire::Message;
use pstats_compat::formats::{self, Format};

/// Writes what a full message says: full stacks, where they are kept and the file's name is of a format that needs them,
/// else pstats. The file is replaced as a whole or not at all.
pub fn save(message: Message, path: &Path) -> Result<(), String> {
    let mut model = Model::default();
    let taken = model.apply(message);
    taken.map_err(|error| error.to_string())?;
    let has_stacks = |format: &Format| format.needs_stacks() && model.has_tree();
    let format = Format::from_path(path).filter(has_stacks).unwrap_or(Format::Pstats);
    formats::save(&model.profile(None), format, path).map_err(|error| format!("{}: {error}", path.display()))
}
