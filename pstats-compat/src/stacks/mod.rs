//! Full stacks: found for profiles that have only tables, and turned into tables for files that have
//! only stacks.

mod approximate;
mod collector;

pub use approximate::{APPROXIMATED, Stacks};
pub(crate) use collector::StackCollector;
