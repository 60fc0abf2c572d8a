//! The model of a finished profile, and the formats it is read from and written to.
//!
//! Knows nothing of Python's runtime: a profile arrives as plain values.
#![forbid(unsafe_code)]

mod amounts;
pub mod check;
pub mod details;
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
    COLLECTION, CallTree, Calls, Coroutine, Counts, Cut, Distribution, Edge, EdgeDetail, Figures, Function,
    FunctionId, LabelSet, Metadata, Node, NodeId, ObjectPlace, ObjectType, Objects, ObjectsThen, Profile,
    SlowStep, Slowest, Tasks, Text, Thread, Unit, distribution, index, longest_first, tree,
    without_addresses,
};
