//! The profile tables: who called whom, how often, and for how long.
//!
//! One [`Recorder`] for each thread gets `enter` and `leave` and changes numbers, or one [`SampleRecorder`] its stacks; its [`Tables`] can be read
//! by any thread at any moment ([`Totals::add`]), without a lock and without stopping the program.
//! Knows no Python, no names and no files: a function is an address and a number.

pub mod cells;
pub mod clock;
mod details;
mod excess;
mod hash;
mod in_flight;
mod open_calls;
mod recorder;
mod sampled;
mod sampled_times;
mod stacks;
mod tables;
mod totals;
mod tree;
mod tree_watch;
mod waits;
mod watch;

pub use clock::Ticks;
pub use details::Details;
pub use excess::{Costs, Mixture};
pub use hash::mix;
pub use in_flight::{Numbers, Open};
pub use recorder::Recorder;
pub use sampled::SampleRecorder;
pub use sampled_times::{Looks, TimeSampler};
pub use tables::{
    BOTTOM, Counts, Edge, Entry, Excess, Frame, FunctionId, KINDS, Key, Kind, NodeCounts, Pauses, StackId,
    Subject, Tables, Wait,
};
pub use totals::{FunctionTotals, Totals};
pub use tree::{Limits, NodeTotals, TreeTotals};
pub use tree_watch::{TreeWatch, WatchedNode};
pub use waits::Processor;
pub use watch::{Watch, Watched};
