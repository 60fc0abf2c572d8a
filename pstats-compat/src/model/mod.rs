//! The model of a finished profile: functions, caller edges, full stacks, and what the figures mean.
//!
//! Nothing in here knows how a profile was measured, nor what a file of one looks like. From the
//! bottom up:
//!
//! ```text
//! addresses ─┐
//! text ──────┼> function ─> index, labels (with id_map), tree ─┬─> profile
//!    distribution └─> metadata, facts ─────────────────────────┘    └─> cycles
//! ```

mod addresses;
mod cycles;
pub mod distribution;
pub mod facts;
mod function;
mod function_id;
mod id_map;
pub mod index;
mod labels;
mod metadata;
mod objects;
mod profile;
mod sampling;
mod tasks;
mod text;
mod threads;
pub mod tree;

pub use addresses::without_addresses;
pub use distribution::{Distribution, Slowest};
pub use function::{COLLECTION, Calls, Edge, Function};
pub use function_id::FunctionId;
pub use metadata::{Counts, EdgeDetail, Metadata, Unit};
pub use objects::{ObjectPlace, ObjectType, Objects, ObjectsThen};
pub use profile::{LabelSet, Profile};
pub use sampling::sampling_error;
pub use tasks::{Coroutine, Figures, SlowStep, Tasks, longest_first};
pub use text::Text;
pub use tree::{CallTree, Cut, Node, NodeId, Thread};

pub(crate) use cycles::Cycles;
pub(crate) use id_map::IdMap;
pub(crate) use index::EdgeIndex;
pub(crate) use labels::{LabelIndex, label};
pub(crate) use tree::ThreadKey;
