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
