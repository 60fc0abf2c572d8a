//! What one recorder counts: an entry for each function, an edge for each (caller, callee), and the frames
//! that are open now. Written by one thread, read by any; see [`crate::cells`].
//!
//! An edge holds calls and own time; a function's are the sums over the edges that lead to it, so a leave
//! writes them once. What can't be summed up (recursion, and with it cumulative time, which counts the
//! outermost activation only) stands in the entry as well.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use crate::cells::{Arena, Cell8, Cell64, FullCell, Link, LinkCell, look_after, show_before};
use crate::clock::Ticks;
use crate::duration_tables::{DurationTables, Durations, FirstCall};
use crate::hash::mix;

/// What tells functions apart while the program runs: an address, unique as long as the function lives.
pub type Key = usize;

/// A function's number in whatever the user of the engine keeps names in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

impl FunctionId {
    /// The pseudo function that calls whatever has no caller, and is never counted itself.
    pub const ROOT: FunctionId = FunctionId(u32::MAX);
}

/// Which of a thread's stacks: a thread has one, unless something like greenlet switches among several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct StackId(pub usize);

/// How many kinds there may be.
pub const KINDS: usize = 32;

/// A kind of callee: what the interpreter does around its calls takes the same time for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kind(pub u8);

/// Where in its own time a function may stand still of its own accord: to sleep, or to read. Where the thread doesn't run
/// elsewhere in it, the thread waits for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pauses {
    /// Nowhere, as in Python code.
    Never,
    /// After its last call only, as in a built-in that does nothing itself but call what it is given.
    BeforeItEnds,
    /// Anywhere.
    Anywhere,
}

/// What a function makes of a call: most return from it once, others stop and go on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form(u8);

impl Form {
    /// It returns.
    pub const PLAIN: Self = Self(0);
    /// What an event loop calls for each thing that there is to do.
    pub const CALLBACK: Self = Self(1);
    /// A generator whose steps are calls and nothing more.
    pub const GENERATOR: Self = Self(2);
    /// One whose steps are followed.
    pub const FOLLOWED_GENERATOR: Self = Self(3);
    /// An asynchronous generator.
    pub const ASYNC_GENERATOR: Self = Self(4);
    /// A coroutine.
    pub const COROUTINE: Self = Self(5);

    /// Whether its steps are told one by one.
    #[inline(always)]
    pub fn is_followed(self) -> bool {
        self.0 != 0 && self != Self::GENERATOR
    }

    /// Whether it stands still between steps, and so may await or delegate to another one.
    #[inline(always)]
    pub(crate) fn pauses(self) -> bool {
        self.0 >= Self::GENERATOR.0
    }

    /// Whether others await it.
    #[inline(always)]
    pub(crate) fn is_awaited(self) -> bool {
        self.0 >= Self::ASYNC_GENERATOR.0
    }
}

/// The number of the node that stands for no call, below all stacks.
pub const BOTTOM: u32 = 0;

/// A function, as one thread called it.
#[derive(Debug)]
pub struct Entry {
    pub(crate) key: Key,
    /// Which function this is.
    pub function: FunctionId,
    /// What its calls cost the interpreter to report.
    pub kind: Kind,
    /// What a hook has found out about the function, 0 at first: its own business.
    pub note: Cell8,
    /// Where it may stand still of its own accord.
    pub pauses: Pauses,
    form: Cell8,
    /// How many activations are open on the running stack.
    pub open: Cell64,
    /// Calls made while another activation was open on their stack.
    pub recursive_calls: Cell64,
    /// Time of outermost activations, callees included.
    pub total: Cell64,
    /// How long each call took, where that is kept, once two are over.
    pub(crate) durations: LinkCell<Durations>,
    /// How long the first one took.
    pub(crate) first: LinkCell<FirstCall>,
}

impl Entry {
    pub(crate) fn new(key: Key, function: FunctionId, kind: Kind, pauses: Pauses) -> Self {
        Self {
            key,
            function,
            kind,
            note: Cell8::default(),
            pauses,
            form: Cell8::default(),
            open: Cell64::default(),
            recursive_calls: Cell64::default(),
            total: Cell64::default(),
            durations: LinkCell::empty(),
            first: LinkCell::empty(),
        }
    }
}

impl Entry {
    /// What the function makes of a call.
    #[inline(always)]
    pub fn form(&self) -> Form {
        Form(self.form.get())
    }

    pub(crate) fn set_form(&self, form: Form) {
        self.form.set(form.0);
    }
}

/// A caller of a function. One cache line: all that a leave writes beside the entry and the frame.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Edge {
    pub(crate) key: Key,
    /// Who called.
    pub caller: Link<Entry>,
    /// Who was called.
    pub callee: Link<Entry>,
    /// How many activations through this caller are open on the running stack.
    pub open: Cell64,
    /// Finished calls.
    pub calls: Cell64,
    /// Calls made while another activation through this caller was open on their stack.
    pub recursive_calls: Cell64,
    /// Time of outermost activations through this caller, callees included.
    pub total: Cell64,
    /// Time in the function itself.
    pub own: Cell64,
}

impl Edge {
    pub(crate) fn new(caller: Link<Entry>, callee: Link<Entry>) -> Self {
        Self {
            key: callee.key,
            caller,
            callee,
            open: Cell64::default(),
            calls: Cell64::default(),
            recursive_calls: Cell64::default(),
            total: Cell64::default(),
            own: Cell64::default(),
        }
    }
}

/// A place on a shadow stack. Frames form a doubly linked list that only grows, so a call and a return
/// move a pointer and allocate nothing.
#[derive(Debug)]
pub struct Frame {
    /// Which call this is.
    pub edge: FullCell<Edge>,
    /// When it began.
    pub started: Cell64,
    /// Time spent in calls that it made and that are over.
    pub children: Cell64,
    pub(crate) below: LinkCell<Frame>,
    pub(crate) above: LinkCell<Frame>,
    /// With compensation: what the thread had spent when it began.
    pub(crate) spent_before: Cell64,
    /// With compensation: what was spent in calls that it made and that are over.
    pub(crate) children_excess: Cell64,
    /// Where idleness is told apart: how long the thread had been idle when it began.
    pub(crate) idle_before: Cell64,
}

impl Frame {
    pub(crate) fn new(edge: Link<Edge>) -> Self {
        Self {
            edge: FullCell::new(edge),
            started: Cell64::default(),
            children: Cell64::default(),
            below: LinkCell::empty(),
            above: LinkCell::empty(),
            spent_before: Cell64::default(),
            children_excess: Cell64::default(),
            idle_before: Cell64::default(),
        }
    }
}

/// A call that is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    pub frame: Link<Frame>,
    pub edge: Link<Edge>,
    /// With all that it called.
    pub total: Ticks,
    /// With compensation: how much of `total` recording took.
    pub total_excess: Ticks,
    /// When it ended.
    pub now: Ticks,
    /// Where there is a tree: its stack's node, or the deepest one below.
    pub node: u32,
}

/// How a stack stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The record is nobody's.
    Free,
    /// It is being switched to or away.
    Changing,
    /// It is switched away: its frames and its record stand still.
    Parked,
    /// The thread runs on it.
    Running,
}

/// A moment in the life of a [`Stack`]: how it stood, and the how-manieth change that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn(u64);

impl Turn {
    pub(crate) fn standing(self) -> Standing {
        match self.0 % 4 {
            0 => Standing::Free,
            1 => Standing::Changing,
            2 => Standing::Parked,
            _ => Standing::Running,
        }
    }

    fn next(self, standing: Standing) -> Self {
        Self((self.0 / 4 + 1) * 4 + standing as u64)
    }
}

/// A stack's record; see [`crate::stacks`].
#[derive(Debug)]
pub(crate) struct Stack {
    turn: Cell64,
    /// While it is parked: its newest call. While free: its bottom frame, for the next stack.
    pub(crate) top: FullCell<Frame>,
    /// When it was parked.
    pub(crate) since: Cell64,
    /// With compensation: what the thread had spent by then.
    pub(crate) spent: Cell64,
    /// Where idleness is told apart: how long it had been idle by then.
    pub(crate) idle: Cell64,
}

impl Stack {
    pub(crate) fn new(standing: Standing, top: Link<Frame>) -> Self {
        Self {
            turn: Cell64::with(Turn(0).next(standing).0),
            top: FullCell::new(top),
            since: Cell64::default(),
            spent: Cell64::default(),
            idle: Cell64::default(),
        }
    }

    /// How it stands now. Whoever reads the stack and then finds the same [`Stack::turn_after`] has read it as it stood.
    pub(crate) fn turn(&self) -> Turn {
        let turn = Turn(self.turn.get());
        look_after();
        turn
    }

    /// See [`Stack::turn`].
    pub(crate) fn turn_after(&self) -> Turn {
        look_after();
        Turn(self.turn.get())
    }

    /// The writer only. What it has written so far is seen by who sees this, and what it writes from now on by nobody who
    /// doesn't.
    pub(crate) fn change(&self, standing: Standing) {
        show_before();
        self.turn.set(Turn(self.turn.get()).next(standing).0);
        show_before();
    }
}

/// Whose excess this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A caller of a function.
    Edge(Link<Edge>),
    /// A function: its outermost activations only.
    Entry(Link<Entry>),
}

impl Subject {
    fn hash(self) -> u64 {
        let address = match self {
            Subject::Edge(edge) => edge.address(),
            Subject::Entry(entry) => entry.address(),
        };
        mix(address as u64)
    }
}

/// What has to be taken out of an edge's, or an entry's, times.
#[derive(Debug)]
pub struct Excess {
    /// Whose.
    pub of: Subject,
    /// Of the time in the function itself; 0 for entries.
    pub own: Cell64,
    /// Of the time of outermost activations.
    pub total: Cell64,
}

/// The writer's way to the excesses of an arena.
#[derive(Debug, Default)]
pub(crate) struct KnownExcesses(HashTable<Link<Excess>>);

impl KnownExcesses {
    /// That of an edge or an entry; made, if it has none yet.
    pub(crate) fn of(&mut self, arena: &Arena<Excess>, of: Subject) -> Link<Excess> {
        let hash = of.hash();
        if let Some(known) = self.0.find(hash, |excess| excess.of == of) {
            return *known;
        }
        let fresh = arena.push(Excess { of, own: Cell64::default(), total: Cell64::default() });
        self.0.insert_unique(hash, fresh, |excess| excess.of.hash());
        fresh
    }
}

/// How long a thread has waited in a function, without its callees, called by one caller.
#[derive(Debug)]
pub struct Wait {
    /// Whose.
    pub of: Link<Edge>,
    /// In no time of any call.
    pub time: Cell64,
}

/// Of samples: a function that a stack had by way of several edges at once.
#[derive(Debug)]
pub struct Repeat {
    /// Which.
    pub of: Link<Entry>,
    /// How many samples the sum over its edges has too much.
    pub samples: Cell64,
}

/// A stack, and what happened with exactly these calls open.
#[derive(Debug)]
pub struct Node {
    /// The place in the arena.
    pub(crate) index: u32,
    pub(crate) parent: u32,
    pub(crate) function: FunctionId,
    pub(crate) depth: u32,
    pub(crate) calls: Cell64,
    pub(crate) own: Cell64,
    /// With compensation: how much of `own` recording took.
    pub(crate) own_excess: Cell64,
    /// Calls right above this stack that got no node, and their own time, which is also in `own`.
    pub(crate) cut_calls: Cell64,
    pub(crate) cut_own: Cell64,
}

impl Node {
    pub(crate) fn new(index: u32, parent: u32, function: FunctionId, depth: u32) -> Self {
        Self {
            index,
            parent,
            function,
            depth,
            calls: Cell64::default(),
            own: Cell64::default(),
            own_excess: Cell64::default(),
            cut_calls: Cell64::default(),
            cut_own: Cell64::default(),
        }
    }

    pub(crate) fn counts(&self) -> NodeCounts {
        NodeCounts {
            calls: self.calls.get(),
            own: self.own.ticks(),
            own_excess: self.own_excess.ticks(),
            cut_calls: self.cut_calls.get(),
            cut_own: self.cut_own.ticks(),
        }
    }
}

/// All that one recorder shares with its readers.
#[derive(Debug)]
pub struct Tables {
    /// The first is the root.
    pub(crate) entries: Arena<Entry>,
    /// The first leads nowhere.
    pub(crate) edges: Arena<Edge>,
    /// With compensation: what has to be taken out of edges and entries.
    pub(crate) excesses: Arena<Excess>,
    /// Where waiting is told apart: how long it was.
    pub(crate) waits: Arena<Wait>,
    /// Of samples: what is too much in the sums over a function's edges.
    pub(crate) repeats: Arena<Repeat>,
    /// Held while a sample is added. Nobody who records calls ever takes it.
    pub(crate) sampling: Mutex<()>,
    /// With a tree: its nodes.
    pub(crate) nodes: Arena<Node>,
    /// Where that is kept: how long each call took.
    pub(crate) durations: DurationTables,
    /// Where idleness is told apart: what has to be taken out of the times of edges and entries to get a processor's.
    pub(crate) idles: Arena<Excess>,
    /// What is open, which all tables of a recorder have in common.
    pub(crate) running: Arc<Running>,
}

/// What is open in one thread. A call is counted in the tables that its edge is in.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) frames: Arena<Frame>,
    /// Where the thread switches among stacks: those on which calls were open at one time.
    pub(crate) stacks: Arena<Stack>,
    /// Where idleness is told apart: how long the thread was idle so far, as far as events have told.
    pub(crate) idle: Cell64,
    /// With compensation: what recording has taken when it was last added up.
    pub(crate) spent: Cell64,
    /// What runs now.
    pub(crate) now: Now,
}

/// What runs now, in two cells that a reader gets with one look at memory.
#[derive(Debug)]
#[repr(C, align(16))]
pub(crate) struct Now {
    /// The frame that runs, and below it, by `below`, those that wait for it.
    pub(crate) top: FullCell<Frame>,
    /// Where times are sampled: the running call's edge, that of the bottom frame while there is none. It alone says whose a
    /// look's time is: no second look is needed, which short calls would not live to see.
    pub(crate) edge: FullCell<Edge>,
}

impl Tables {
    /// Tables with nothing in them, and a stack without calls.
    pub(crate) fn new() -> Self {
        let (entries, edges, frames) = (Arena::default(), Arena::default(), Arena::default());
        let nowhere = begin(&entries, &edges);
        let bottom = frames.push(Frame::new(nowhere));
        let now = Now { top: FullCell::new(bottom), edge: FullCell::new(nowhere) };
        let running = Running {
            frames,
            stacks: Arena::default(),
            idle: Cell64::default(),
            spent: Cell64::default(),
            now,
        };
        Self::with(entries, edges, Arc::new(running))
    }

    /// The same for calls of a stack that there is already.
    pub(crate) fn beside(running: &Arc<Running>) -> Self {
        let (entries, edges) = (Arena::default(), Arena::default());
        begin(&entries, &edges);
        Self::with(entries, edges, Arc::clone(running))
    }

    fn with(entries: Arena<Entry>, edges: Arena<Edge>, running: Arc<Running>) -> Self {
        Self {
            entries,
            edges,
            excesses: Arena::default(),
            waits: Arena::default(),
            repeats: Arena::default(),
            sampling: Mutex::default(),
            nodes: Arena::default(),
            durations: DurationTables::default(),
            idles: Arena::default(),
            running,
        }
    }

    /// The pseudo function that calls whatever has no caller.
    pub(crate) fn root(&self) -> Link<Entry> {
        self.entries.iter().next().expect("tables are made with this entry")
    }

    /// The edge of bottom frames, which no key matches.
    pub(crate) fn nowhere(&self) -> Link<Edge> {
        self.edges.iter().next().expect("tables are made with this edge")
    }

    /// How many nodes the tree has.
    pub fn node_count(&self) -> usize {
        self.nodes.count()
    }

    /// As long as this is kept, no sample is added.
    pub(crate) fn without_samples(&self) -> MutexGuard<'_, ()> {
        self.sampling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where waiting is told apart: how long that was in all functions so far.
    pub fn waited(&self) -> Ticks {
        self.waits.iter().fold(Ticks::default(), |sum, wait| sum.plus(wait.time.ticks()))
    }
}

/// Makes the root, and the edge that leads nowhere.
fn begin(entries: &Arena<Entry>, edges: &Arena<Edge>) -> Link<Edge> {
    let root = entries.push(Entry::new(0, FunctionId::ROOT, Kind::default(), Pauses::Never));
    edges.push(Edge::new(root, root))
}

/// The numbers of an edge at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Finished calls, recursive ones included.
    pub calls: u64,
    /// Those that were recursive.
    pub recursive_calls: u64,
    /// Time of outermost activations, callees included.
    pub total: Ticks,
    /// Time in the function itself.
    pub own: Ticks,
    /// With compensation: how much of `total` recording took.
    pub total_excess: Ticks,
    /// With compensation: how much of `own` recording took.
    pub own_excess: Ticks,
    /// Where waiting is told apart: how long that was in the function itself. In no other time.
    pub waited: Ticks,
    /// Where idleness is told apart: how much of `own` no processor was at work.
    pub idle_own: Ticks,
    /// Likewise of `total`.
    pub idle_total: Ticks,
}

impl Counts {
    /// What recording has taken: of the function itself, and of all that it called.
    pub(crate) fn of_recording(own_excess: Ticks, total_excess: Ticks) -> Self {
        Self { own_excess, total_excess, ..Self::default() }
    }

    /// How long no processor was at work, likewise.
    pub(crate) fn of_idleness(idle_own: Ticks, idle_total: Ticks) -> Self {
        Self { idle_own, idle_total, ..Self::default() }
    }

    /// Whether a call has been counted, or time of one that counts in another part.
    pub(crate) fn has_any(&self) -> bool {
        self.calls > 0 || self.own != Ticks::default() || self.total != Ticks::default()
    }

    /// Adds another thread's, or another edge's, numbers.
    pub fn add(&mut self, other: &Counts) {
        self.calls += other.calls;
        self.recursive_calls += other.recursive_calls;
        self.total = self.total.plus(other.total);
        self.own = self.own.plus(other.own);
        self.total_excess = self.total_excess.plus(other.total_excess);
        self.own_excess = self.own_excess.plus(other.own_excess);
        self.waited = self.waited.plus(other.waited);
        self.idle_own = self.idle_own.plus(other.idle_own);
        self.idle_total = self.idle_total.plus(other.idle_total);
    }
}

/// The numbers of a node at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeCounts {
    /// Finished calls with this very stack.
    pub calls: u64,
    /// Time with exactly this stack, and that of the calls right above it that were cut.
    pub own: Ticks,
    /// With compensation: how much of `own` recording took.
    pub own_excess: Ticks,
    /// Calls above this stack that got no node.
    pub cut_calls: u64,
    /// Their own time, without what recording took.
    pub cut_own: Ticks,
}

impl NodeCounts {
    pub(crate) fn add(&mut self, other: &NodeCounts) {
        self.calls += other.calls;
        self.own = self.own.plus(other.own);
        self.own_excess = self.own_excess.plus(other.own_excess);
        self.cut_calls += other.cut_calls;
        self.cut_own = self.cut_own.plus(other.cut_own);
    }
}

impl Edge {
    /// Whether these calls are steps of what nobody awaits: a loop runs it.
    #[inline(always)]
    pub(crate) fn is_root(&self) -> bool {
        self.callee.form().is_awaited() && !self.caller.form().pauses()
    }

    /// This edge's numbers now.
    pub fn counts(&self) -> Counts {
        Counts {
            calls: self.calls.get(),
            recursive_calls: self.recursive_calls.get(),
            total: self.total.ticks(),
            own: self.own.ticks(),
            ..Counts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_one_cache_line() {
        assert_eq!((size_of::<Edge>(), align_of::<Edge>()), (64, 64));
        assert_eq!(size_of::<Entry>(), 56);
        assert_eq!(size_of::<Frame>(), 64);
    }
}
