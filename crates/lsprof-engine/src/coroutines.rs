//! Coroutines and generators: how long each ran and how long it was parked, from its first step to its end.
//!
//! ```text
//!  begins: object ─> activation (made at its first step) ─> pushed on this thread's open steps
//!  starts: parked += now − since                             the activation runs
//!  ends:   run += total, parked += what the step stood still, outcome ─> popped
//! ```
//! To the recorder each step is a call like any other, and its figures stay cProfile's. Here steps of one object are put together:
//! `run` and `parked` of an activation add up to the time from its first step to its last, to the tick, because each moment belongs
//! to one of the two.
//!
//! An activation is found by the address of its object, which nobody else can have while it lives. Whoever frees objects has to say
//! so ([`Coroutines::freed`]). One table serves all threads of a profile, since an object may be resumed in another one; they take
//! turns, as they do in the interpreter. What readers see stands in arenas, as everything that a recorder writes
//! ([`CoroutineTables`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::HashTable;

use crate::cells::{Arena, Cell64, Link};
use crate::clock::Ticks;
use crate::hash::mix;
use crate::tables::{Edge, Form, Frame, FunctionId, Key, Over};
use crate::tasks::{Origin, SlowStep, SlowSteps, Task, TaskRecord};
use crate::tree::Under;

/// How a step of a coroutine begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It is its first.
    Started,
    /// It goes on.
    Resumed,
    /// It goes on with an exception, or begins with one.
    Thrown,
}

/// How a step ends, and with most of these the coroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It will go on.
    Parked,
    /// By returning.
    Returned,
    /// By an exception.
    Raised,
    /// By a `CancelledError`.
    Cancelled,
    /// It was closed, or nobody wanted it any more.
    Dropped,
    /// By an exception that is not known: as [`Step::thrown`] says.
    Unwound,
}

/// A step that is about to begin.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The function's key.
    pub key: Key,
    /// The address of what goes on.
    pub object: usize,
    /// How.
    pub entered: Entered,
    /// What an end by an exception is to be taken for, if nobody says more.
    pub thrown: Ending,
}

/// What a task's library says of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// What it is called; empty if it has no name.
    pub name: String,
    /// The address of its object there; 0 if there is none.
    pub task: usize,
    /// The address of the coroutine of the task that made it; 0 if the library doesn't say.
    pub parent: usize,
}

/// Coroutines of one function that were begun by one caller.
#[derive(Debug)]
pub struct Row {
    caller: FunctionId,
    function: FunctionId,
    started: Cell64,
    /// Those that were under way when recording began.
    inherited: Cell64,
    steps: Cell64,
    run: Cell64,
    /// Of stretches that are over.
    parked: Cell64,
    longest: Cell64,
    longest_at: Cell64,
    returned: Cell64,
    raised: Cell64,
    cancelled: Cell64,
    dropped: Cell64,
    never_awaited: Cell64,
    /// How many are parked now, and the sum of the moments since when.
    parked_now: Cell64,
    parked_since: Cell64,
}

/// The figures of a [`Row`] at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoroutineCounts {
    /// Who awaited or iterated over them first; [`FunctionId::ROOT`] for nobody.
    pub caller: FunctionId,
    /// Whose they are.
    pub function: FunctionId,
    /// How many have begun.
    pub started: u64,
    /// How many were under way when recording began.
    pub inherited: u64,
    /// How often one began or went on.
    pub steps: u64,
    /// Time in steps, callees included.
    pub run: Ticks,
    /// Time between steps, and that in which a step stood still.
    pub parked: Ticks,
    /// The longest step, by the clock, and when it began.
    pub longest: Ticks,
    /// See `longest`.
    pub longest_at: Ticks,
    /// Ends.
    pub returned: u64,
    /// See `returned`.
    pub raised: u64,
    /// See `returned`.
    pub cancelled: u64,
    /// Closed, or freed before the end.
    pub dropped: u64,
    /// Made and freed without a step.
    pub never_awaited: u64,
}

impl CoroutineCounts {
    /// How many have not ended.
    pub fn alive(&self) -> u64 {
        let ended = self.returned + self.raised + self.cancelled + self.dropped;
        (self.started + self.inherited).saturating_sub(ended)
    }
}

impl Row {
    fn new(caller: FunctionId, function: FunctionId) -> Self {
        Self {
            caller,
            function,
            started: Cell64::default(),
            inherited: Cell64::default(),
            steps: Cell64::default(),
            run: Cell64::default(),
            parked: Cell64::default(),
            longest: Cell64::default(),
            longest_at: Cell64::default(),
            returned: Cell64::default(),
            raised: Cell64::default(),
            cancelled: Cell64::default(),
            dropped: Cell64::default(),
            never_awaited: Cell64::default(),
            parked_now: Cell64::default(),
            parked_since: Cell64::default(),
        }
    }

    fn park(&self, since: Ticks) {
        self.parked_now.add(1);
        self.parked_since.add_ticks(since);
    }

    fn unpark(&self, since: Ticks, now: Ticks) {
        self.parked_now.add(u64::MAX);
        self.parked_since.add(since.0.wrapping_neg());
        self.parked.add_ticks(now.since(since));
    }

    fn end(&self, ending: Ending) {
        let count = match ending {
            Ending::Parked => return,
            Ending::Returned => &self.returned,
            Ending::Raised | Ending::Unwound => &self.raised,
            Ending::Cancelled => &self.cancelled,
            Ending::Dropped => &self.dropped,
        };
        count.add(1);
    }

    /// `now`: until when those that are parked are counted.
    fn counts(&self, now: Ticks) -> CoroutineCounts {
        let parked_now = self.parked_now.get();
        let going_on = now.0.wrapping_mul(parked_now).wrapping_sub(self.parked_since.get());
        // One that was parked after `now` was read.
        let going_on = Ticks(going_on).signed().max(0) as u64;
        CoroutineCounts {
            caller: self.caller,
            function: self.function,
            started: self.started.get(),
            inherited: self.inherited.get(),
            steps: self.steps.get(),
            run: self.run.ticks(),
            parked: self.parked.ticks().plus(Ticks(if parked_now == 0 { 0 } else { going_on })),
            longest: self.longest.ticks(),
            longest_at: self.longest_at.ticks(),
            returned: self.returned.get(),
            raised: self.raised.get(),
            cancelled: self.cancelled.get(),
            dropped: self.dropped.get(),
            never_awaited: self.never_awaited.get(),
        }
    }
}

/// What others may read of a profile's coroutines.
#[derive(Debug, Default)]
pub struct CoroutineTables {
    rows: Arena<Row>,
    tasks: Arena<TaskRecord>,
    slow: Mutex<SlowSteps>,
}

impl CoroutineTables {
    /// All figures; `now`: until when those that are parked are counted. Any thread may ask, at any moment.
    pub fn counts(&self, now: Ticks) -> Vec<CoroutineCounts> {
        self.rows.iter().map(|row| row.counts(now)).collect()
    }

    /// The tasks that are under way; `now`: until when their times are counted. Likewise.
    pub fn tasks(&self, now: Ticks) -> Vec<Task> {
        self.tasks.iter().filter_map(|record| record.read(now)).collect()
    }

    /// Steps that took too long.
    pub fn slow_steps(&self) -> SlowSteps {
        self.slow.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// `is_around`: what was slow in it may be known already.
    fn add_slow(&self, step: SlowStep, is_around: bool) {
        let mut slow = self.slow.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_around || !slow.has_since(step.at) {
            slow.add(step);
        }
    }
}

/// An object that has begun and not ended. A step looks at several, of which there may be any number: each is one line of the cache.
#[derive(Debug)]
#[repr(align(64))]
struct Activation {
    object: usize,
    row: Link<Row>,
    /// Since when it runs or is parked.
    since: Ticks,
    serial: u64,
    /// Of one that nobody awaits.
    task: Option<Link<TaskRecord>>,
    /// Which activation awaits it, and which one that was then, as places are used again; 0 for none.
    awaiter: u32,
    awaiter_serial: u64,
    /// The function of the innermost that it awaits.
    leaf: FunctionId,
    is_running: bool,
    /// Nobody refers to it any more, so that its next step is its last.
    is_dropped: bool,
    thrown: Ending,
}

const _: () = assert!(size_of::<Activation>() == 64);

/// What a profile keeps of its coroutines: the writers' side.
#[derive(Debug)]
pub struct Coroutines {
    tables: Arc<CoroutineTables>,
    rows: HashTable<Link<Row>>,
    activations: Vec<Activation>,
    /// Where the stacks of some of them stand in a tree.
    places: Vec<Option<Under>>,
    by_object: HashTable<u32>,
    free: Vec<u32>,
    free_tasks: Vec<Link<TaskRecord>>,
    /// Tasks that were made and have not begun, by the addresses of their coroutines.
    made: HashTable<(usize, Origin)>,
    serial: u64,
    /// Steps as long as this are slow.
    slow: Ticks,
}

impl Coroutines {
    /// None so far. Steps as long as `slow` are listed.
    pub fn new(slow: Ticks) -> Self {
        Self {
            tables: Arc::default(),
            rows: HashTable::new(),
            activations: Vec::new(),
            places: Vec::new(),
            by_object: HashTable::new(),
            free: Vec::new(),
            free_tasks: Vec::new(),
            made: HashTable::new(),
            serial: 0,
            slow,
        }
    }

    /// What others may read meanwhile.
    pub fn tables(&self) -> &Arc<CoroutineTables> {
        &self.tables
    }

    /// An object may be about to be freed: it is dropped, if it ends now. Whether it is known.
    pub fn drops(&mut self, object: usize) -> bool {
        self.never_begins(object);
        let known = self.find(object);
        if let Some(at) = known {
            self.activations[at as usize].is_dropped = true;
        }
        known.is_some()
    }

    /// An object is about to be freed that may be the coroutine of a task that was made, and has not begun.
    pub fn never_begins(&mut self, object: usize) {
        self.take_made(object);
    }

    /// A task was made of a coroutine that has not begun. It has to be said when that is freed, or may be ([`Coroutines::drops`],
    /// [`Coroutines::never_begins`]).
    fn note_made(&mut self, coroutine: usize, origin: Origin) {
        self.take_made(coroutine);
        self.made.insert_unique(mix(coroutine as u64), (coroutine, origin), |(other, _)| mix(*other as u64));
    }

    fn take_made(&mut self, coroutine: usize) -> Option<Origin> {
        if self.made.is_empty() {
            return None;
        }
        let found = self.made.find_entry(mix(coroutine as u64), |(other, _)| *other == coroutine).ok()?;
        Some(found.remove().0.1)
    }

    /// An object was freed, at `now`; or nobody knows when. Nothing is known of one that has ended, or never began.
    pub fn freed(&mut self, object: usize, now: Option<Ticks>) {
        let Some(at) = self.find(object) else { return };
        let activation = &self.activations[at as usize];
        let now = now.unwrap_or(activation.since);
        if activation.is_running {
            // Its last step's end was missed.
            activation.row.park(activation.since);
        }
        activation.row.unpark(activation.since, now);
        self.end(at, Ending::Dropped);
    }

    /// An object of this function is being freed that never had a step.
    pub fn never_awaited(&mut self, function: FunctionId) {
        self.row(FunctionId::ROOT, function).never_awaited.add(1);
    }

    /// Recording stops: what is still going on is counted until now, and is new to whoever records again.
    pub fn settle(&mut self, now: Ticks) {
        for activation in &self.activations {
            if activation.object != 0 && !activation.is_running {
                activation.row.unpark(activation.since, now);
                if let Some(task) = activation.task {
                    task.stop(now);
                }
            }
        }
        self.activations.clear();
        self.places.clear();
        self.by_object.clear();
        self.free.clear();
        self.made.clear();
    }

    /// Recording begins: tasks that were left from before are none of it.
    pub fn begin(&mut self) {
        self.free_tasks = self.tables.tasks.iter().inspect(|task| task.free()).collect();
    }

    fn find(&self, object: usize) -> Option<u32> {
        let is_it = |&at: &u32| self.activations[at as usize].object == object;
        self.by_object.find(mix(object as u64), is_it).copied()
    }

    fn row(&mut self, caller: FunctionId, function: FunctionId) -> Link<Row> {
        let hash_of =
            |caller: FunctionId, function: FunctionId| mix(u64::from(caller.0) << 32 | u64::from(function.0));
        let hash = hash_of(caller, function);
        let Self { rows, tables, .. } = self;
        if let Some(row) = rows.find(hash, |row| row.caller == caller && row.function == function) {
            return *row;
        }
        let row = tables.rows.push(Row::new(caller, function));
        rows.insert_unique(hash, row, |row| hash_of(row.caller, row.function));
        row
    }

    /// The activation of a step that is about to begin; made, if the object is new.
    /// `running`: the task that runs it, as far as one does.
    fn open(
        &mut self,
        step: Step,
        begins: &Begins,
        awaiter: Option<u32>,
        running: impl Fn(&Self) -> u64,
    ) -> u32 {
        let known = self.find(step.object);
        if let Some(at) = known {
            if step.entered != Entered::Started {
                let activation = &mut self.activations[at as usize];
                activation.thrown = step.thrown;
                activation.leaf = activation.row.function;
                return at;
            }
            // Nobody has said that its object was freed.
            self.freed(step.object, None);
        }
        let row = self.row(begins.caller, begins.function);
        let is_inherited = step.entered == Entered::Resumed;
        if is_inherited { &row.inherited } else { &row.started }.add(1);
        self.serial += 1;
        // A task that is made eagerly begins within the step of another one, which doesn't await it.
        let made = self.take_made(step.object);
        let awaiter = awaiter.filter(|_| made.is_none());
        let awaiter_serial = awaiter.map_or(0, |at| self.activations[at as usize].serial);
        let is_task = (begins.is_root || made.is_some()) && begins.form == Form::COROUTINE;
        let origin = match made {
            Some(origin) => origin,
            None if is_task && !is_inherited => Origin { task: 0, parent: running(self) },
            None => Origin::default(),
        };
        let activation = Activation {
            object: step.object,
            row,
            since: Ticks::default(),
            serial: self.serial,
            task: is_task.then(|| self.new_task(begins.function, origin)),
            awaiter: awaiter.unwrap_or_default(),
            awaiter_serial,
            leaf: begins.function,
            is_running: true,
            is_dropped: false,
            thrown: step.thrown,
        };
        let at = match self.free.pop() {
            Some(at) => {
                self.activations[at as usize] = activation;
                at
            }
            None => {
                self.activations.push(activation);
                (self.activations.len() - 1) as u32
            }
        };
        let Self { activations, by_object, .. } = self;
        by_object
            .insert_unique(mix(step.object as u64), at, |&at| mix(activations[at as usize].object as u64));
        at
    }

    fn new_task(&mut self, function: FunctionId, origin: Origin) -> Link<TaskRecord> {
        let task = match self.free_tasks.pop() {
            Some(free) => free,
            None => self.tables.tasks.push(TaskRecord::default()),
        };
        task.begin(self.serial, function, origin);
        task
    }

    /// The step has begun.
    fn start(&mut self, at: u32, now: Ticks) {
        let activation = &mut self.activations[at as usize];
        // A first step has nothing behind it, nor has one whose last step's end was missed.
        if !activation.is_running {
            activation.row.unpark(activation.since, now);
        }
        activation.since = now;
        activation.is_running = true;
        if let Some(task) = activation.task {
            task.start(now);
        }
    }

    /// The task that an activation is a part of.
    fn task_of(&self, at: u32) -> Option<Link<TaskRecord>> {
        let mut activation = &self.activations[at as usize];
        while activation.awaiter_serial != 0 {
            // An awaiter is older than what it awaits: this ends.
            let serial = activation.awaiter_serial;
            activation =
                self.activations.get(activation.awaiter as usize).filter(|above| above.serial == serial)?;
        }
        activation.task
    }

    /// The step that began then is over.
    fn close(&mut self, at: u32, began: Ticks, over: &Over, ending: Ending) {
        let activation = &mut self.activations[at as usize];
        activation.since = over.now;
        activation.is_running = false;
        let took = over.now.since(began);
        let row = activation.row;
        row.steps.add(1);
        row.run.add_ticks(over.total);
        row.parked.add_ticks(took.since(over.total));
        if took.signed() > row.longest.ticks().signed() {
            row.longest.set(took.0);
            row.longest_at.set(began.0);
        }
        let ending = match ending {
            Ending::Parked => Ending::Parked,
            _ if activation.is_dropped => Ending::Dropped,
            Ending::Unwound => activation.thrown,
            ending => ending,
        };
        // Where it goes on all the same, somebody refers to it.
        activation.is_dropped = false;
        let leaf = activation.leaf;
        if let Some(task) = activation.task {
            task.end_step((began, over.now), over.total, leaf);
        }
        if ending == Ending::Parked {
            row.park(over.now);
            let (awaiter, serial) = (activation.awaiter, activation.awaiter_serial);
            if serial != 0
                && let Some(above) = self.activations.get_mut(awaiter as usize)
                && above.serial == serial
            {
                above.leaf = leaf;
            }
        } else {
            row.end(ending);
            self.end_quietly(at);
        }
    }

    fn end(&mut self, at: u32, ending: Ending) {
        self.activations[at as usize].row.end(ending);
        self.end_quietly(at);
    }

    fn end_quietly(&mut self, at: u32) {
        let activation = &mut self.activations[at as usize];
        let object = std::mem::take(&mut activation.object);
        activation.serial = 0;
        if let Some(place) = self.places.get_mut(at as usize) {
            *place = None;
        }
        if let Some(task) = activation.task.take() {
            task.free();
            self.free_tasks.push(task);
        }
        if let Ok(found) = self.by_object.find_entry(mix(object as u64), |&other| other == at) {
            found.remove();
        }
        self.free.push(at);
    }
}

/// What is known of a call that begins.
pub(crate) struct Begins {
    pub frame: Link<Frame>,
    pub key: Key,
    pub caller: FunctionId,
    pub function: FunctionId,
    /// Nobody awaits it: a loop runs it.
    pub is_root: bool,
    pub form: Form,
}

impl Begins {
    pub(crate) fn of(frame: Link<Frame>, edge: Link<Edge>) -> Self {
        Self {
            frame,
            key: edge.key,
            caller: edge.caller.function,
            function: edge.callee.function,
            is_root: edge.is_root(),
            form: edge.callee.form(),
        }
    }
}

/// A step that is open in this thread.
#[derive(Debug)]
struct Open {
    frame: Link<Frame>,
    /// `None` for what a loop calls that is no coroutine.
    activation: Option<u32>,
    task: Option<Link<TaskRecord>>,
    is_root: bool,
    /// How many long calls were known when it began.
    long: usize,
    /// When it began, of what has no activation.
    began: Ticks,
}

impl Open {
    /// `long`: how many long calls are known. The clock has yet to be started.
    fn new(begins: &Begins, activation: Option<u32>, task: Option<Link<TaskRecord>>, long: usize) -> Self {
        Self {
            frame: begins.frame,
            activation,
            task,
            is_root: begins.is_root || begins.form == Form::CALLBACK,
            long,
            began: Ticks::default(),
        }
    }
}

/// The coroutines of a profile, as one thread's recorder sees them.
#[derive(Debug)]
pub struct Steps {
    all: Arc<Mutex<Coroutines>>,
    /// Tells trees apart: a thread's, and one part of its figures from another.
    owner: (u64, u32),
    expected: Option<Step>,
    ending: (Key, Ending),
    open: Vec<Open>,
    /// Calls in open steps that took half as long as a slow step or longer, in the order of their ends.
    long: Vec<(FunctionId, Ticks)>,
    half: Ticks,
}

impl Steps {
    /// Of one thread, which has this number.
    pub fn new(all: &Arc<Mutex<Coroutines>>, owner: u64) -> Self {
        let half = Ticks(lock(all).slow.0 / 2);
        Self {
            all: Arc::clone(all),
            owner: (owner, 0),
            expected: None,
            ending: (0, Ending::Parked),
            open: Vec::new(),
            long: Vec::new(),
            half,
        }
    }

    /// The figures go to this part from now on, which has a tree of its own.
    pub(crate) fn go_on_in(&mut self, part: u32) {
        self.owner.1 = part;
    }

    /// The next call of that function is this step.
    #[inline]
    pub(crate) fn expect(&mut self, step: Step) {
        self.expected = Some(step);
    }

    /// The call of that function that ends next ends so.
    #[inline]
    pub(crate) fn end_as(&mut self, key: Key, ending: Ending) {
        self.ending = (key, ending);
    }

    /// Whether the step of this frame, which ends now, is of a task that nobody has named, and that somebody may want to know.
    pub(crate) fn wants_name(&self, frame: Link<Frame>, is_parked: bool, now: Ticks) -> bool {
        let Some(open) = self.open.last().filter(|open| open.frame == frame) else { return false };
        let is_slow = || now.since(open.began).signed() >= self.half.signed();
        open.task.is_some_and(|task| !task.is_named() && (is_parked || is_slow()))
    }

    /// Names that task. One that begins while it is made may be given its name only then.
    pub(crate) fn name_task(&mut self, frame: Link<Frame>, named: &Named) {
        let Some((open, below)) = self.open.split_last().filter(|(open, _)| open.frame == frame) else {
            return;
        };
        if let Some(task) = open.task {
            task.set_name(&named.name, below.iter().all(|open| open.task.is_none()));
            let parent = || {
                let all = lock(&self.all);
                let parent = all.find(named.parent).and_then(|at| all.task_of(at));
                parent.map_or(0, |parent| parent.serial())
            };
            let parent = if named.parent == 0 { 0 } else { parent() };
            task.add_origin(Origin { task: named.task, parent });
        }
    }

    /// A task is being made of a coroutine, by their addresses: its parent is what runs in this thread now.
    pub(crate) fn task_made(&mut self, coroutine: usize, task: usize) {
        let mut all = lock(&self.all);
        // What has begun may be made a task of as well: then it is known already.
        if all.find(coroutine).is_none() {
            let parent = running(&self.open, &all);
            all.note_made(coroutine, Origin { task, parent });
        }
    }

    /// A call that may be a step begins. Returns where its stacks stand, if that is known of it.
    pub(crate) fn begins(&mut self, begins: &Begins) -> Option<Under> {
        let step = self.expected.take_if(|step| step.key == begins.key);
        let (mut under, mut task) = (None, None);
        let activation = match step {
            None if begins.form == Form::CALLBACK => None,
            None => return None,
            Some(step) => {
                let awaiter = if begins.is_root { None } else { self.awaiter(begins.frame) };
                let mut all = lock(&self.all);
                let at = all.open(step, begins, awaiter, |all| running(&self.open, all));
                under = all.places.get(at as usize).copied().flatten();
                under = under.filter(|under| begins.is_root && under.owner == self.owner);
                task = all.activations[at as usize].task;
                Some(at)
            }
        };
        self.open.push(Open::new(begins, activation, task, self.long.len()));
        under
    }

    /// [`Steps::begins`] and [`Steps::started`] of a known step, where nobody wants to know where its stacks stand: in one go, as each
    /// look at what threads share has its price. Returns what the clock said, which is read as late as can be.
    pub(crate) fn begins_at(&mut self, begins: &Begins, step: Step, clock: impl FnOnce() -> Ticks) -> Ticks {
        let awaiter = if begins.is_root { None } else { self.awaiter(begins.frame) };
        let mut all = lock(&self.all);
        let at = all.open(step, begins, awaiter, |all| running(&self.open, all));
        let task = all.activations[at as usize].task;
        self.open.push(Open::new(begins, Some(at), task, self.long.len()));
        let now = clock();
        all.start(at, now);
        drop(all);
        if let Some(open) = self.open.last_mut() {
            open.began = now;
        }
        now
    }

    /// The activation of the open step that calls what is in this frame, through generators of no account.
    fn awaiter(&self, frame: Link<Frame>) -> Option<u32> {
        let newest = self.open.last()?;
        let mut below = frame.below.get();
        while let Some(caller) = below {
            if caller == newest.frame {
                return newest.activation;
            }
            if caller.edge.get().callee.form() != Form::GENERATOR {
                return None;
            }
            below = caller.below.get();
        }
        None
    }

    /// Where the stacks of the step that has just begun stand, for the next ones of the same object.
    pub(crate) fn note_place(&mut self, frame: Link<Frame>, mut under: Under) {
        under.owner = self.owner;
        if let Some(Open { activation: Some(at), .. }) = self.open.last().filter(|open| open.frame == frame) {
            let (places, at) = (&mut lock(&self.all).places, *at as usize);
            if places.len() <= at {
                places.resize(at + 1, None);
            }
            places[at].get_or_insert(under);
        }
    }

    /// The clock of the step that was pushed last has started.
    pub(crate) fn started(&mut self, frame: Link<Frame>, now: Ticks) {
        let Some(open) = self.open.last_mut().filter(|open| open.frame == frame) else { return };
        open.began = now;
        if let Some(at) = open.activation {
            lock(&self.all).start(at, now);
        }
    }

    /// How long a call must take to be told of here, if it is no step.
    pub(crate) fn long(&self) -> i64 {
        self.half.signed()
    }

    /// A call is over.
    #[inline(always)]
    pub(crate) fn ends(&mut self, over: &Over) {
        if over.total.signed() >= self.long() && !self.open.is_empty() {
            self.note_long(over);
        }
        if over.edge.callee.form().is_followed() {
            self.ends_step(over);
        }
    }

    #[cold]
    fn note_long(&mut self, over: &Over) {
        let from = self.open.last().map_or(0, |open| open.long);
        // What is not more than half of this one is neither of what it is a part of.
        let half = over.total.0 / 2;
        let kept = self.long.split_off(from.min(self.long.len()));
        self.long.extend(kept.into_iter().filter(|(_, total)| total.0 > half));
        self.long.push((over.edge.callee.function, over.total));
    }

    fn ends_step(&mut self, over: &Over) {
        let Some(place) = self.open.iter().rposition(|open| open.frame == over.frame) else { return };
        let open = self.open.remove(place);
        let (key, ending) = std::mem::replace(&mut self.ending, (0, Ending::Parked));
        let ending = if key == over.edge.key { ending } else { Ending::Parked };
        let mut all = lock(&self.all);
        let began = open.activation.map_or(open.began, |at| all.activations[at as usize].since);
        let took = over.now.since(began);
        if open.is_root && took.signed() >= all.slow.signed() {
            let long = &self.long[open.long.min(self.long.len())..];
            let task = open.activation.and_then(|at| all.task_of(at)).map(|task| task.name());
            let step = SlowStep {
                at: began,
                took,
                task: task.unwrap_or_default(),
                function: over.edge.callee.function,
                path: slow_path(long, took),
            };
            all.tables.add_slow(step, open.activation.is_none());
        }
        if let Some(at) = open.activation {
            all.close(at, began, over, ending);
        }
        if open.is_root {
            self.long.truncate(open.long);
        }
        if self.open.is_empty() {
            self.long.clear();
        }
    }
}

/// The serial of the task that a thread with these open steps is at work on; 0 if a callback runs, or nothing.
fn running(open: &[Open], all: &Coroutines) -> u64 {
    let is_at_work = |open: &&Open| open.is_root || open.task.is_some();
    let of_loop = open.iter().rev().find(is_at_work).and_then(|open| open.activation);
    of_loop.and_then(|at| all.task_of(at)).map_or(0, |task| task.serial())
}

/// Nobody waits here for long: threads of the interpreter take turns anyway.
fn lock(all: &Arc<Mutex<Coroutines>>) -> MutexGuard<'_, Coroutines> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calls that took more than half of a step, the outermost first: there can be one at each depth.
fn slow_path(long: &[(FunctionId, Ticks)], took: Ticks) -> Vec<(FunctionId, Ticks)> {
    long.iter().rev().filter(|(_, total)| total.0 > took.0 / 2).copied().collect()
}

#[cfg(test)]
#[path = "coroutines_tests.rs"]
mod tests;
