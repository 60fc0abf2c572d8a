//! What a view shows, for scripts and pipes.

mod once;
mod process;
mod profile;
mod recording;

pub use once::{write_json, write_table};
pub use recording::save;
