//! What the Python side and the publisher's thread tell each other while it runs.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// A byte in it wakes the thread.
    bell: UnixStream,
    ear: UnixStream,
}

impl Mailbox {
    /// An empty one.
    pub fn new() -> std::io::Result<Arc<Self>> {
        let (bell, ear) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        ear.set_nonblocking(true)?;
        Ok(Arc::new(Self { letters: Mutex::default(), bell, ear }))
    }

    /// For the thread: what to poll.
    pub fn ear(&self) -> RawFd {
        self.ear.as_raw_fd()
    }

    /// For the thread: takes note of having been woken.
    pub fn hear(&self) {
        let mut bytes = [0; 64];
        while matches!((&self.ear).read(&mut bytes), Ok(1..)) {}
    }

    /// Gives the thread an order.
    pub fn order(&self, order: Order) {
        self.with(|letters| letters.order = Some(order));
        self.ring();
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
        self.ring();
    }

    /// For the thread: what has been done.
    pub fn take_outcomes(&self) -> Vec<(u64, Outcome)> {
        self.with(|letters| std::mem::take(&mut letters.outcomes))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Letters) -> T) -> T {
        act(&mut self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn ring(&self) {
        // Full means that it is ringing already.
        match (&self.bell).write(&[1]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => self.ring(),
            _ => {}
        }
    }
}
