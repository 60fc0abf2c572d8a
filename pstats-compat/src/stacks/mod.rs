//! Full stacks: found for profiles that have only tables, and turned into tables for files that have
//! only stacks.

mod approximate;
mod collector;
mod shown;

pub(crate) use collector::StackCollector;
pub use shown::{APPROXIMATED, Stacks};
