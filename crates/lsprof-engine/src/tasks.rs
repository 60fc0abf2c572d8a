//! Tasks: coroutines that nobody awaits, so that a loop runs them; and steps of theirs that kept the loop too long.
//!
//! Each task that has begun and not ended has a record, by which readers see it; records are used again. A record's turn is odd while
//! it is written to: who finds the same even one before and after has read it as it stood.

use crate::cells::{Cell64, look_after, show_before};
use crate::clock::Ticks;
use crate::tables::FunctionId;

/// So many words of a task's name are kept.
const WORDS: usize = 8;
/// So many slow steps are kept, the longest.
const KEPT: usize = 100;
/// How often a record that changes meanwhile is read.
const TRIES: usize = 8;

/// What a task does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskState {
    /// A step of it is open.
    Runs,
    /// It is parked.
    Waits,
    /// Recording has stopped while it was under way.
    Left,
}

/// Where a task came from; zeros are what is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The address of its library's object.
    pub task: usize,
    /// The serial of the task that ran when it was made.
    pub parent: u64,
}

/// So often somebody asks for a name at most.
const NAMED: u64 = 2;

const FREE: u64 = 0;
const NEW: u64 = 1;
const RUNS: u64 = 2;
const WAITS: u64 = 3;
const LEFT: u64 = 4;

/// The cells of one task. What a step writes to stands in the first two lines of the cache.
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct TaskRecord {
    turn: Cell64,
    state: Cell64,
    serial: Cell64,
    /// The serial of the task that made it; 0 if none is known.
    parent: Cell64,
    /// The address of its library's object; 0 if that is not known.
    object: Cell64,
    function: Cell64,
    /// When its first step began.
    begun: Cell64,
    /// Since when it is in its state.
    since: Cell64,
    steps: Cell64,
    run: Cell64,
    /// Of stretches that are over.
    parked: Cell64,
    longest: Cell64,
    longest_at: Cell64,
    /// The innermost function that it awaits.
    leaf: Cell64,
    /// How often somebody has named it.
    named: Cell64,
    name_length: Cell64,
    name: [Cell64; WORDS],
}

/// A task at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Tells tasks apart, and grows.
    pub serial: u64,
    /// The one that ran when it was made, if any did.
    pub parent: Option<u64>,
    /// The address of its library's object, if that is known. It is there as long as the task is, and nobody may rely on that.
    pub object: Option<usize>,
    /// As its library calls it; empty if that is not known.
    pub name: String,
    /// Its coroutine's function.
    pub function: FunctionId,
    /// What it does.
    pub state: TaskState,
    /// Since when.
    pub since: Ticks,
    /// When its first step began.
    pub begun: Ticks,
    /// How often it went on.
    pub steps: u64,
    /// Time in steps, the open one included.
    pub run: Ticks,
    /// Time between steps, this one included.
    pub parked: Ticks,
    /// The longest step, and when it began.
    pub longest: Ticks,
    /// See `longest`.
    pub longest_at: Ticks,
    /// The innermost function that it awaits, or its own.
    pub leaf: FunctionId,
}

impl TaskRecord {
    fn change(&self, write: impl FnOnce(&Self)) {
        self.turn.add(1);
        show_before();
        write(self);
        show_before();
        self.turn.add(1);
    }

    pub(crate) fn begin(&self, serial: u64, function: FunctionId, origin: Origin) {
        self.change(|this| {
            this.state.set(NEW);
            this.serial.set(serial);
            this.parent.set(origin.parent);
            this.object.set(origin.task as u64);
            this.function.set(u64::from(function.0));
            this.leaf.set(u64::from(function.0));
            for cell in [
                &this.begun,
                &this.since,
                &this.steps,
                &this.run,
                &this.parked,
                &this.longest,
                &this.longest_at,
            ] {
                cell.set(0);
            }
            this.named.set(0);
            this.name_length.set(0);
        });
    }

    /// Which one it is.
    pub(crate) fn serial(&self) -> u64 {
        self.serial.get()
    }

    /// Says where it came from, as far as that was not known.
    pub(crate) fn add_origin(&self, origin: Origin) {
        self.change(|this| {
            for (cell, value) in [(&this.parent, origin.parent), (&this.object, origin.task as u64)] {
                if cell.get() == 0 {
                    cell.set(value);
                }
            }
        });
    }

    /// Whether somebody has named it for good, if only to say that it has no name.
    pub(crate) fn is_named(&self) -> bool {
        self.named.get() >= NAMED
    }

    /// A step begins.
    pub(crate) fn start(&self, now: Ticks) {
        self.change(|this| {
            if this.state.get() == NEW {
                this.begun.set(now.0);
            } else if this.state.get() == WAITS {
                this.parked.add_ticks(now.since(this.since.ticks()));
            }
            this.since.set(now.0);
            this.state.set(RUNS);
        });
    }

    /// A step is over that had the time `ran`.
    pub(crate) fn end_step(&self, (began, now): (Ticks, Ticks), ran: Ticks, leaf: FunctionId) {
        self.change(|this| {
            let took = now.since(began);
            this.steps.add(1);
            this.run.add_ticks(ran);
            this.parked.add_ticks(took.since(ran));
            if took.signed() > this.longest.ticks().signed() {
                this.longest.set(took.0);
                this.longest_at.set(began.0);
            }
            this.since.set(now.0);
            this.leaf.set(u64::from(leaf.0));
            this.state.set(WAITS);
        });
    }

    /// Recording stops.
    pub(crate) fn stop(&self, now: Ticks) {
        self.change(|this| {
            if this.state.get() == WAITS {
                this.parked.add_ticks(now.since(this.since.ticks()));
            }
            this.since.set(now.0);
            this.state.set(LEFT);
        });
    }

    /// The task is over.
    pub(crate) fn free(&self) {
        self.change(|this| this.state.set(FREE));
    }

    /// Names it; `is_final`: nobody has to ask once more. Cut where it is longer than there is room for.
    pub(crate) fn set_name(&self, name: &str, is_final: bool) {
        let mut end = name.len().min(WORDS * 8);
        while !name.is_char_boundary(end) {
            end -= 1;
        }
        self.change(|this| {
            this.named.set(if is_final { NAMED } else { this.named.get() + 1 });
            this.name_length.set(end as u64);
            for (word, part) in this.name.iter().zip(name.as_bytes()[..end].chunks(8)) {
                let mut bytes = [0; 8];
                bytes[..part.len()].copy_from_slice(part);
                word.set(u64::from_le_bytes(bytes));
            }
        });
    }

    /// Its name.
    pub(crate) fn name(&self) -> String {
        let bytes: Vec<u8> = self.name.iter().flat_map(|word| word.get().to_le_bytes()).collect();
        let length = (self.name_length.get() as usize).min(bytes.len());
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }

    /// What it says; `None` where there is no task.
    pub(crate) fn read(&self, now: Ticks) -> Option<Task> {
        for _ in 0..TRIES {
            let turn = self.turn.get();
            look_after();
            if turn % 2 == 1 {
                continue;
            }
            let state = match self.state.get() {
                RUNS => TaskState::Runs,
                WAITS => TaskState::Waits,
                LEFT => TaskState::Left,
                _ => return None,
            };
            let since = self.since.ticks();
            let going_on = Ticks(now.since(since).signed().max(0) as u64);
            let more = |is_it: bool| if is_it { going_on } else { Ticks::default() };
            let task = Task {
                serial: self.serial.get(),
                parent: Some(self.parent.get()).filter(|parent| *parent != 0),
                object: Some(self.object.get() as usize).filter(|object| *object != 0),
                name: self.name(),
                function: FunctionId(self.function.get() as u32),
                state,
                since,
                begun: self.begun.ticks(),
                steps: self.steps.get(),
                run: self.run.ticks().plus(more(state == TaskState::Runs)),
                parked: self.parked.ticks().plus(more(state == TaskState::Waits)),
                longest: self.longest.ticks(),
                longest_at: self.longest_at.ticks(),
                leaf: FunctionId(self.leaf.get() as u32),
            };
            look_after();
            if self.turn.get() == turn {
                return Some(task);
            }
        }
        None
    }
}

/// A step that kept its loop too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowStep {
    /// When it began.
    pub at: Ticks,
    /// How long it was, by the clock.
    pub took: Ticks,
    /// The task's name; empty if it has none.
    pub task: String,
    /// Whose step it was.
    pub function: FunctionId,
    /// The calls that took more than half of it, the outermost first.
    pub path: Vec<(FunctionId, Ticks)>,
}

/// Those steps.
#[derive(Clone, Debug, Default)]
pub struct SlowSteps {
    /// How many there were.
    pub count: u64,
    /// How long they took together.
    pub took: Ticks,
    /// When the newest one began.
    last_at: Option<Ticks>,
    longest: Vec<SlowStep>,
}

impl SlowSteps {
    /// The longest ones, the longest first.
    pub fn longest(&self) -> &[SlowStep] {
        &self.longest
    }

    /// Whether one began then or later.
    pub(crate) fn has_since(&self, at: Ticks) -> bool {
        self.last_at.is_some_and(|last| last.since(at).signed() >= 0)
    }

    pub(crate) fn add(&mut self, step: SlowStep) {
        self.count += 1;
        self.took = self.took.plus(step.took);
        self.last_at = Some(step.at);
        let place = self.longest.partition_point(|other| other.took.signed() >= step.took.signed());
        if place < KEPT {
            self.longest.insert(place, step);
            self.longest.truncate(KEPT);
        }
    }
}
