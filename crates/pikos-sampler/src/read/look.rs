//! What one look has seen.

use std::ops::Range;

/// A function whose code has been seen: an index into the codes of a target. Never used for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeId(pub u32);

/// What a code object says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Code {
    /// `co_filename`.
    pub file: String,
    /// `co_name`.
    pub name: String,
    /// `co_qualname`.
    pub qualname: String,
    /// `co_firstlineno`.
    pub first_line: u32,
}

/// An open call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Whose.
    pub code: CodeId,
    /// Where in it: the offset of the instruction that runs or calls, in bytes; -1 before the first one.
    pub instruction: i32,
}

/// What a thread was doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Whether it had the GIL.
    pub has_gil: bool,
    /// Whether a processor was at work on it, or it waited for one; nothing where the system wasn't asked.
    pub is_running: Option<bool>,
    /// Whether the garbage collector ran in it.
    pub collects_garbage: bool,
}

/// A thread, and the calls that were open in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThreadLook {
    /// `threading.get_native_id()`: the system's number of it.
    pub native_id: u64,
    /// `threading.get_ident()`.
    pub ident: u64,
    /// What it was doing.
    pub place: Place,
    /// Its frames in [`Look::frames`], the innermost first.
    pub stack: Range<usize>,
    /// Whether it had more frames than are looked at: the outermost are missing.
    pub is_cut: bool,
    /// The task of asyncio that it was at work on, where that could be told.
    pub task: Option<RunningTask>,
}

/// A task that a thread is at work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningTask {
    /// As the program, or asyncio, called it.
    pub name: String,
    /// How many frames of the stack are its own: the innermost ones.
    pub frames: usize,
}

/// One look at all threads.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Those whose stack could be read.
    pub threads: Vec<ThreadLook>,
    /// The frames of all of them.
    pub frames: Vec<Frame>,
    /// How many threads changed while they were read, and were left out.
    pub torn: u32,
}

impl Look {
    /// A thread's open calls, the innermost first.
    pub fn stack(&self, thread: &ThreadLook) -> &[Frame] {
        &self.frames[thread.stack.clone()]
    }
}

/// A task of asyncio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// As the program, or asyncio, called it.
    pub name: String,
    /// What it does.
    pub state: State,
    /// Its coroutine, what that awaits, and so on: the innermost first. Of one that runs, the calls in its thread as well.
    pub frames: Vec<Frame>,
    /// Where each of them stands in memory.
    pub(super) places: Vec<usize>,
    /// Whether there were more: the innermost are missing.
    pub is_cut: bool,
    /// What it waits for, as far as that can be told.
    pub waits_for: Option<WaitsFor>,
    /// The tasks that await it, by their places in [`Tasks::list`].
    pub awaited_by: Vec<usize>,
}

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It runs: in this thread, by the system's number, where that was seen.
    Runs(Option<u64>),
    /// It waits for something.
    Waits,
    /// It has let others go first, and goes on when it is its turn.
    Ready,
    /// It was made, and hasn't had its first turn.
    NotBegun,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum WaitsFor {
    /// Another one, by its place in [`Tasks::list`].
    Task(usize),
    /// An object of this type.
    Other(String),
}

/// The tasks of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tasks {
    /// Those that aren't over, by their names.
    pub list: Vec<Task>,
    /// How many changed while they were read, and were left out.
    pub torn: u32,
    /// Whether there were more than are looked at.
    pub is_cut: bool,
    /// Whether nothing tells where they are, although the program has asyncio.
    pub is_untold: bool,
}

/// The local variables of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locals {
    /// Their names, and what they hold in a few words; `None` where that changed while it was read.
    pub values: Vec<(String, Option<String>)>,
    /// How many more there are.
    pub more: usize,
}
