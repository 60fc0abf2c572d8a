//! Numbers of functions, stacks and processes, and what a picture covers.

/// A function of a source: an index into [`ProfileContent::labels`](super::ProfileContent::labels).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

impl FunctionId {
    /// The place of its label.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A stack of a source: the same for as long as that lives, in every process and thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackId(pub u32);

/// A process of a source, or a file: an index into [`Picture::processes`](super::Picture::processes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// What a table covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// All processes, added up.
    All,
    /// One process, or one file.
    Process(ProcessId),
    /// One thread, by the id that its process gives it.
    Thread(ProcessId, u64),
}

impl Scope {
    /// The process, if it is in one.
    pub fn process(self) -> Option<ProcessId> {
        match self {
            Scope::All => None,
            Scope::Process(process) | Scope::Thread(process, _) => Some(process),
        }
    }
}
