//! Objects that come and go: made and gone, by type, and by the line that made them.
//!
//! ```text
//!  CPython ─ hooks: an object is made, one goes ─> counter: which type, which place? ─> tables ──> Python
//!                                                                                 └──> live ──> subscribers
//! ```
//! Only the thread that holds the GIL of the interpreter that asked writes, with plain loads and stores; anybody may read at any
//! moment. A hook runs no Python and makes no object: what a type and a line are called is read off the structures of CPython.

mod counter;
mod hooks;
mod live;
pub mod monitor;
mod places;
mod tables;
mod wanted;

pub use hooks::_objects_after_fork_in_child;
