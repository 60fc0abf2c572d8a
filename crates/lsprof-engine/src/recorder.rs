//! The recorder: what one thread does on each call and return. The only writer of its [`Tables`].
//!
//! ```text
//!  enter(key):  cache or table ─> edge ─> push frame ─> (clock) start
//!  leave(key):  (clock) ─> top frame ─> edge, entry += ─> pop
//! ```
//! The edge is found on enter and kept in the frame, so that a leave looks nothing up. The caller reads the
//! clock itself: last on enter and first on leave, so that our own work falls outside the callee's time.

use std::sync::Arc;

use hashbrown::HashTable;

use crate::cells::{Link, show_before};
use crate::clock::Ticks;
use crate::coroutines::{Begins, Ending, Named, Step, Steps};
use crate::details::{Details, Lean};
use crate::durations;
use crate::excess::{Account, Costs};
use crate::hash::mix;
use crate::parts::{Moved, Part, PartId, Parts};
use crate::stacks::Stacks;
use crate::tables::{
    BOTTOM, Edge, Entry, Form, Frame, FunctionId, Key, Kind, Over, Pauses, Running, StackId, Tables,
};
use crate::tree::{Limits, TreeWriter};
use crate::waits::{NEVER, Processor, Waits};

/// Size of the cache in front of the edge table, in sets. 8 KB in all: a quarter of the smallest L1.
const SETS: usize = 512;
/// Edges in a set. With one, two edges of a hot loop that happen to share it would miss each time.
const WAYS: usize = 2;
/// Of more functions that may stand still of their own accord it isn't asked what they took.
const MOST_PAUSING: usize = 128;

/// Records the calls of one thread.
pub struct Recorder {
    top: Link<Frame>,
    /// An event later than this looks whether the thread has waited.
    deadline: u64,
    /// Where calls are so kept that most need little.
    lean: Lean,
    /// When a call ended last.
    left: Ticks,
    /// The pseudo function that calls whatever has no caller.
    root: Link<Entry>,
    /// Whether calls are told apart by their callers.
    subcalls: bool,
    /// Whether calls are counted and not timed.
    is_untimed: bool,
    /// What is open.
    running: Arc<Running>,
    /// What is counted; where the figures are kept in parts, in the one that the thread is in.
    tables: Arc<Tables>,
    cache: [[Link<Edge>; WAYS]; SETS],
    edges: HashTable<Link<Edge>>,
    entries: HashTable<Link<Entry>>,
    stacks: Stacks,
    /// What recording has taken, where that is asked for.
    account: Option<Box<Account>>,
    /// Full stacks, where they are asked for.
    tree: Option<Box<TreeWriter>>,
    /// What else is kept of calls, if anything is.
    details: Option<Box<Details>>,
    /// Where waiting is told apart.
    waits: Option<Box<Waits>>,
    /// The figures' other parts, where they are kept in parts.
    parts: Option<Box<Parts>>,
    /// Functions that are not recorded: no frame stands for a call of theirs, so its time is its caller's.
    hidden: HashTable<Hidden>,
    /// Functions that may stand still of their own accord.
    pausing: Vec<Link<Entry>>,
    /// How long hidden ones of these took.
    paused_hidden: Ticks,
}

/// A function that is not recorded.
struct Hidden {
    key: Key,
    kind: Kind,
    /// As of an [`Entry`].
    pauses: Pauses,
}

/// What an event ends: a stretch of the newest open call, or of its caller's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// The function calls another one now.
    BeforeCall,
    /// It ends, or gives way to another stack.
    BeforeEnd,
}

impl Recorder {
    /// A recorder with nothing in it. `subcalls` says whether calls are told apart by their callers.
    pub fn new(subcalls: bool) -> Self {
        let tables = Tables::new();
        let nowhere = tables.nowhere();
        let bottom = tables.running.now.top.get();
        Self {
            top: bottom,
            deadline: NEVER,
            lean: Lean::NO_CALL,
            left: Ticks::default(),
            root: tables.root(),
            subcalls,
            is_untimed: false,
            running: Arc::clone(&tables.running),
            tables: Arc::new(tables),
            cache: [[nowhere; WAYS]; SETS],
            edges: HashTable::new(),
            entries: HashTable::new(),
            stacks: Stacks::default(),
            account: None,
            tree: None,
            details: None,
            waits: None,
            parts: None,
            hidden: HashTable::new(),
            pausing: Vec::new(),
            paused_hidden: Ticks::default(),
        }
    }

    /// Keeps account of what recording takes, from now on; the hooks must use [`Recorder::start_extended`] and
    /// [`Recorder::leave_extended`] then.
    pub fn compensate(&mut self, costs: Costs) {
        self.account = Some(Box::new(Account::new(costs)));
        self.find_lean_calls();
    }

    /// Keeps full stacks, from now on, before the first call; the hooks must use [`Recorder::start_extended`] and
    /// [`Recorder::leave_extended`] then.
    pub fn grow_tree(&mut self, limits: Limits) {
        self.tree = Some(Box::new(TreeWriter::new(limits, &self.tables.nodes)));
        self.find_lean_calls();
    }

    /// Keeps details, from now on, before the first call; the hooks must use [`Recorder::prepare`] and
    /// [`Recorder::leave_extended`] then.
    pub fn keep(&mut self, mut details: Details) {
        if details.idle().is_some() {
            self.deadline = 0;
        }
        self.details = Some(Box::new(details));
        self.find_lean_calls();
    }

    /// Keeps no more stacks; those that there are stay.
    pub fn stop_tree(&mut self) {
        self.tree = None;
        if let Some(parts) = &mut self.parts {
            parts.stop_trees();
        }
        self.find_lean_calls();
    }

    fn find_lean_calls(&mut self) {
        let is_alone = self.account.is_none() && self.tree.is_none() && self.parts.is_none();
        let details = self.details.as_ref().filter(|_| is_alone);
        self.lean = details.map_or(Lean::NO_CALL, |details| details.lean());
    }

    /// Takes time in which the thread waits out of its calls, from now on, and looks for it so often; or no more. `processor` is
    /// the clock of the recorder's thread, whoever asks.
    pub fn tell_waits(&mut self, by: Option<(Processor, Ticks)>) {
        let tells_idleness = self.details.as_mut().is_some_and(|details| details.idle().is_some());
        self.deadline = if by.is_some() || tells_idleness { 0 } else { NEVER };
        self.waits = by.map(|(processor, period)| Box::new(Waits::new(processor, period)));
    }

    /// Counts calls and times none, from now on: a [`crate::TimeSampler`] gives them their times, and is the one that writes these.
    /// The hooks must use [`Recorder::start_untimed`] and [`Recorder::leave_untimed`] then. Or times them again: those that are
    /// open begin `now`.
    pub fn count_only(&mut self, is_untimed: bool, now: Ticks) {
        if self.is_untimed && !is_untimed {
            for frame in self.frames() {
                frame.started.set(now.0);
                frame.children.set(0);
            }
        }
        self.is_untimed = is_untimed;
        self.running.now.edge.set(edge_of(self.top));
    }

    /// What others may read while this recorder writes; where the figures are kept in parts, those of the first one.
    pub fn tables(&self) -> &Arc<Tables> {
        self.parts.as_ref().map_or(&self.tables, |parts| parts.first())
    }

    /// The same of all parts, the first one first.
    pub fn parts(&self) -> impl Iterator<Item = (PartId, &Arc<Tables>)> {
        let only = self.parts.is_none().then_some((PartId::FIRST, &self.tables));
        only.into_iter().chain(self.parts.iter().flat_map(|parts| parts.all()))
    }

    /// Which part the thread is in.
    pub fn part(&self) -> PartId {
        self.parts.as_ref().map_or(PartId::FIRST, |parts| parts.current)
    }

    /// The time of an event that was met at `now`: not before the figures went to another part, which may have been found out since.
    #[inline]
    pub fn time_of_event(&self, now: Ticks) -> Ticks {
        if self.left.since(now).signed() > 0 { self.left } else { now }
    }

    /// From now on the figures go to this part. What open calls have taken so far stays where it is; a call counts where it ends.
    /// Returns the part's tables if it is new. Takes as long as the stack is deep. Where calls are only counted nothing is done.
    pub fn go_on_in(&mut self, part: PartId, now: Ticks) -> Option<Arc<Tables>> {
        if self.is_untimed || part == self.part() {
            return None;
        }
        self.look_if_late(now);
        self.left = now;
        let mut moved = std::mem::take(&mut self.parts_mut().moved);
        self.leave_part(now, &mut moved);
        let is_new = self.enter_part(part);
        self.resume_in_part(now, &moved);
        // As in `close_as`: what is open before what is counted.
        show_before();
        moved.drain(..).for_each(Moved::count);
        self.parts_mut().moved = moved;
        is_new.then(|| Arc::clone(&self.tables))
    }

    fn parts_mut(&mut self) -> &mut Parts {
        self.lean = Lean::NO_CALL; // what a call took in other parts belongs to it
        self.parts.get_or_insert_with(|| Box::new(Parts::new(&self.tables)))
    }

    /// Takes all open calls out of the part that they are in, the newest first.
    fn leave_part(&mut self, now: Ticks, moved: &mut Vec<Moved>) {
        let has_details = self.details.is_some();
        let mut above = Ticks::default();
        for frame in self.frames() {
            let edge = edge_of(frame);
            let total = now.since(frame.started.ticks());
            let own = total.since(frame.children.ticks()).since(above);
            above = total;
            count_open(frame, u64::MAX);
            if let Some(idle) = self.details.as_mut().and_then(|details| details.idle()) {
                idle.ends(&self.tables.idles, frame, edge);
            }
            let excess = self.account.as_mut().map(|account| {
                account.take_out(&self.tables.excesses, (frame, edge, edge.callee.kind), own).0
            });
            if let Some(tree) = &mut self.tree {
                tree.leave(frame, own, excess.unwrap_or_default());
            }
            if has_details && let Some(parts) = &mut self.parts {
                parts.note(frame, total);
            }
            let (is_outermost, is_outermost_of_edge) = (edge.callee.open.get() == 0, edge.open.get() == 0);
            moved.push(Moved { frame, edge, total, own, is_outermost, is_outermost_of_edge });
        }
    }

    /// Puts another part in the place of the one that the thread is in. Whether it is new.
    fn enter_part(&mut self, part: PartId) -> bool {
        let known = self.parts_mut().take(part);
        let is_new = known.is_none();
        let next = known.unwrap_or_else(|| {
            let tables = Arc::new(Tables::beside(&self.running));
            let tree = self.tree.as_ref().map(|tree| Box::new(tree.another(&tables.nodes)));
            Part { tables, tree, edges: HashTable::new(), entries: HashTable::new() }
        });
        self.root = next.tables.root();
        let left = Part {
            tables: std::mem::replace(&mut self.tables, next.tables),
            tree: std::mem::replace(&mut self.tree, next.tree),
            edges: std::mem::replace(&mut self.edges, next.edges),
            entries: std::mem::replace(&mut self.entries, next.entries),
        };
        if is_new {
            let tables = Arc::clone(&self.tables);
            self.parts_mut().learn(part, &tables);
        }
        self.parts_mut().put(part, left);
        if let Some(steps) = self.steps() {
            steps.go_on_in(part.0);
        }
        is_new
    }

    /// Opens the calls that were moved again, the oldest first.
    fn resume_in_part(&mut self, now: Ticks, moved: &[Moved]) {
        let bottom = moved.last().and_then(|lowest| lowest.frame.below.get()).unwrap_or(self.top);
        bottom.edge.set(self.cache_miss());
        let mut caller = self.root;
        for &Moved { frame, edge: before, .. } in moved.iter().rev() {
            let edge = self.same_edge(caller, before);
            frame.edge.set(edge);
            frame.started.set(now.0);
            frame.children.set(0);
            count_open(frame, 1);
            if let Some(tree) = &mut self.tree {
                let on = edge.is_root().then(|| tree.bottom());
                tree.open(&self.tables.nodes, frame, edge.callee.function, on);
            }
            if let Some(account) = &mut self.account {
                account.go_on(frame);
            }
            if let Some(idle) = self.details.as_mut().and_then(|details| details.idle()) {
                idle.begins(frame);
            }
            if self.subcalls {
                caller = edge.callee;
            }
        }
    }

    /// The edge of this part that is what `before` is in another one.
    fn same_edge(&mut self, caller: Link<Entry>, before: Link<Edge>) -> Link<Edge> {
        let (key, hash) = (before.key, edge_hash(caller, before.key));
        if let Some(edge) = self.cached(caller, key, hash).or_else(|| self.known(caller, key, hash)) {
            return edge;
        }
        self.define_as(before.callee);
        self.find(caller, key, hash).expect("it was just defined")
    }

    /// Makes a function known that another part knows. Does nothing if it is.
    fn define_as(&mut self, other: Link<Entry>) {
        if self.entry(other.key).is_none() {
            self.define_pausing(other.key, other.function, other.kind, other.pauses);
            if let Some(entry) = self.entry(other.key) {
                entry.note.set(other.note.get());
                entry.set_form(other.form());
            }
        }
    }

    /// The function of this key, if another part knows it.
    #[cold]
    fn known_elsewhere(&mut self, key: Key) -> Option<Link<Entry>> {
        let other = self.parts.as_ref()?.entry(key)?;
        self.define_as(other);
        self.entry(key)
    }

    /// The thread goes on with the stack that `top` is the newest frame of: in the part in which it was parked, if calls are open on
    /// it, else in this one.
    fn go_on_with(&mut self, (from, to): (StackId, StackId), top: Link<Frame>, is_open: bool) {
        let Some(parts) = &self.parts else { return };
        if !is_open {
            return top.edge.set(self.cache_miss());
        }
        let lowest = frames_from(top).last().expect("calls are open on it");
        let part = parts.of_root(edge_of(lowest).caller);
        if part == parts.current {
            return;
        }
        self.enter_part(part);
        if let Some(tree) = &mut self.tree {
            tree.switch(from, to);
        }
    }

    /// Whether calls are told apart by their callers.
    pub fn has_subcalls(&self) -> bool {
        self.subcalls
    }

    /// Changes whether calls are told apart by their callers, from now on.
    pub fn set_subcalls(&mut self, subcalls: bool) {
        self.subcalls = subcalls;
    }

    /// [`Recorder::enter`] in the common case: an edge that is in the cache, a stack that has been this deep before, calls
    /// told apart by their callers, and no look at what was waited; the clock is read as soon as the rest is sure. Otherwise
    /// false, and nothing is done.
    ///
    /// Calls nothing, so that a hook which falls back in its last step needs no stack frame.
    #[inline(always)]
    pub fn enter_quickly(&mut self, key: Key, clock: impl FnOnce() -> Ticks) -> bool {
        self.enter_quickly_if(key, |_| true, clock)
    }

    /// [`Recorder::enter_quickly`] on a recorder that keeps more than figures, of a call that needs little of that.
    #[inline(always)]
    pub fn enter_leanly(&mut self, key: Key, clock: impl FnOnce() -> Ticks) -> bool {
        let any = self.lean.any();
        let is_entered = self.enter_quickly_if(key, |edge| any && !edge.callee.form().is_followed(), clock);
        if is_entered {
            self.begin_leanly(self.top);
        }
        is_entered
    }

    #[inline(always)]
    fn begin_leanly(&self, frame: Link<Frame>) {
        frame.idle_before.set(self.running.idle.get());
    }

    #[inline(always)]
    fn enter_quickly_if(
        &mut self,
        key: Key,
        is_so: impl FnOnce(Link<Edge>) -> bool,
        clock: impl FnOnce() -> Ticks,
    ) -> bool {
        let Some(edge) = self.next_edge(key).filter(|edge| is_so(*edge)) else { return false };
        let Some(frame) = self.top.above.get() else { return false };
        let now = clock();
        if self.is_late(now) {
            return false;
        }
        frame.started.set(now.0);
        self.push(frame, edge);
        self.running.now.top.set(frame);
        true
    }

    /// The edge that a call of this function would be counted on now, if it is in the cache: for hooks that ask before
    /// they [`Recorder::enter_edge`]. On a recorder that tells calls apart by their callers.
    #[inline(always)]
    pub fn next_edge(&self, key: Key) -> Option<Link<Edge>> {
        let caller = callee(self.top);
        self.cached(caller, key, edge_hash(caller, key))
    }

    /// [`Recorder::enter`] on the edge that [`Recorder::next_edge`] gave. False, and nothing done, on a stack that has never
    /// been so deep before.
    #[inline(always)]
    pub fn enter_edge(&mut self, edge: Link<Edge>) -> bool {
        let Some(frame) = self.top.above.get() else { return false };
        self.push(frame, edge);
        true
    }

    /// [`Recorder::leave`] in the common case: the top frame is the right one, and no look at what was waited. Otherwise false,
    /// and nothing is done.
    #[inline(always)]
    pub fn leave_quickly(&mut self, key: Key, now: Ticks) -> bool {
        let frame = self.top;
        let edge = edge_of(frame);
        if edge.key != key || self.is_late(now) {
            return false;
        }
        self.close::<false>(frame, edge, now);
        true
    }

    /// [`Recorder::leave_quickly`] on a recorder that keeps more than figures, of a call that needs no more than its duration noted, which
    /// is like others before. Calls nothing, either.
    #[inline(always)]
    pub fn leave_leanly(&mut self, key: Key, now: Ticks) -> bool {
        let frame = self.top;
        let edge = edge_of(frame);
        if edge.key != key || self.is_late(now) {
            return false;
        }
        let total = now.since(frame.started.ticks());
        if !self.is_lean(frame, edge.callee, total)
            || (self.lean.keeps_durations && !durations::add_usual(edge.callee, total))
        {
            return false;
        }
        self.close::<false>(frame, edge, now);
        true
    }

    /// Whether this call, which took so long, needs no more than its duration noted.
    #[inline(always)]
    fn is_lean(&self, frame: Link<Frame>, entry: Link<Entry>, total: Ticks) -> bool {
        total.signed() < self.lean.below
            && !entry.form().is_followed()
            && frame.idle_before.get() == self.running.idle.get()
    }

    /// [`Recorder::enter_quickly`] on a recorder that keeps a tree or details, and does not compensate. It calls what these need.
    ///
    /// `step` says which object goes on, where the function's steps are followed.
    #[inline(always)]
    pub fn enter_extended_quickly(
        &mut self,
        key: Key,
        step: impl FnOnce() -> Option<Step>,
        clock: impl FnOnce() -> Ticks,
    ) -> bool {
        let Some(edge) = self.next_edge(key) else { return false };
        if !self.enter_edge(edge) {
            return false;
        }
        if !edge.callee.form().is_followed() {
            self.prepare();
            self.start(clock());
            return true;
        }
        match step() {
            Some(step) if self.tree.is_none() => self.enter_step(edge, step, clock),
            step => {
                if let Some(step) = step {
                    self.expect_step(step);
                }
                self.prepare();
                self.start(clock());
                self.start_step();
            }
        }
        true
    }

    /// The frame that was pushed last is of this step. On a recorder that keeps no tree.
    #[inline]
    fn enter_step(&mut self, edge: Link<Edge>, step: Step, clock: impl FnOnce() -> Ticks) {
        let frame = self.top;
        let Some(details) = &mut self.details else { return self.start(clock()) };
        details.begins(&self.tables, frame);
        let now = match &mut details.steps {
            Some(steps) => steps.begins_at(&Begins::of(frame, edge), step, clock),
            None => clock(),
        };
        self.start(now);
    }

    /// [`Recorder::leave_quickly`] on such a recorder.
    ///
    /// `ending` says how the step ends, where the function's steps are followed.
    #[inline(always)]
    pub fn leave_extended_quickly(&mut self, key: Key, ending: impl FnOnce() -> Ending, now: Ticks) -> bool {
        let frame = self.top;
        let edge = edge_of(frame);
        if edge.key != key {
            return false;
        }
        self.look_if_late(now);
        if edge.callee.form().is_followed() {
            self.end_step_as(key, ending());
        }
        self.close::<true>(frame, edge, now);
        true
    }

    /// [`Recorder::enter_quickly`] where calls are counted only, on a recorder that tells calls apart by their callers.
    #[inline(always)]
    pub fn enter_untimed_quickly(&mut self, key: Key) -> bool {
        let Some(edge) = self.next_edge(key) else { return false };
        let Some(frame) = self.top.above.get() else { return false };
        frame.edge.set(edge);
        edge.open.add(1);
        edge.callee.open.add(1);
        self.top = frame;
        self.show_untimed(frame, edge);
        true
    }

    /// [`Recorder::leave_quickly`] where calls are counted only.
    #[inline(always)]
    pub fn leave_untimed_quickly(&mut self, key: Key) -> bool {
        let frame = self.top;
        let edge = edge_of(frame);
        if edge.key != key {
            return false;
        }
        self.close_untimed(frame, edge);
        true
    }

    /// [`Recorder::start`] where calls are counted only.
    #[inline(always)]
    pub fn start_untimed(&mut self) {
        self.show_untimed(self.top, edge_of(self.top));
    }

    /// [`Recorder::leave`] where calls are counted only.
    pub fn leave_untimed(&mut self, key: Key) -> bool {
        self.leave_untimed_quickly(key) || self.leave_unmatched(key, Ticks::default())
    }

    #[inline(always)]
    fn show_untimed(&self, frame: Link<Frame>, edge: Link<Edge>) {
        let now = &self.running.now;
        now.top.set(frame);
        now.edge.set(edge);
    }

    /// [`Recorder::leave_frame`] where calls are counted only.
    #[inline(always)]
    pub fn leave_frame_untimed(&mut self, frame: Link<Frame>, key: Key) -> bool {
        let is_newest = self.is_newest(frame, key);
        if is_newest {
            self.close_untimed(self.top, edge_of(self.top));
        }
        is_newest
    }

    /// A call begins: pushes a frame, whose clock [`Recorder::start`] must start next.
    ///
    /// False, and nothing done, where the function is not known yet: [`Recorder::define`] it and call again.
    pub fn enter(&mut self, key: Key) -> bool {
        if self.subcalls { self.enter_from_caller(key) } else { self.enter_from(self.root, key) }
    }

    /// [`Recorder::enter`] on a recorder that tells calls apart by their callers.
    #[inline(always)]
    pub fn enter_from_caller(&mut self, key: Key) -> bool {
        self.enter_from(callee(self.top), key)
    }

    #[inline(always)]
    fn enter_from(&mut self, caller: Link<Entry>, key: Key) -> bool {
        let below = self.top;
        let hash = edge_hash(caller, key);
        let Some(edge) = self.cached(caller, key, hash).or_else(|| self.find(caller, key, hash)) else {
            return false;
        };
        let frame = match below.above.get() {
            Some(frame) => frame,
            None => self.grow(below),
        };
        self.push(frame, edge);
        true
    }

    /// Starts the clock of the frame that was pushed last.
    #[inline(always)]
    pub fn start(&mut self, now: Ticks) {
        self.look_at_caller_if_late(now);
        self.show(now);
    }

    #[inline(always)]
    fn show(&mut self, now: Ticks) {
        self.top.started.set(now.0);
        // Shown to readers only now: an earlier call's time stood there until then.
        self.running.now.top.set(self.top);
    }

    /// Like [`Recorder::start`], in a hook that began at `since`, for a recorder that compensates; [`Recorder::prepare`] comes
    /// before.
    pub fn start_extended(&mut self, since: Ticks, now: Ticks) {
        self.look_at_caller_if_late(since);
        self.spend(now.since(since));
        if let Some(account) = &mut self.account {
            account.open(self.top);
            self.running.spent.set(account.spent);
        }
        self.show(now);
    }

    /// Finds the tree's node for the frame that was pushed last, and tells the details of it, where there are such. Takes time:
    /// before the clock is read.
    #[inline]
    pub fn prepare(&mut self) {
        let edge = edge_of(self.top);
        let is_followed = edge.callee.form().is_followed();
        if self.lean.any() && !is_followed {
            return self.begin_leanly(self.top);
        }
        let steps = self.details.as_mut().and_then(|details| details.steps.as_mut()).filter(|_| is_followed);
        let (mut steps, mut under) = (steps, None);
        if let Some(steps) = &mut steps {
            under = steps.begins(&Begins::of(self.top, edge));
        }
        if let Some(tree) = &mut self.tree {
            let on = under.or_else(|| edge.is_root().then(|| tree.bottom()));
            let under = tree.open(&self.tables.nodes, self.top, edge.callee.function, on);
            if let Some(steps) = steps {
                steps.note_place(self.top, under);
            }
        }
        if let Some(details) = &mut self.details {
            details.begins(&self.tables, self.top);
        }
    }

    /// Says which object the next call of a function is a step of, where steps are followed.
    pub fn expect_step(&mut self, step: Step) {
        if let Some(steps) = self.steps() {
            steps.expect(step);
        }
    }

    /// The clock of the frame that was pushed last has started: as of a step, if it is one.
    pub fn start_step(&mut self) {
        let frame = self.top;
        if !callee(frame).form().is_followed() {
            return;
        }
        if let Some(steps) = self.steps() {
            steps.started(frame, frame.started.ticks());
        }
    }

    /// Says how the next call of this function to end will end, where steps are followed.
    pub fn end_step_as(&mut self, key: Key, ending: Ending) {
        if let Some(steps) = self.steps() {
            steps.end_as(key, ending);
        }
    }

    /// Whether the newest call is a step of a task whose name is not known, and is about to end so that somebody may want to know it.
    /// To be answered by [`Recorder::name_task`].
    #[inline(always)]
    pub fn wants_task_name(&self, is_parked: bool, now: Ticks) -> bool {
        callee(self.top).form() == Form::COROUTINE
            && self
                .details
                .as_ref()
                .and_then(|details| details.steps.as_ref())
                .is_some_and(|steps| steps.wants_name(self.top, is_parked, now))
    }

    /// Names the task that the newest call is a step of.
    pub fn name_task(&mut self, named: &Named) {
        let frame = self.top;
        if let Some(steps) = self.steps() {
            steps.name_task(frame, named);
        }
    }

    /// Says that a task is being made here of a coroutine that has not begun, by their addresses.
    pub fn task_made(&mut self, coroutine: usize, task: usize) {
        if let Some(steps) = self.steps() {
            steps.task_made(coroutine, task);
        }
    }

    /// Whether the steps of some functions are followed.
    pub fn follows_steps(&self) -> bool {
        self.details.as_ref().is_some_and(|details| details.steps.is_some())
    }

    #[inline(always)]
    fn steps(&mut self) -> Option<&mut Steps> {
        self.details.as_mut()?.steps.as_mut()
    }

    /// Says what a known function makes of a call.
    pub fn set_form(&mut self, key: Key, form: Form) {
        if let Some(entry) = self.entry(key) {
            entry.set_form(form);
        }
    }

    /// Like [`Recorder::leave`], for a recorder that compensates, keeps a tree or details. Compensating, the hook must
    /// [`Recorder::spend`] what it takes after `now`.
    pub fn leave_extended(&mut self, key: Key, now: Ticks) -> bool {
        let frame = self.top;
        let edge = edge_of(frame);
        if edge.key == key {
            self.look_if_late(now);
            self.close::<true>(frame, edge, now);
            return true;
        }
        self.leave_unmatched(key, now)
    }

    /// A hook took this long, in time that is now the running call's.
    pub fn spend(&mut self, time: Ticks) {
        if let Some(account) = &mut self.account {
            account.spend(time);
            // What the thread didn't run of it is no waiting: it is taken out as it is.
            self.left = self.left.plus(time);
        }
    }

    /// A call of this kind was reported, and is none that we count.
    pub fn spend_on(&mut self, kind: Kind) {
        if let Some(account) = &mut self.account {
            account.spend_on(kind);
        }
    }

    /// When the running stack's newest call began: the last moment that is known without reading the clock.
    pub fn last_start(&self) -> Ticks {
        self.top.started.ticks()
    }

    /// A call is over. `now` was read before anything else was done.
    ///
    /// Where the top frame is another one's, those above the right one missed their leave and end now too; where
    /// there is no right one (recording began inside the call), nothing is done and the answer is false.
    pub fn leave(&mut self, key: Key, now: Ticks) -> bool {
        if self.top_key() == key {
            self.look_if_late(now);
        }
        self.leave_quickly(key, now) || self.leave_unmatched(key, now)
    }

    /// The frame of the newest open call, by which [`Recorder::leave_frame`] finds it again.
    #[inline(always)]
    pub fn top(&self) -> Link<Frame> {
        self.top
    }

    /// The key of the newest open call; the root's if there is none.
    pub fn top_key(&self) -> Key {
        edge_of(self.top).key
    }

    /// The call is over that was the newest when [`Recorder::top`] gave `frame`. For hooks that keep something on the C
    /// stack as long as a call lasts: unlike [`Recorder::leave`] it never takes an outer activation of the same function
    /// for it. False, and nothing done, where `frame` is not the top one.
    #[inline(always)]
    pub fn leave_frame(&mut self, frame: Link<Frame>, key: Key, now: Ticks) -> bool {
        let is_newest = self.is_newest(frame, key);
        if is_newest {
            self.look_if_late(now);
            self.close::<false>(self.top, edge_of(self.top), now);
        }
        is_newest
    }

    /// Like [`Recorder::leave_frame`], for a recorder that compensates, keeps a tree or details, where the call took the interpreter
    /// what one of this kind takes. Compensating, the hook must [`Recorder::spend`] what it takes after `now`.
    pub fn leave_frame_of_kind(&mut self, frame: Link<Frame>, key: Key, kind: Kind, now: Ticks) -> bool {
        let is_newest = self.is_newest(frame, key);
        if is_newest {
            self.look_if_late(now);
            self.close_as::<true>(self.top, edge_of(self.top), kind, now);
        }
        is_newest
    }

    #[inline(always)]
    fn is_newest(&self, frame: Link<Frame>, key: Key) -> bool {
        // The key, too: the frame may have been used again since, by another call or by another recorder.
        self.top == frame && edge_of(self.top).key == key
    }

    /// Whether the call that [`Recorder::leave_frame`] is about is open.
    pub fn has_open(&self, frame: Link<Frame>, key: Key) -> bool {
        self.frames().any(|open| open == frame && edge_of(open).key == key)
    }

    /// Whether a leave of this function would find a frame to close.
    pub fn expects(&self, key: Key) -> bool {
        !self.hides(key) && self.frames().any(|frame| edge_of(frame).key == key)
    }

    /// Whether any call is open on the running stack.
    pub fn is_open(&self) -> bool {
        self.top.below.get().is_some()
    }

    /// Ends the top call, whatever it is, as if it returned now. Does nothing on an empty stack.
    pub fn leave_top(&mut self, now: Ticks) {
        if !self.is_open() {
            return;
        }
        self.look_if_late(now);
        let (frame, edge) = (self.top, edge_of(self.top));
        if self.is_untimed {
            return self.close_untimed(frame, edge);
        }
        match (&self.account, &self.tree, &self.details) {
            (None, None, None) => self.close::<false>(frame, edge, now),
            _ => self.close::<true>(frame, edge, now),
        }
    }

    /// Ends all calls of the running stack, as if they returned now.
    pub fn leave_all(&mut self, now: Ticks) {
        while self.is_open() {
            self.leave_top(now);
        }
    }

    /// Ends all calls of the stacks that are switched away, at the moments when they were.
    pub fn leave_suspended(&mut self) {
        let running = self.stacks.running();
        while let Some((stack, since)) = self.stacks.any_parked() {
            // The running one is away for no time: it doesn't age.
            self.switch(stack, since, || since);
            self.leave_all(since);
            self.switch(running, since, || since);
        }
    }

    /// Makes a function known, all of whose time is work or waiting. Does nothing if it is.
    pub fn define(&mut self, key: Key, function: FunctionId, kind: Kind) {
        self.define_pausing(key, function, kind, Pauses::Never);
    }

    /// Makes a function known that may stand still of its own accord, as built-ins do. Does nothing if it is.
    #[cold]
    pub fn define_pausing(&mut self, key: Key, function: FunctionId, kind: Kind, pauses: Pauses) {
        if self.entry(key).is_none() {
            let entry = self.tables.entries.push(Entry::new(key, function, kind, pauses));
            self.entries.insert_unique(mix(key as u64), entry, |entry| mix(entry.key as u64));
            if pauses != Pauses::Never && self.pausing.len() <= MOST_PAUSING {
                self.pausing.push(entry);
            }
        }
    }

    /// Records no call of this function, which isn't known yet: what it takes and whom it calls is its caller's.
    #[cold]
    pub fn hide(&mut self, key: Key, kind: Kind, pauses: Pauses) {
        if !self.hides(key) {
            let hidden = Hidden { key, kind, pauses };
            self.hidden.insert_unique(mix(key as u64), hidden, |hidden| mix(hidden.key as u64));
        }
    }

    /// A call of a hidden function begins.
    pub fn enter_hidden(&mut self, now: Ticks) {
        if self.is_late(now) {
            self.look_for_waits(self.top, Gap::BeforeCall, now);
        }
        self.left = now;
    }

    /// A call of a hidden function is over, if this is one: where it may have paused, the thread hasn't waited.
    fn leave_hidden(&mut self, key: Key, now: Ticks) {
        let Some(hidden) = self.find_hidden(key) else { return };
        if hidden.pauses != Pauses::Never {
            self.paused_hidden = self.paused_hidden.plus(now.since(self.left));
            self.left = now;
        }
        self.look_if_late(now);
        self.left = now;
    }

    /// How long those calls took that are over, of functions that may stand still of their own accord. `None`: one is open that may do so now,
    /// or it isn't known.
    fn paused_so_far(&self) -> Option<Ticks> {
        // What is taken out of times was taken nevertheless.
        if self.pausing.len() > MOST_PAUSING || self.account.is_some() {
            return None;
        }
        self.pausing.iter().try_fold(self.paused_hidden, |sum, entry| {
            let may_pause_now = entry.pauses == Pauses::Anywhere && entry.open.get() > 0;
            (!may_pause_now).then(|| sum.plus(entry.total.ticks()))
        })
    }

    /// Whether its calls are not recorded.
    pub fn hides(&self, key: Key) -> bool {
        self.find_hidden(key).is_some()
    }

    /// One hook of a hidden function's call took this long.
    pub fn spend_on_hidden(&mut self, key: Key, time: Ticks) {
        let kind = self.find_hidden(key).map(|hidden| hidden.kind);
        if let (Some(kind), Some(account)) = (kind, &mut self.account) {
            account.spend_on_hidden(kind, time);
            self.left = self.left.plus(time);
        }
    }

    fn find_hidden(&self, key: Key) -> Option<&Hidden> {
        self.hidden.find(mix(key as u64), |hidden| hidden.key == key)
    }

    /// Names the running stack, before anything has been switched.
    pub fn adopt(&mut self, stack: StackId) {
        self.stacks.adopt(stack);
    }

    /// Which stack runs.
    pub fn stack(&self) -> StackId {
        self.stacks.running()
    }

    /// The thread goes on with another stack. The one that it leaves stands still from `left` on: its open calls don't age,
    /// and count for nobody's recursion, until it is switched back to. `clock` is read as late as can be. Takes as long as
    /// both stacks are deep.
    pub fn switch(&mut self, to: StackId, left: Ticks, clock: impl FnOnce() -> Ticks) {
        let from = self.stacks.running();
        if to == from {
            return;
        }
        self.look_if_late(left);
        self.left = left;
        if let Some(tree) = &mut self.tree {
            tree.switch(from, to);
        }
        if let Some(details) = &mut self.details {
            details.switches(from, to, left);
        }
        let is_open = self.is_open();
        let idle = self.details.as_mut().and_then(|details| details.idle());
        let idle_by_others = idle.map_or(0, |idle| idle.switches(from, to, is_open));
        for frame in self.frames() {
            count_open(frame, u64::MAX);
        }
        let spent = self.account.as_ref().map_or(0, |account| account.spent);
        self.stacks.park(&self.running, self.top, left, spent);
        let Some((stack, is_open)) = self.stacks.take(to) else {
            let bottom = self.running.frames.push(Frame::new(self.cache_miss()));
            self.set_top(bottom);
            self.running.now.edge.set(edge_of(bottom));
            self.stacks.run_new(&self.running, bottom);
            return;
        };
        let top = stack.top.get();
        self.go_on_with((from, to), top, is_open);
        if is_open {
            for frame in frames_from(top) {
                count_open(frame, 1);
            }
            let away = clock().since(stack.since.ticks());
            let spent_by_others = spent.wrapping_sub(stack.spent.get());
            for frame in frames_from(top) {
                frame.started.add_ticks(away);
                frame.spent_before.add(spent_by_others);
                frame.idle_before.add(idle_by_others);
            }
        }
        self.set_top(top);
        self.running.now.edge.set(edge_of(top));
        self.stacks.run(stack);
    }

    #[inline(always)]
    fn push(&mut self, frame: Link<Frame>, edge: Link<Edge>) {
        frame.edge.set(edge);
        frame.children.set(0);
        edge.open.add(1);
        edge.callee.open.add(1);
        self.top = frame;
    }

    #[inline(always)]
    fn close<const EXTENDED: bool>(&mut self, frame: Link<Frame>, edge: Link<Edge>, now: Ticks) {
        self.close_as::<EXTENDED>(frame, edge, edge.callee.kind, now);
    }

    #[inline(always)]
    fn close_as<const EXTENDED: bool>(
        &mut self,
        frame: Link<Frame>,
        edge: Link<Edge>,
        kind: Kind,
        now: Ticks,
    ) {
        let entry = edge.callee;
        self.left = now;
        let total = now.since(frame.started.ticks());
        let own = total.since(frame.children.ticks());
        if let Some(below) = frame.below.get() {
            below.children.add_ticks(total);
            self.set_top(below);
        }
        edge.open.add(u64::MAX);
        // The top before calls: readers, who look at them in the other order, never count a call twice.
        show_before();
        edge.calls.add(1);
        edge.own.add_ticks(own);
        if edge.open.get() == 0 {
            edge.total.add_ticks(total);
        } else {
            edge.recursive_calls.add(1);
        }
        entry.open.add(u64::MAX);
        if entry.open.get() == 0 {
            entry.total.add_ticks(total);
        } else {
            entry.recursive_calls.add(1);
        }
        if EXTENDED && self.is_lean(frame, entry, total) {
            if self.lean.keeps_durations {
                durations::add(&self.tables.durations, entry, total, now, BOTTOM);
            }
        } else if EXTENDED {
            let account = self.account.as_mut();
            let excess = account.map(|account| {
                let excess = account.close(&self.tables.excesses, (frame, edge, kind), own);
                self.running.spent.set(account.spent);
                excess
            });
            let (own_excess, total_excess) = excess.unwrap_or_default();
            let tree = self.tree.as_mut();
            let node = tree.map_or(BOTTOM, |tree| tree.close(frame, own, own_excess));
            if let Some(details) = &mut self.details {
                let elsewhere =
                    self.parts.as_mut().map_or(Ticks::default(), |parts| parts.taken_elsewhere(frame));
                let total = total.plus(elsewhere);
                details.ends(&self.tables, Over { frame, edge, total, total_excess, now, node });
            }
        }
    }

    /// Times are not the recorder's to write here.
    #[inline(always)]
    fn close_untimed(&mut self, frame: Link<Frame>, edge: Link<Edge>) {
        let entry = edge.callee;
        if let Some(below) = frame.below.get() {
            self.top = below;
            self.show_untimed(below, edge_of(below));
        }
        edge.open.add(u64::MAX);
        // As in `close_as`.
        show_before();
        edge.calls.add(1);
        entry.open.add(u64::MAX);
        // Another call of the edge is one of the function, too.
        if entry.open.get() != 0 {
            entry.recursive_calls.add(1);
            if edge.open.get() != 0 {
                edge.recursive_calls.add(1);
            }
        }
    }

    #[inline(always)]
    fn is_late(&self, now: Ticks) -> bool {
        now.0 > self.deadline
    }

    #[inline(always)]
    fn look_if_late(&mut self, now: Ticks) {
        if self.is_late(now) {
            self.look_for_waits(self.top, Gap::BeforeEnd, now);
        }
    }

    /// The same, of the call below the one that was pushed last.
    #[inline(always)]
    fn look_at_caller_if_late(&mut self, now: Ticks) {
        if self.is_late(now)
            && let Some(caller) = self.top.below.get()
        {
            self.look_for_waits(caller, Gap::BeforeCall, now);
        }
    }

    /// What the thread has waited since the last event, in the call of `newest`, is taken out of all calls from there on down; what it
    /// was idle besides is told apart.
    #[cold]
    #[inline(never)]
    fn look_for_waits(&mut self, newest: Link<Frame>, gap: Gap, now: Ticks) {
        // The last event has begun a call or ended one.
        let began = newest.started.ticks();
        let last_event = if began.since(self.left).signed() > 0 { began } else { self.left };
        self.deadline = NEVER;
        let waited = self.take_waits_out(newest, gap, last_event, now);
        let Some(idle) = self.details.as_mut().and_then(|details| details.idle()) else { return };
        let (found, next) = idle.look(last_event, now);
        self.deadline = self.deadline.min(next);
        // What was taken out of the times is in them no more.
        let found = Ticks(found.0.saturating_sub(waited.0));
        if found != Ticks::default() && newest.below.get().is_some() {
            // The call that begins now, if one does.
            let above = Some(self.top).filter(|top| *top != newest);
            idle.add(&self.tables, edge_of(newest), above, found);
        }
    }

    /// Returns how much that is.
    fn take_waits_out(&mut self, newest: Link<Frame>, gap: Gap, last_event: Ticks, now: Ticks) -> Ticks {
        let paused = self.waits.as_ref().and_then(|_| self.paused_so_far());
        let Some(waits) = &mut self.waits else { return Ticks::default() };
        let waited;
        (waited, self.deadline) = waits.look(last_event, now, paused);
        let edge = edge_of(newest);
        let may_have_paused = match edge.callee.pauses {
            Pauses::Never => false,
            Pauses::BeforeItEnds => gap == Gap::BeforeEnd,
            Pauses::Anywhere => true,
        };
        if waited == Ticks::default() || newest.below.get().is_none() || may_have_paused {
            return Ticks::default();
        }
        waits.add(&self.tables.waits, edge, waited);
        for frame in frames_from(newest) {
            frame.started.add_ticks(waited);
        }
        waited
    }

    #[inline(always)]
    fn set_top(&mut self, frame: Link<Frame>) {
        self.top = frame;
        self.running.now.top.set(frame);
    }

    #[cold]
    #[inline(never)]
    fn leave_unmatched(&mut self, key: Key, now: Ticks) -> bool {
        if !self.expects(key) {
            self.leave_hidden(key, now);
            return false;
        }
        loop {
            let top = edge_of(self.top);
            self.leave_top(now);
            if top.key == key {
                return true;
            }
        }
    }

    /// The frames of the running stack's open calls, the newest first.
    fn frames(&self) -> impl Iterator<Item = Link<Frame>> + use<> {
        frames_from(self.top)
    }

    #[inline(always)]
    fn cached(&self, caller: Link<Entry>, key: Key, hash: u64) -> Option<Link<Edge>> {
        self.cache[set(hash)].into_iter().find(|edge| edge.key == key && edge.caller == caller)
    }

    /// The edge of a call that is not in the cache; made, if this caller calls a known function for the first time.
    #[cold]
    #[inline(never)]
    fn find(&mut self, caller: Link<Entry>, key: Key, hash: u64) -> Option<Link<Edge>> {
        let edge = match self.known(caller, key, hash) {
            Some(edge) => edge,
            None => {
                let callee = self.entry(key).or_else(|| self.known_elsewhere(key))?;
                let edge = self.tables.edges.push(Edge::new(caller, callee));
                self.edges.insert_unique(hash, edge, |edge| edge_hash(edge.caller, edge.key));
                edge
            }
        };
        let [newest, older] = &mut self.cache[set(hash)];
        *older = std::mem::replace(newest, edge);
        Some(edge)
    }

    /// The edge of a call that there has been before, and may be in the cache or not.
    fn known(&self, caller: Link<Entry>, key: Key, hash: u64) -> Option<Link<Edge>> {
        self.edges.find(hash, |edge| edge.key == key && edge.caller == caller).copied()
    }

    fn entry(&self, key: Key) -> Option<Link<Entry>> {
        self.entries.find(mix(key as u64), |entry| entry.key == key).copied()
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, below: Link<Frame>) -> Link<Frame> {
        let frame = self.running.frames.push(Frame::new(self.cache_miss()));
        frame.below.set(below);
        below.above.set(frame);
        frame
    }

    /// The edge of bottom frames, which no key matches.
    fn cache_miss(&self) -> Link<Edge> {
        self.tables.nowhere()
    }
}

#[inline(always)]
fn edge_of(frame: Link<Frame>) -> Link<Edge> {
    frame.edge.get()
}

#[inline(always)]
fn callee(frame: Link<Frame>) -> Link<Entry> {
    edge_of(frame).callee
}

/// The frames of open calls from `top` down, without the bottom one, which stands for no call.
fn frames_from(top: Link<Frame>) -> impl Iterator<Item = Link<Frame>> {
    let mut next = Some(top);
    std::iter::from_fn(move || {
        let frame = next?;
        next = frame.below.get();
        next.map(|_| frame)
    })
}

/// So many calls more are open, or fewer, of those that the frame's is one of.
#[inline(always)]
fn count_open(frame: Link<Frame>, more: u64) {
    let edge = edge_of(frame);
    edge.open.add(more);
    edge.callee.open.add(more);
}

#[inline(always)]
fn edge_hash(caller: Link<Entry>, key: Key) -> u64 {
    mix(key.wrapping_add(caller.address().rotate_left(21)) as u64)
}

#[inline(always)]
fn set(hash: u64) -> usize {
    (hash >> (64 - SETS.ilog2())) as usize
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
