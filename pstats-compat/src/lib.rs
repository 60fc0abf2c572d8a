//! The model of a finished profile, and the formats it is read from and written to.
//!
//! Knows nothing of Python's runtime: a profile arrives as plain values.
#![forbid(unsafe_code)]

pub mod check;
pub mod diff;
pub mod error;
pub mod formats;
pub mod hide;
pub mod label_sets;
pub mod merge;
pub mod mine;
pub mod model;
pub mod modules;
pub mod owners;
pub mod printable;
pub mod report;
pub mod stacks;
pub mod summary;
pub mod threads;
pub mod waiting;

pub use error::{Error, Result};
pub use model::{
    CallTree, Calls, Counts, Cut, Edge, EdgeDetail, Function, FunctionId, LabelSet, Metadata, Node, NodeId,
    Profile, Text, Thread, Unit, index, tree, without_addresses,
};
