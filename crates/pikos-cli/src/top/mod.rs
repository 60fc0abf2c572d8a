//! The table of functions on the whole screen: of processes at work, or of files.
//!
//! Pictures, and where they come from, are another crate's, pikos-views. `state` takes keys and
//! pictures, and `view` draws a state. Only `terminal` touches the terminal, `run` brings them
//! together, and `print` is for pipes.
//!
//! Pictures, the terminal, large files: docs/design/views.md.

mod options;
mod print;
mod run;
#[cfg(test)]
mod samples;
mod show;
pub mod state;
pub mod terminal;
mod view;

pub use options::{Form, Options};
pub use show::{has_screen, show};
pub use state::columns::SortBy;
