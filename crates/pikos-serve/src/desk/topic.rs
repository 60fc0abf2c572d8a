//! The viewers of one scope: one encoding of each event for all of them, and a short queue for each.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::labels::Labels;
use super::sent::{Moment, Sent};
use crate::parse::EventId;

/// So many events wait for a viewer; one that has more is behind.
pub const QUEUE: usize = 8;
/// So many events are kept for those who connect again,
const KEPT: usize = 64;
/// of so many bytes.
const KEPT_BYTES: usize = 4 << 20;
/// So long after its last viewer a scope is followed for those who connect again.
const LINGERS: Duration = Duration::from_secs(30);
/// Where nothing is sent for so long, a comment is: who is in between would close the connection.
const BEAT: Duration = Duration::from_secs(15);

/// The viewers of a scope, and what they know.
pub struct Topic {
    id: EventId,
    pub sent: Sent,
    /// When the picture was taken that was sent last.
    moment: Moment,
    viewers: Vec<Viewer>,
    /// The newest events.
    kept: VecDeque<(u64, Bytes)>,
    kept_bytes: usize,
    /// A `full` of now, if anybody has needed one.
    full: Option<Bytes>,
    /// What of the source was shown last.
    pub version: Option<u64>,
    /// Which of the times between two clears that was of.
    pub epoch: u64,
    /// Not before then the next picture is taken.
    pub not_before: Instant,
    last_viewer: Instant,
    last_event: Instant,
}

struct Viewer {
    queue: mpsc::Sender<Bytes>,
    /// Whether it has missed an event, and awaits a `full`.
    is_behind: bool,
}

impl Topic {
    /// Of nobody.
    pub fn new(stream: u64) -> Self {
        let now = Instant::now();
        Self {
            id: EventId { stream, epoch: 0, seq: 0 },
            sent: Sent::default(),
            moment: Moment { tick: 0, time: 0.0, age: None },
            viewers: Vec::new(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            full: None,
            version: None,
            epoch: 0,
            not_before: now,
            last_viewer: now,
            last_event: now,
        }
    }

    /// How many look at it.
    pub fn viewers(&self) -> usize {
        self.viewers.len()
    }

    /// Whether nobody looks, and nobody will come back.
    pub fn is_over(&mut self) -> bool {
        self.viewers.retain(|viewer| !viewer.queue.is_closed());
        if !self.viewers.is_empty() {
            self.last_viewer = Instant::now();
        }
        self.last_viewer.elapsed() > LINGERS
    }

    /// Adds a viewer; `last` is the event that it has seen, `processes` what comes first.
    pub fn add(&mut self, last: Option<EventId>, processes: Bytes, labels: &Labels) -> mpsc::Receiver<Bytes> {
        let (queue, events) = mpsc::channel(KEPT + QUEUE);
        let missed = last.and_then(|last| self.since(last));
        let _ = queue.try_send(processes);
        match missed {
            Some(missed) => missed.into_iter().for_each(|event| drop(queue.try_send(event))),
            None => drop(queue.try_send(self.full(labels))),
        }
        self.viewers.push(Viewer { queue, is_behind: false });
        self.last_viewer = Instant::now();
        events
    }

    /// The events after one, if they are kept.
    fn since(&self, last: EventId) -> Option<Vec<Bytes>> {
        let is_known =
            (last.stream, last.epoch) == (self.id.stream, self.id.epoch) && last.seq <= self.id.seq;
        let first = self.kept.front().map_or(self.id.seq + 1, |(seq, _)| *seq);
        let after = || self.kept.iter().filter(|(seq, _)| *seq > last.seq).map(|(_, event)| event.clone());
        (is_known && last.seq + 1 >= first).then(|| after().collect())
    }

    /// What was sent last, whole, and the id of that: for who will come to hear more.
    pub fn whole(&mut self, labels: &Labels) -> (EventId, String) {
        self.last_viewer = Instant::now();
        (self.id, self.sent.full(self.moment, labels))
    }

    /// What was sent last, whole.
    fn full(&mut self, labels: &Labels) -> Bytes {
        let Self { id, sent, moment, full, .. } = self;
        full.get_or_insert_with(|| event("full", Some(*id), &sent.full(*moment, labels))).clone()
    }

    /// Sends what has changed.
    pub fn delta(&mut self, moment: Moment, delta: &str, labels: &Labels) {
        self.moment = moment;
        self.id.seq += 1;
        self.full = None;
        self.send(event("delta", Some(self.id), delta), labels);
    }

    /// Says that all is void, and sends what is there now; `sent` knows it already.
    pub fn reset(&mut self, moment: Moment, labels: &Labels) {
        self.moment = moment;
        self.id = EventId { stream: self.id.stream, epoch: self.id.epoch + 1, seq: 1 };
        self.full = None;
        self.kept.clear();
        self.kept_bytes = 0;
        let reset = event("reset", Some(EventId { seq: 0, ..self.id }), "{}");
        let full = self.full(labels);
        self.send(Bytes::from([&reset[..], &full[..]].concat()), labels);
    }

    /// Takes in the first picture: nobody has seen anything.
    pub fn begin(&mut self, moment: Moment) {
        self.moment = moment;
        self.full = None;
    }

    fn send(&mut self, event: Bytes, labels: &Labels) {
        self.kept_bytes += event.len();
        self.kept.push_back((self.id.seq, event.clone()));
        while self.kept.len() > KEPT || self.kept_bytes > KEPT_BYTES {
            let Some((_, oldest)) = self.kept.pop_front() else { break };
            self.kept_bytes -= oldest.len();
        }
        self.last_event = Instant::now();
        for viewer in self.viewers.iter_mut().filter(|viewer| !viewer.is_behind) {
            viewer.send(event.clone());
        }
        self.catch_up(labels);
    }

    /// Sends what belongs to no scope: it is skipped where there is no room.
    pub fn tell(&mut self, processes: &Bytes) {
        self.last_event = Instant::now();
        for viewer in self.viewers.iter().filter(|viewer| !viewer.is_behind) {
            let _ = viewer.queue.try_send(processes.clone());
        }
    }

    /// Says something where nothing was said for long.
    pub fn beat(&mut self) {
        if self.last_event.elapsed() >= BEAT {
            self.tell(&Bytes::from_static(b":\n\n"));
        }
    }

    /// Gives those who have read all that they were sent what they have missed.
    pub fn catch_up(&mut self, labels: &Labels) {
        if self.viewers.iter().any(|viewer| viewer.is_behind && viewer.has_read()) {
            let full = self.full(labels);
            for viewer in self.viewers.iter_mut().filter(|viewer| viewer.is_behind && viewer.has_read()) {
                viewer.is_behind = false;
                viewer.send(full.clone());
            }
        }
    }
}

impl Viewer {
    /// Whether nothing waits for it.
    fn has_read(&self) -> bool {
        self.queue.capacity() == self.queue.max_capacity()
    }

    fn send(&mut self, event: Bytes) {
        let has_room = self.queue.max_capacity() - self.queue.capacity() < QUEUE;
        if !has_room || matches!(self.queue.try_send(event), Err(TrySendError::Full(_))) {
            self.is_behind = true;
        }
    }
}

/// An event as it goes over the line.
pub fn event(name: &str, id: Option<EventId>, data: &str) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {name}\ndata: {data}\n\n"))
}

#[cfg(test)]
#[path = "topic_tests.rs"]
mod tests;
