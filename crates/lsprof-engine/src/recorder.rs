//! The recorder: what one thread does on each call and return. The only writer of its [`Tables`].
//!
//! ```text
//!  enter(key):  cache or table ─> edge ─> push frame ─> (clock) start
//!  leave(key):  (clock) ─> top frame ─> edge, entry += ─> pop
//! ```
//! The edge is found on enter and kept in the frame, so that a leave looks nothing up. The caller reads the
//! clock itself: last on enter and first on leave, so that our own work falls outside the callee's time.

use std::sync::{Arc, Mutex};

use hashbrown::HashTable;

use crate::cells::{Arena, Cell64, FullCell, Link, show_before};
use crate::clock::Ticks;
use crate::details::{Details, Over};
use crate::excess::{Account, Costs};
use crate::hash::mix;
use crate::stacks::Stacks;
use crate::tables::{Edge, Entry, Frame, FunctionId, Key, Kind, Now, Pauses, StackId, Tables};
use crate::tree::{Limits, TreeWriter};
use crate::waits::{NEVER, Processor, Waits};

/// Size of the cache in front of the edge table, in sets. 8 KB in all: a quarter of the smallest L1.
const SETS: usize = 512;
/// Edges in a set. With one, two edges of a hot loop that happen to share it would miss each time.
const WAYS: usize = 2;

/// Records the calls of one thread.
pub struct Recorder {
    top: Link<Frame>,
    /// An event later than this looks whether the thread has waited.
    deadline: u64,
    /// When a call ended last.
    left: Ticks,
    /// The pseudo function that calls whatever has no caller.
    root: Link<Entry>,
    /// Whether calls are told apart by their callers.
    subcalls: bool,
    /// Whether calls are counted and not timed.
    is_untimed: bool,
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
    /// Functions that are not recorded: no frame stands for a call of theirs, so its time is its caller's.
    hidden: HashTable<Hidden>,
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
        let entries = Arena::default();
        let edges = Arena::default();
        let frames = Arena::default();
        let root = entries.push(Entry::new(0, FunctionId::ROOT, Kind::default(), Pauses::Never));
        let nowhere = edges.push(Edge::new(root, root));
        let bottom = frames.push(Frame::new(nowhere));
        let now = Now { top: FullCell::new(bottom), edge: FullCell::new(nowhere) };
        Self {
            top: bottom,
            deadline: NEVER,
            left: Ticks::default(),
            root,
            subcalls,
            is_untimed: false,
            tables: Arc::new(Tables {
                entries,
                edges,
                frames,
                excesses: Arena::default(),
                waits: Arena::default(),
                repeats: Arena::default(),
                sampling: Mutex::default(),
                nodes: Arena::default(),
                stacks: Arena::default(),
                spent: Cell64::default(),
                now,
            }),
            cache: [[nowhere; WAYS]; SETS],
            edges: HashTable::new(),
            entries: HashTable::new(),
            stacks: Stacks::default(),
            account: None,
            tree: None,
            details: None,
            waits: None,
            hidden: HashTable::new(),
        }
    }

    /// Keeps account of what recording takes, from now on; the hooks must use [`Recorder::start_extended`] and
    /// [`Recorder::leave_extended`] then.
    pub fn compensate(&mut self, costs: Costs) {
        self.account = Some(Box::new(Account::new(costs)));
    }

    /// Keeps full stacks, from now on, before the first call; the hooks must use [`Recorder::start_extended`] and
    /// [`Recorder::leave_extended`] then.
    pub fn grow_tree(&mut self, limits: Limits) {
        self.tree = Some(Box::new(TreeWriter::new(limits, &self.tables.nodes)));
    }

    /// Keeps details, from now on, before the first call; the hooks must use [`Recorder::prepare`] and
    /// [`Recorder::leave_extended`] then.
    pub fn keep(&mut self, details: Details) {
        self.details = Some(Box::new(details));
    }

    /// Keeps no more stacks; those that there are stay.
    pub fn stop_tree(&mut self) {
        self.tree = None;
    }

    /// Takes time in which the thread waits out of its calls, from now on, and looks for it so often; or no more. `processor` is
    /// the clock of the recorder's thread, whoever asks.
    pub fn tell_waits(&mut self, by: Option<(Processor, Ticks)>) {
        self.deadline = if by.is_some() { 0 } else { NEVER };
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
        self.tables.now.edge.set(edge_of(self.top));
    }

    /// What others may read while this recorder writes.
    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
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
        let Some(edge) = self.next_edge(key) else { return false };
        let Some(frame) = self.top.above.get() else { return false };
        let now = clock();
        if self.is_late(now) {
            return false;
        }
        frame.started.set(now.0);
        self.push(frame, edge);
        self.tables.now.top.set(frame);
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

    /// [`Recorder::enter_quickly`] on a recorder that keeps a tree or details, and does not compensate. It calls what these need.
    #[inline(always)]
    pub fn enter_extended_quickly(&mut self, key: Key, clock: impl FnOnce() -> Ticks) -> bool {
        let Some(edge) = self.next_edge(key) else { return false };
        if !self.enter_edge(edge) {
            return false;
        }
        self.prepare();
        self.start(clock());
        true
    }

    /// [`Recorder::leave_quickly`] on such a recorder.
    #[inline(always)]
    pub fn leave_extended_quickly(&mut self, key: Key, now: Ticks) -> bool {
        let frame = self.top;
        let edge = edge_of(frame);
        if edge.key != key || self.is_late(now) {
            return false;
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
        let now = &self.tables.now;
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
        self.tables.now.top.set(self.top);
    }

    /// Like [`Recorder::start`], in a hook that began at `since`, for a recorder that compensates; [`Recorder::prepare`] comes
    /// before.
    pub fn start_extended(&mut self, since: Ticks, now: Ticks) {
        self.look_at_caller_if_late(since);
        self.spend(now.since(since));
        if let Some(account) = &mut self.account {
            account.open(self.top);
            self.tables.spent.set(account.spent);
        }
        self.show(now);
    }

    /// Finds the tree's node for the frame that was pushed last, and tells the details of it, where there are such. Takes time:
    /// before the clock is read.
    #[inline]
    pub fn prepare(&mut self) {
        if let Some(tree) = &mut self.tree {
            tree.open(&self.tables.nodes, self.top, callee(self.top).function);
        }
        if let Some(details) = &mut self.details {
            details.begins(&self.tables, self.top);
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
            self.left = now;
        }
        self.look_if_late(now);
        self.left = now;
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
        for frame in self.frames() {
            count_open(frame, u64::MAX);
        }
        let spent = self.account.as_ref().map_or(0, |account| account.spent);
        self.stacks.park(&self.tables, self.top, left, spent);
        let Some((stack, is_open)) = self.stacks.take(to) else {
            let bottom = self.tables.frames.push(Frame::new(self.cache_miss()));
            self.set_top(bottom);
            self.tables.now.edge.set(edge_of(bottom));
            self.stacks.run_new(&self.tables, bottom);
            return;
        };
        let top = stack.top.get();
        if is_open {
            for frame in frames_from(top) {
                count_open(frame, 1);
            }
            let away = clock().since(stack.since.ticks());
            let spent_by_others = spent.wrapping_sub(stack.spent.get());
            for frame in frames_from(top) {
                frame.started.add_ticks(away);
                frame.spent_before.add(spent_by_others);
            }
        }
        self.set_top(top);
        self.tables.now.edge.set(edge_of(top));
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
        if EXTENDED {
            let account = self.account.as_mut();
            let excess = account.map(|account| {
                let excess = account.close(&self.tables.excesses, (frame, edge, kind), own);
                self.tables.spent.set(account.spent);
                excess
            });
            if let Some(tree) = &mut self.tree {
                tree.close(frame, own, excess.unwrap_or_default());
            }
            if let Some(details) = &mut self.details {
                details.ends(&self.tables, Over { frame, edge, total, own, now });
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

    /// What the thread has waited since the last event, in the call of `newest`, is taken out of all calls from there on down.
    #[cold]
    #[inline(never)]
    fn look_for_waits(&mut self, newest: Link<Frame>, gap: Gap, now: Ticks) {
        let Some(waits) = &mut self.waits else { return };
        // The last event has begun a call or ended one.
        let began = newest.started.ticks();
        let last_event = if began.since(self.left).signed() > 0 { began } else { self.left };
        let waited;
        (waited, self.deadline) = waits.look(last_event, now);
        let edge = edge_of(newest);
        let may_have_paused = match edge.callee.pauses {
            Pauses::Never => false,
            Pauses::BeforeItEnds => gap == Gap::BeforeEnd,
            Pauses::Anywhere => true,
        };
        if waited == Ticks::default() || newest.below.get().is_none() || may_have_paused {
            return;
        }
        waits.add(&self.tables.waits, edge, waited);
        for frame in frames_from(newest) {
            frame.started.add_ticks(waited);
        }
    }

    #[inline(always)]
    fn set_top(&mut self, frame: Link<Frame>) {
        self.top = frame;
        self.tables.now.top.set(frame);
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
        let known = self.edges.find(hash, |edge| edge.key == key && edge.caller == caller).copied();
        let edge = match known {
            Some(edge) => edge,
            None => {
                let callee = self.entry(key)?;
                let edge = self.tables.edges.push(Edge::new(caller, callee));
                self.edges.insert_unique(hash, edge, |edge| edge_hash(edge.caller, edge.key));
                edge
            }
        };
        let [newest, older] = &mut self.cache[set(hash)];
        *older = std::mem::replace(newest, edge);
        Some(edge)
    }

    fn entry(&self, key: Key) -> Option<Link<Entry>> {
        self.entries.find(mix(key as u64), |entry| entry.key == key).copied()
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, below: Link<Frame>) -> Link<Frame> {
        let frame = self.tables.frames.push(Frame::new(self.cache_miss()));
        frame.below.set(below);
        below.above.set(frame);
        frame
    }

    /// The edge of bottom frames, which no key matches.
    fn cache_miss(&self) -> Link<Edge> {
        self.tables.edges.iter().next().expect("a recorder is made with this edge")
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
