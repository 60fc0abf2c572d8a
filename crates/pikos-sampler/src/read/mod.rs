//! One look at a CPython process: every thread's stack, copied without stopping anybody.

mod asyncio;
mod codes;
mod coroutine;
mod find;
#[cfg(any(test, fuzzing))]
mod fuzz;
mod layout;
mod lines;
mod links;
mod locals;
mod look;
mod memory;
mod numbers;
mod objects;
mod opcodes;
mod reader;
mod running;
mod target;
mod tasks;
mod text;
mod unreadable;
mod waiting;
mod walk;

#[cfg(fuzzing)]
pub use fuzz::look_at;
pub use look::{
    Code, CodeId, Frame, Locals, Look, Place, RunningTask, State, Task, Tasks, ThreadLook, WaitsFor,
};
pub use target::Target;
pub use unreadable::Unreadable;
