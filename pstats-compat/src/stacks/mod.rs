//! Full stacks: found for profiles that have only tables, and turned into tables for files that have
//! only stacks.

mod approximate;
mod balance;
mod collector;
mod contexts;
mod figures;
mod fill;
mod graft;
mod leftover;
mod links;
mod scratch;
mod shown;
mod split;
mod tables;
mod unroll;
mod weigh;
mod whole;
mod widen;

pub(crate) use collector::StackCollector;
pub use shown::{APPROXIMATED, Stacks};
pub(crate) use tables::fill_tables;
pub(crate) use whole::whole_numbers;
