//! The model of a finished profile, and the formats it is read from and written to.
//!
//! Knows nothing of Python's runtime: a profile arrives as plain values.
#![forbid(unsafe_code)]

pub mod check;
pub mod diff;
pub mod error;
mod flatten;
pub mod formats;
mod id_map;
pub mod index;
mod labels;
pub mod merge;
pub mod model;
pub mod report;
pub mod stacks;
pub mod tree;

pub use error::{Error, Result};
pub use model::{Calls, Counts, Edge, EdgeDetail, Function, FunctionId, Metadata, Profile, Text, Unit};
pub use tree::{CallTree, Cut, Node, NodeId};
