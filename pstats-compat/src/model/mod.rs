//! The model of a finished profile: functions, caller edges, full stacks, and what the figures mean.
//!
//! Nothing in here knows how a profile was measured, nor what a file of one looks like.

mod id_map;
pub mod index;
mod labels;
mod profile;
pub mod tree;

pub use profile::{Calls, Counts, Edge, EdgeDetail, Function, FunctionId, Metadata, Profile, Text, Unit};
pub use tree::{CallTree, Cut, Node, NodeId};

pub(crate) use id_map::IdMap;
pub(crate) use index::EdgeIndex;
pub(crate) use labels::{LabelIndex, label};
