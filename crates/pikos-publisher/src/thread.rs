//! The publisher's thread: sleeps until somebody listens, asks for something, or an interval is over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pikos_os::reserve;
use pikos_os::thread::processor_time;
use pikos_wire::{End, SAMPLES, Status, WireText};

use super::checkpoint::{Checkpoint, NO_ROOM, Save};
use super::desk::{Desk, Publishes};
use super::interruptible::COMING_BACK;
use super::interval::check_interval;
use super::mailbox::{Call, Mailbox, Order, Outcome};
use super::sockets::{Sockets, left_until};
use super::stream::Stream;

/// How long the last message may take.
const LAST: Duration = Duration::from_millis(200);

/// What the thread works with, and hands back when it is interrupted.
pub struct Work {
    /// Makes the messages.
    pub stream: Stream,
    /// How many listened when the sockets were closed last.
    pub expected: u32,
    /// The file that is written meanwhile.
    pub checkpoint: Option<Checkpoint>,
    /// How a file is written.
    pub save: Save,
    /// Has somebody look into the mailbox.
    pub call: Call,
}

/// Runs until it is ordered to stop.
pub fn run(mut work: Box<Work>, mut sockets: Sockets, mailbox: &Arc<Mailbox>) -> Box<Work> {
    let _waits = reserve::this_thread_waits();
    let mut desk = Desk::default();
    let mut next = Instant::now();
    let mut is_first = true;
    loop {
        let listens = sockets.subscribers > 0;
        let checkpoint = work.checkpoint.as_ref().map(Checkpoint::next);
        let deadline =
            [desk.next_deadline(), listens.then_some(next), checkpoint].into_iter().flatten().min();
        wait(&sockets, mailbox, deadline);
        mailbox.hear();
        let order = mailbox.take_order();
        if sockets.read_subscriptions() {
            work.stream.wants_full = true;
            is_first |= !listens;
        }
        if let Some(control) = &sockets.control {
            let mut publisher = Lent { work: &mut work, subscribers: sockets.subscribers };
            desk.serve(control, mailbox, &mut publisher);
            desk.settle(control, mailbox, &mut publisher);
        }
        match order {
            Some(Order::Rest) => {
                if let Some(control) = &sockets.control {
                    let mut publisher = Lent { work: &mut work, subscribers: sockets.subscribers };
                    desk.interrupt(control, mailbox, &mut publisher);
                }
                work.expected = work.expected.max(sockets.subscribers);
                sockets.close_at_once();
                return work;
            }
            Some(Order::End(end)) => {
                if let Some(control) = &sockets.control {
                    desk.close(control, &mut Lent { work: &mut work, subscribers: sockets.subscribers });
                }
                finish(&mut work, sockets, end);
                return work;
            }
            None => {}
        }
        let now = Instant::now();
        if sockets.subscribers > 0 && now >= next {
            if work.stream.has_room() {
                let before = processor_time();
                let message = work.stream.next(None).encode();
                work.stream.took(processor_time().saturating_sub(before));
                if !sockets.send(message) {
                    work.stream.dropped += 1;
                }
            } else {
                work.stream.dropped += 1;
            }
            // Not `next + interval`: after a standstill there is nothing to catch up on.
            next = now + work.stream.interval.mul_f64(if is_first { own_phase() } else { 1.0 });
            is_first = false;
        }
        if let Some(checkpoint) = &mut work.checkpoint {
            checkpoint.write_if_due(&mut work.stream, work.save);
        }
        if sockets.opened.elapsed() > COMING_BACK {
            work.expected = 0;
        }
    }
}

/// The first interval in which somebody listens is shorter, by a part of its own in each process: who watches twenty gets
/// their messages one after the other, not all at once.
fn own_phase() -> f64 {
    0.5 + f64::from(std::process::id() % 16) / 32.0
}

/// Sends the last message, if somebody listens or is about to.
fn finish(work: &mut Work, mut sockets: Sockets, end: End) {
    let expected = if sockets.opened.elapsed() > COMING_BACK { 0 } else { work.expected };
    if sockets.subscribers.max(expected) > 0 && work.stream.has_room_for_once() {
        let message = work.stream.next(Some(end)).encode();
        sockets.send_last(&message, expected, Instant::now() + LAST);
    }
}

fn wait(sockets: &Sockets, mailbox: &Mailbox, deadline: Option<Instant>) {
    let timeout = deadline.map_or(-1, |deadline| left_until(deadline).unwrap_or(0));
    let ear = zmq::PollItem::from_fd(mailbox.ear(), zmq::POLLIN);
    let mut items = vec![ear];
    items.extend(sockets.messages.as_ref().map(|messages| messages.as_poll_item(zmq::POLLIN)));
    items.extend(sockets.control.as_ref().map(|control| control.as_poll_item(zmq::POLLIN)));
    if zmq::poll(&mut items, timeout).is_err() {
        // Never a busy loop, whatever the system has against it.
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Lent<'a> {
    work: &'a mut Work,
    subscribers: u32,
}

impl Publishes for Lent<'_> {
    fn status(&mut self) -> Status {
        let stream = &mut self.work.stream;
        Status {
            pid: stream.pid(),
            id: stream.id().to_owned(),
            paused: stream.is_paused(),
            interval: stream.interval.as_secs_f64(),
            age: stream.age(),
            seq: stream.seq(),
            ncalls: stream.ncalls(),
            counts: if stream.is_sampled() { SAMPLES.to_owned() } else { String::new() },
            subscribers: self.subscribers,
        }
    }

    fn set_interval(&mut self, seconds: f64) -> Outcome {
        self.work.stream.interval = check_interval(seconds).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn is_sampled(&self) -> bool {
        self.work.stream.is_sampled()
    }

    fn save(&mut self, path: &WireText) -> Outcome {
        let path = pikos_os::paths::from_bytes(path.0.as_bytes());
        if !path.is_absolute() {
            return Err(format!("{}: name the file by an absolute path", path.display()));
        }
        if !self.work.stream.has_room_for_once() {
            return Err(NO_ROOM.to_owned());
        }
        (self.work.save)(self.work.stream.snapshot(), &path)
    }

    fn patience(&self) -> Duration {
        self.work.stream.interval
    }

    fn call_main_thread(&mut self) -> Outcome {
        match (self.work.call)() {
            true => Ok(()),
            false => Err("the program's main thread has too much to do: try again".to_owned()),
        }
    }
}
