//! The table of functions on the whole screen: of processes at work, or of files.
//!
//! `source` says where pictures come from, `model` what a picture is; `state` takes keys and
//! pictures, and `view` draws a state. Only `terminal` touches the terminal, and `run` brings them
//! together.

#[cfg_attr(not(test), allow(dead_code, reason = "its feed, the subscriber of pikos-wire, is not there yet"))]
pub mod live;
pub mod model;
pub mod print;
pub mod profiles;
pub mod run;
#[cfg(test)]
mod samples;
pub mod source;
mod source_lines;
pub mod state;
mod terminal;
mod view;
