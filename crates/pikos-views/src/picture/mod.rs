//! What a view shows, wherever it comes from: a file or a process at work.
//!
//! Everything here is a plain value. A function has one id for as long as its source lives, in every
//! process and thread, so a selection, a mark and a history hold while tables come and go.

mod content;
mod label;
mod open;
mod process;
mod scope;
mod shown;
mod tasks;
mod tree;

pub use content::{Content, Edges, Meaning, Mine, Picture, ProfileContent};
pub use label::Label;
pub use open::Open;
pub use process::{Health, Phase, Process, Thread};
pub use scope::{FunctionId, ProcessId, Scope, StackId};
pub use shown::{Shown, ShownEdge, ShownFunction, Totals};
pub use tasks::{SlowStep, Task, Tasks};
pub use tree::{ShownNode, ShownStack, Stacks, Tree};
