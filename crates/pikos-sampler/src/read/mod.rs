//! One look at a CPython process: every thread's stack, copied without stopping anybody.

mod codes;
mod find;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod layout;
mod lines;
mod links;
mod look;
mod memory;
mod opcodes;
mod reader;
mod target;
mod unreadable;
mod walk;

#[cfg(fuzzing)]
pub use fuzz::look_at;
pub use look::{Code, CodeId, Frame, Look, Place, ThreadLook};
pub use target::Target;
pub use unreadable::Unreadable;
