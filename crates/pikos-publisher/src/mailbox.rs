//! What the Python side and the publisher's thread tell each other while it runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use pikos_os::wake::{Bell, Ear};
use pikos_wire::{Command, End};

/// What the thread has to do.
#[derive(Clone, Debug)]
pub enum Order {
    /// Close the sockets at once and end; the stream will go on in another thread.
    Rest,
    /// Send the last message and end.
    End(End),
}

/// A command that only the program's main thread can carry out.
#[derive(Clone, Debug)]
pub struct Task {
    /// By which its outcome is known.
    pub ticket: u64,
    /// What to do.
    pub command: Command,
}

/// Has somebody look for tasks. False if it can't be done.
pub type Call = Arc<dyn Fn() -> bool + Send + Sync>;

/// How a task went: what was wrong, if anything.
pub type Outcome = Result<(), String>;

#[derive(Default)]
struct Letters {
    order: Option<Order>,
    tasks: VecDeque<Task>,
    outcomes: Vec<(u64, Outcome)>,
    tickets: u64,
}

/// Both sides' letters.
pub struct Mailbox {
    letters: Mutex<Letters>,
    /// Wakes the thread.
    bell: Bell,
}

impl Mailbox {
    /// An empty one.
    pub fn new() -> std::io::Result<Arc<Self>> {
        Ok(Arc::new(Self { letters: Mutex::default(), bell: Bell::new()? }))
    }

    /// For the thread: what to poll.
    pub fn ear(&self) -> Ear {
        self.bell.ear()
    }

    /// For the thread: takes note of having been woken.
    pub fn hear(&self) {
        self.bell.hear();
    }

    /// Gives the thread an order.
    pub fn order(&self, order: Order) {
        self.with(|letters| letters.order = Some(order));
        self.bell.ring();
    }

    /// For the thread: the order, if there is one.
    pub fn take_order(&self) -> Option<Order> {
        self.with(|letters| letters.order.take())
    }

    /// For the thread: leaves a task for the main thread. Returns its ticket.
    pub fn add_task(&self, command: Command) -> u64 {
        self.with(|letters| {
            letters.tickets += 1;
            letters.tasks.push_back(Task { ticket: letters.tickets, command });
            letters.tickets
        })
    }

    /// For the main thread: the next task.
    pub fn take_task(&self) -> Option<Task> {
        self.with(|letters| letters.tasks.pop_front())
    }

    /// For the main thread: says how a task went.
    pub fn finish(&self, ticket: u64, outcome: Outcome) {
        self.with(|letters| letters.outcomes.push((ticket, outcome)));
        self.bell.ring();
    }

    /// For the thread: what has been done.
    pub fn take_outcomes(&self) -> Vec<(u64, Outcome)> {
        self.with(|letters| std::mem::take(&mut letters.outcomes))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Letters) -> T) -> T {
        act(&mut self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
