//! The profile file of a program that goes on: calls that are open count as if they returned now, as they would if the
//! profile were disabled.

use std::path::Path;

use pikos_client::Model;
use pikos_wire::Message;
use pstats_compat::Profile;
use pstats_compat::formats::{self, Format, Output};

/// Writes what a full message says, in the format that the file's name says, else as the recording is saved at its end. The file is replaced as a whole or not
/// at all. What is no file is refused: a pipe would hold the publisher's thread, and whoever waits for it, for as long as its reader
/// likes.
pub fn save(message: Message, path: &Path) -> Result<(), String> {
    let model = known(message)?;
    let format = Format::of_recorded(path, Format::untold(model.has_tree()));
    let saved = formats::save_file(&Output::new(&model.profile(None), format), path);
    saved.map_err(|error| format!("{}: {error}", path.display()))
}

/// What a full message says, as a profile.
pub fn profile(message: Message) -> Result<Profile, String> {
    Ok(known(message)?.profile(None))
}

fn known(message: Message) -> Result<Model, String> {
    let mut model = Model::default();
    model.apply(message).map_err(|error| error.to_string())?;
    Ok(model)
}
