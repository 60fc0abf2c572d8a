//! The profile tables: who called whom, how often, and for how long.
//!
//! One [`Recorder`] for each thread gets `enter` and `leave` and changes numbers, or one [`SampleRecorder`] its stacks; its [`Tables`] can be read
//! by any thread at any moment ([`Totals::add`]), without a lock and without stopping the program.
//! Knows no Python, no names and no files: a function is an address and a number.

pub mod cells;
pub mod clock;
mod coroutines;
mod details;
mod duration_tables;
mod durations;
mod excess;
mod hash;
#[cfg(test)]
mod hook_tests;
mod idle;
mod in_flight;
mod open_calls;
mod parts;
mod recorder;
mod sampled;
mod sampled_times;
mod stacks;
mod tables;
mod tasks;
mod totals;
mod tree;
mod tree_watch;
mod waits;
mod watch;

pub use clock::Ticks;
pub use coroutines::{CoroutineCounts, CoroutineTables, Coroutines, Ending, Entered, Named, Step, Steps};
pub use details::Details;
pub use durations::{DurationTotals, ticks_of};
pub use excess::{Costs, Mixture};
pub use hash::mix;
pub use in_flight::{Numbers, Open};
pub use parts::PartId;
pub use recorder::Recorder;
pub use sampled::SampleRecorder;
pub use sampled_times::{Looks, TimeSampler};
pub use tables::{
    BOTTOM, Counts, Edge, Entry, Excess, Form, Frame, FunctionId, KINDS, Key, Kind, NodeCounts, Pauses,
    StackId, Subject, Tables, Wait,
};
pub use tasks::{SlowStep, SlowSteps, Task, TaskState};
pub use totals::{FunctionTotals, Totals};
pub use tree::{Limits, NodeTotals, TreeTotals};
pub use tree_watch::{TreeWatch, WatchedNode};
pub use waits::Processor;
pub use watch::{Watch, Watched};
