//! Requests and their replies. What the thread can do by itself is answered at once. The rest is the main thread's: the
//! answer waits for it for one interval, and then says that it is pending.

use std::time::{Duration, Instant};

use pikos_wire::{Command, Reply, Status, WireText};
use zmq::Socket;

use super::asked::{self, Address};
use super::mailbox::{Mailbox, Outcome};

/// No more requests than these wait for the main thread at once.
const MAX_WAITING: usize = 64;

/// After the end, and before an interruption, whoever has asked before is listened to until nothing comes for so long, in
/// milliseconds,
const QUIET_MS: i64 = 10;
const QUIET_BEFORE_INTERRUPTION_MS: i64 = 1;
/// and never longer than this.
const LAST_REQUESTS: Duration = Duration::from_millis(100);
const LAST_BEFORE_INTERRUPTION: Duration = Duration::from_millis(10);

/// Answers requests.
#[derive(Default)]
pub struct Desk {
    waiting: Vec<Waiting>,
    /// Whether anybody has asked.
    is_used: bool,
}

/// A request that the main thread is at.
struct Waiting {
    ticket: u64,
    /// The frames in front of the reply: who asked.
    address: Address,
    until: Instant,
}

/// What the publisher lends: how things are, and how to change what is its own.
pub trait Publishes {
    /// How things are.
    fn status(&mut self) -> Status;
    /// Sends this often from now on, or says why not.
    fn set_interval(&mut self, seconds: f64) -> Outcome;
    /// Whether samples are counted, and there is a rate to change.
    fn is_sampled(&self) -> bool;
    /// Writes the profile to a file with an absolute path.
    fn save(&mut self, path: &WireText) -> Outcome;
    /// How long an answer may wait.
    fn patience(&self) -> Duration;
    /// Wakes the main thread, for the tasks in the mailbox; or says why it can't be done.
    fn call_main_thread(&mut self) -> Outcome;
}

impl Desk {
    /// Reads and answers what has come.
    pub fn serve(&mut self, socket: &Socket, mailbox: &Mailbox, publisher: &mut impl Publishes) {
        while let Some((address, asked)) = asked::next(socket) {
            self.is_used = true;
            let outcome = match asked {
                Ok(command) => self.act(command, &address, mailbox, publisher),
                Err(problem) => Some(Err(problem)),
            };
            if let Some(outcome) = outcome {
                answer(socket, address, outcome, false, publisher);
            }
        }
    }

    /// Answers those whose task is done, and those who have waited long enough.
    pub fn settle(&mut self, socket: &Socket, mailbox: &Mailbox, publisher: &mut impl Publishes) {
        for (ticket, outcome) in mailbox.take_outcomes() {
            if let Some(at) = self.waiting.iter().position(|waiting| waiting.ticket == ticket) {
                answer(socket, self.waiting.remove(at).address, outcome, false, publisher);
            }
        }
        let now = Instant::now();
        while let Some(at) = self.waiting.iter().position(|waiting| waiting.until <= now) {
            answer(socket, self.waiting.remove(at).address, Ok(()), true, publisher);
        }
    }

    /// Answers whoever waits: for what is to come, it is pending. Whoever has asked before may have the next request on its way;
    /// it would be lost with the connection.
    pub fn interrupt(&mut self, socket: &Socket, mailbox: &Mailbox, publisher: &mut impl Publishes) {
        let deadline = Instant::now() + LAST_BEFORE_INTERRUPTION;
        let has_come =
            || socket.poll(zmq::POLLIN, QUIET_BEFORE_INTERRUPTION_MS).is_ok_and(|events| events > 0);
        while self.is_used && Instant::now() < deadline && has_come() {
            self.serve(socket, mailbox, publisher);
        }
        for Waiting { address, .. } in std::mem::take(&mut self.waiting) {
            answer(socket, address, Ok(()), true, publisher);
        }
    }

    /// Answers whoever waits or asks in the last moment: there is nothing left to ask. Requests on their way are waited for,
    /// where there have been any.
    pub fn close(&mut self, socket: &Socket, publisher: &mut impl Publishes) {
        let over = || Err("the profile has ended".to_owned());
        for Waiting { address, .. } in std::mem::take(&mut self.waiting) {
            answer(socket, address, over(), false, publisher);
        }
        let deadline = Instant::now() + LAST_REQUESTS;
        let patience = if self.is_used { QUIET_MS } else { 0 };
        while Instant::now() < deadline && socket.poll(zmq::POLLIN, patience).is_ok_and(|events| events > 0) {
            let Some((address, _)) = asked::next(socket) else { break };
            answer(socket, address, over(), false, publisher);
        }
    }

    /// Until when to wait at most.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }

    /// `None` if the answer comes later.
    fn act(
        &mut self,
        command: Command,
        address: &[Vec<u8>],
        mailbox: &Mailbox,
        publisher: &mut impl Publishes,
    ) -> Option<Outcome> {
        match command {
            Command::Status => Some(Ok(())),
            Command::Interval { seconds } => Some(publisher.set_interval(seconds)),
            Command::Dump { path } => Some(publisher.save(&path)),
            Command::Rate { .. } if !publisher.is_sampled() => Some(Err(
                "it counts each call, and has no rate: only a process that is sampled has one".to_owned(),
            )),
            command => {
                if self.waiting.len() >= MAX_WAITING {
                    return Some(Err("too many requests wait for the program's main thread".to_owned()));
                }
                let ticket = mailbox.add_task(command);
                if let Err(error) = publisher.call_main_thread() {
                    return Some(Err(error));
                }
                let until = Instant::now() + publisher.patience();
                self.waiting.push(Waiting { ticket, address: address.to_vec(), until });
                None
            }
        }
    }
}

fn answer(
    socket: &Socket,
    address: Address,
    outcome: Outcome,
    pending: bool,
    publisher: &mut impl Publishes,
) {
    let reply = match outcome {
        Ok(()) => Reply::done(publisher.status(), pending),
        Err(error) => Reply::refused(error),
    };
    asked::answer(socket, address, &reply);
}
