//! What a profiled process sends: one MessagePack map in one ZeroMQ frame.
//!
//! All numbers are absolute. A *full* message says everything; a *delta* says what has changed since the
//! last full one (`base`), so that any delta heals what was lost before it. Times are ticks, as integers:
//! sums of them are exact, and `tick` seconds each.

use serde::{Deserialize, Serialize};

use crate::array::{Added, array_struct, figures_struct};
use crate::tasks::TasksPart;
use crate::text::WireText;

/// The version of the format that is written here. A reader refuses any other, greater or smaller.
pub const VERSION: u32 = 1;

/// No message may be larger, in bytes.
pub const MAX_BYTES: usize = 256 << 20;

/// What is wrong with something that was received.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not a message at all.
    #[error("not a message of the live stream: {0}")]
    Malformed(#[from] rmp_serde::decode::Error),
    /// Made by another pikos, a later one or an earlier one.
    #[error(
        "it is written in version {0} of the live stream, and this pikos reads version {VERSION} alone: install the \
         same pikos on both sides"
    )]
    Version(u32),
    /// Larger than anything that a process may send.
    #[error("{0} bytes is more than a message may have ({MAX_BYTES})")]
    TooLarge(usize),
    /// More functions, edges and threads than a subscriber keeps.
    #[error("more rows than a subscriber keeps ({0})")]
    TooMany(usize),
    /// Longer names than a subscriber keeps.
    #[error("more text than a subscriber keeps ({0} bytes)")]
    TooMuchText(usize),
    /// It contradicts itself or what came before.
    #[error("the message contradicts itself: {0}")]
    Contradiction(&'static str),
}

/// How much a message says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Everything: what was known before is void.
    #[default]
    Full,
    /// What has changed since the last full one.
    Delta,
}

/// One message. Fields that a reader doesn't know it skips.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// [`VERSION`].
    pub v: u32,
    /// How much it says.
    pub kind: Kind,
    /// Tells one run of one profile apart from all others, on all hosts.
    pub id: String,
    /// Counts the messages of this run, from 1.
    pub seq: u64,
    /// The full message that a delta builds on; its own `seq` in a full one.
    pub base: u64,
    /// Grows whenever the profile is cleared: all older numbers are void.
    pub epoch: u64,
    /// When the numbers were read, in seconds since 1970.
    pub time: f64,
    /// Seconds from the start of the stream to then, by a steady clock.
    pub age: f64,
    /// Seconds of one tick.
    pub tick: f64,
    /// Whether collection is paused.
    #[serde(default)]
    pub paused: bool,
    /// Seconds from one message to the next.
    pub interval: f64,
    /// Messages that could not be sent, so far.
    #[serde(default)]
    pub dropped: u64,
    /// What recording is estimated to have taken so far, in ticks.
    #[serde(default)]
    pub overhead: i64,
    /// How long it has been recording. Older processes don't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
    /// Of a profile of samples: how they were taken so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
    /// In a full message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// In the last message, which is a full one and holds the final numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<End>,
    /// Functions that have appeared since the base.
    #[serde(default)]
    pub functions: Vec<Name>,
    /// All threads.
    #[serde(default)]
    pub threads: Vec<ThreadRow>,
    /// Under which labels some of them are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelRow>,
    /// The numbers of functions, those that changed since the base.
    #[serde(default)]
    pub rows: Vec<FunctionRow>,
    /// The numbers of (caller, callee) pairs, likewise.
    #[serde(default)]
    pub edges: Vec<EdgeRow>,
    /// Of a profile that tells processors' time: how much of the times no processor was at work; of the rows and edges of this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<Vec<IdleRow>>,
    /// Of a profile that keeps how long each call took: that, of the rows of this message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durations: Option<Vec<DurationRow>>,
    /// Of a profile that keeps full stacks: those, in each message that has room for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<TreePart>,
    /// Of a profile that follows coroutines: all that is known of them, in each message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks: Option<TasksPart>,
}

/// Full stacks: the calling-context tree of each thread. It has bases of its own, since it may come less often.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TreePart {
    /// The message with the whole tree that this builds on; its own `seq` where this is one.
    pub base: u64,
    /// Nodes, those that changed since the base; of each thread in the order of their numbers.
    #[serde(default)]
    pub nodes: Vec<NodeRow>,
}

/// What was recorded so far, pauses left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// Seconds.
    pub elapsed: f64,
    /// Seconds of processors that the process has had in these; 0 if the system doesn't say.
    pub cpu: f64,
    /// How many threads were recorded, those that ended included.
    pub threads: u64,
    /// Seconds that all threads waited for the GIL, where that is taken out of the times; else 0.
    #[serde(default)]
    pub gil_wait: f64,
    /// Where times are sampled: how often was looked; else 0.
    #[serde(default)]
    pub looks: u64,
    /// Seconds from one look to the next: a time t has the standard error √(t·interval).
    #[serde(default)]
    pub look_interval: f64,
}

/// How samples were taken, since the last clear. A look is one at all threads, and gives a sample of each that counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sampled {
    /// Seconds from one look to the next that were asked for last.
    pub asked: f64,
    /// Seconds from one look to the next as they were kept, on average.
    pub mean: f64,
    /// How far single ones are from that: their standard deviation, in seconds.
    pub deviation: f64,
    /// How often it was looked.
    pub looks: u64,
    /// Samples that count.
    pub samples: u64,
    /// Threads that changed while they were looked at, and gave no sample then.
    pub torn: u64,
    /// Looks that were asked for and could not be taken in time.
    pub missed: u64,
    /// Seconds of a processor that all of that has taken.
    pub cpu: f64,
}

/// What doesn't change while the process runs, or hardly ever.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The process.
    pub pid: u32,
    /// The profiled process that started it, if one did.
    #[serde(default)]
    pub parent: Option<u32>,
    /// The host's name.
    pub host: String,
    /// When the stream began, in seconds since 1970.
    pub started: f64,
    /// By how many seconds the clocks there are ahead of Greenwich's.
    #[serde(default)]
    pub zone: i32,
    /// `sys.argv`.
    #[serde(default)]
    pub argv: Vec<WireText>,
    /// The whole command line: `sys.orig_argv`.
    #[serde(default)]
    pub command: Vec<WireText>,
    /// The working folder when recording began.
    #[serde(default)]
    pub folder: WireText,
    /// The operating system, its release, and the kind of processor.
    #[serde(default)]
    pub system: String,
    /// How many processors it may use; 0 if the system doesn't say.
    #[serde(default)]
    pub cpus: u32,
    /// `CPython 3.13.0`.
    pub python: String,
    /// The version of pikos.
    pub pikos: String,
    /// What counts ticks: `tsc`, `monotonic`, or `timer` for the user's own, which may run backwards.
    pub clock: String,
    /// Which hook counts: `Profile.hook`'s name.
    pub hook: String,
    /// The options that differ from the default, as Python has them: `threads=True, tree=True`.
    #[serde(default)]
    pub options: String,
    /// What is counted: `samples`, or calls where nothing is said.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub counts: String,
    /// Of samples: of which threads they are: `wall` (of all), `cpu` (of those that run), `gil` (of the one that has the GIL).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mode: String,
    /// Whether what recording costs has been taken out of the times.
    #[serde(default)]
    pub compensated: bool,
    /// Whether calls of built-ins count.
    #[serde(default)]
    pub builtins: bool,
    /// Whether it is told how long processors were at work. Not written where it isn't.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cpu: bool,
    /// Whether full stacks are kept. Not written where they are not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tree: bool,
    /// Where commands are taken, if anywhere: an endpoint on this host.
    #[serde(default)]
    pub control: Option<WireText>,
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// `normal`, `exception`, `signal`, `exit` (`os._exit`), `exec`, `disabled`.
    pub how: String,
    /// The exception's type, the signal's name; else empty.
    #[serde(default)]
    pub detail: String,
}

array_struct! {
    /// A function's label.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct Name {
        /// Its number in this stream, since the last clear.
        pub function: u32,
        /// The file; `~` for built-ins.
        pub file: WireText,
        /// The first line; 0 for built-ins.
        pub line: u32,
        /// The name, as cProfile gives it.
        pub name: WireText,
        /// `Class.method`, where it is known.
        pub qualname: Option<WireText>,
    }
}

array_struct! {
    /// A thread.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct ThreadRow {
        /// Its number in this stream. 0 is the sum of ended threads that are no longer kept apart.
        pub thread: u64,
        /// What `threading` calls it.
        pub name: WireText,
        /// `threading.get_native_id()`.
        pub native_id: u64,
        /// Whether it has ended.
        pub is_over: bool,
    }
}

array_struct! {
    /// The labels of one of the [`ThreadRow`]s that a thread has: one for each set of labels.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct LabelRow {
        /// The number of that row.
        pub thread: u64,
        /// Names and values in turn.
        pub labels: Vec<WireText>,
    }
}

figures_struct! {
    /// What is counted of a function's finished calls, or of one function's calls of another.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Finished {
        /// How many.
        pub ncalls: u64,
        /// Those that were not recursive.
        pub primitive_calls: u64,
        /// Ticks in the function itself.
        pub tottime: i64,
        /// Ticks in it and all that it called, in outermost calls.
        pub cumtime: i64,
    }
}

figures_struct! {
    /// What goes on now.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Open {
        /// Calls that are open.
        pub calls: u64,
        /// Ticks in the function itself in all of them so far.
        pub tottime: i64,
        /// Ticks since the outermost one began.
        pub cumtime: i64,
    }
}

figures_struct! {
    /// What is counted with exactly one stack.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct NodeFigures {
        /// Finished calls.
        pub ncalls: u64,
        /// Ticks in finished calls.
        pub tottime: i64,
        /// The call with this stack that is open, if one is.
        pub open: Open,
        /// Finished calls right above this stack that the limits cut.
        pub cut_ncalls: u64,
        /// Their ticks, which are in `tottime`, too.
        pub cut_tottime: i64,
    }
}

array_struct! {
    /// What a thread has counted of a function.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct FunctionRow {
        /// The thread.
        pub thread: u64,
        /// The function.
        pub function: u32,
        /// Its finished calls.
        pub finished: Finished,
        /// Its open calls.
        pub open: Open,
        /// Ticks that it waited for the GIL, where these are taken out: in no other figure.
        pub gil_wait: Added,
    }
}

array_struct! {
    /// What a thread has counted of the calls of one function by another.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct EdgeRow {
        /// The thread.
        pub thread: u64,
        /// Who called.
        pub caller: u32,
        /// Who was called.
        pub callee: u32,
        /// Finished calls through this caller.
        pub finished: Finished,
        /// Open ones.
        pub open: Open,
    }
}

array_struct! {
    /// A stack of a thread, and what happened with exactly these calls open.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct NodeRow {
        /// The thread.
        pub thread: u64,
        /// Its number in the thread's tree: from 1, in the order in which they came. 0 is the bottom, below all stacks.
        pub node: u32,
        /// The node below, which has a smaller number.
        pub parent: u32,
        /// The function on top; nothing of the bottom.
        pub function: Option<u32>,
        /// What happened.
        pub figures: NodeFigures,
    }
}

array_struct! {
    /// How long a thread was in a function, or in one's calls of another, and no processor was at work on it. Open calls included.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct IdleRow {
        /// The thread.
        pub thread: u64,
        /// Who called; nothing for the sum over all callers.
        pub caller: Option<u32>,
        /// Who was called.
        pub function: u32,
        /// Ticks of its own time.
        pub tottime: i64,
        /// Ticks of its cumulative time.
        pub cumtime: i64,
    }
}

array_struct! {
    /// How long a function's finished calls took in a thread, each by itself.
    #[derive(Clone, Debug, Default, PartialEq, Eq)]
    pub struct DurationRow {
        /// The thread.
        pub thread: u64,
        /// The function.
        pub function: u32,
        /// Ticks of the quickest call.
        pub min: u64,
        /// Ticks of the slowest one.
        pub max: u64,
        /// When that ended: ticks since recording began; nothing where nobody knows.
        pub max_ended: Option<i64>,
        /// Where it was: a node of the thread's tree; 0 where that isn't known.
        pub max_node: u32,
        /// Ticks, and how many calls took that long, to within a thirtieth; and so on.
        pub counts: Vec<u64>,
    }
}

/// What [`Facts::counts`] says of samples.
pub const SAMPLES: &str = "samples";

impl Facts {
    /// Whether samples are counted, not calls.
    pub fn is_sampled(&self) -> bool {
        self.counts == SAMPLES
    }
}

impl Name {
    /// How many bytes of text it has.
    pub fn bytes(&self) -> usize {
        self.file.len() + self.name.len() + self.qualname.as_ref().map_or(0, WireText::len)
    }
}

impl Message {
    /// The bytes of one ZeroMQ frame.
    pub fn encode(&self) -> Vec<u8> {
        // About what it takes: a buffer that grows is copied again and again.
        let names: usize = self.functions.iter().map(|name| name.bytes() + 16).sum();
        let rows = 36 * self.rows.len() + 40 * self.edges.len() + 64 * self.threads.len();
        let nodes = 30 * self.tree.as_ref().map_or(0, |tree| tree.nodes.len());
        let mut bytes = Vec::with_capacity(1024 + names + rows + nodes);
        let mut serializer = rmp_serde::Serializer::new(&mut bytes).with_struct_map();
        // Only a writer that fails, or a map of unknown length, can make this an error; here is neither.
        if self.serialize(&mut serializer).is_err() {
            bytes.clear();
        }
        bytes
    }

    /// Reads a frame.
    pub fn decode(frame: &[u8]) -> Result<Self, WireError> {
        if frame.len() > MAX_BYTES {
            return Err(WireError::TooLarge(frame.len()));
        }
        check_version(frame)?;
        Ok(rmp_serde::from_slice(frame)?)
    }
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

/// Comes before all else: what another version means by the other fields is not known here.
pub(crate) fn check_version(frame: &[u8]) -> Result<(), WireError> {
    let Version { v } = rmp_serde::from_slice(frame)?;
    if v != VERSION { Err(WireError::Version(v)) } else { Ok(()) }
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
