use pikos_views::{FunctionId, ProfileContent, Shown, ShownFunction};
use std::sync::Arc;

use super::*;

struct Room {
    topic: Topic,
    labels: Labels,
    calls: i64,
}

impl Room {
    fn new() -> Self {
        let mut room = Self { topic: Topic::new(7), labels: Labels::default(), calls: 0 };
        let content = room.content();
        room.topic.sent.follow(room.moment(), &content, &room.labels);
        room.topic.begin(room.moment());
        room
    }

    fn moment(&self) -> Moment {
        Moment { tick: self.calls as u64, time: 0.0, age: None }
    }

    fn content(&mut self) -> ProfileContent {
        self.calls += 1;
        let figures = Shown { ncalls: self.calls, ..Shown::default() };
        ProfileContent {
            functions: Arc::new(vec![ShownFunction { id: FunctionId(0), figures }]),
            ..ProfileContent::default()
        }
    }

    fn tick(&mut self) {
        let content = self.content();
        let delta = self.topic.sent.follow(self.moment(), &content, &self.labels).expect("no row has gone");
        self.topic.delta(self.moment(), &delta, &self.labels);
    }

    fn enter(&mut self, last: Option<EventId>) -> mpsc::Receiver<Bytes> {
        self.topic.add(last, Bytes::from_static(b"event: processes\ndata: {}\n\n"), &self.labels)
    }
}

/// The kinds and ids of what waits, and the calls that the last one tells.
fn read(events: &mut mpsc::Receiver<Bytes>) -> Vec<(String, Option<EventId>)> {
    let mut read = Vec::new();
    while let Ok(bytes) = events.try_recv() {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        for event in text.split("\n\n").filter(|event| !event.is_empty()) {
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
            let id = field("id: ").map(|id| EventId::parse(&id).expect("an id"));
            read.push((field("event: ").unwrap_or_default(), id));
        }
    }
    read
}

fn kinds(events: &mut mpsc::Receiver<Bytes>) -> Vec<String> {
    read(events).into_iter().map(|(kind, _)| kind).collect()
}

#[test]
fn all_viewers_share_one_encoding() {
    let mut room = Room::new();
    let (mut one, mut other) = (room.enter(None), room.enter(None));
    assert_eq!(
        (kinds(&mut one), kinds(&mut other)),
        (vec!["processes".into(), "full".into()], vec!["processes".into(), "full".into()])
    );
    room.tick();
    let (one, other) = (one.try_recv().expect("a delta"), other.try_recv().expect("a delta"));
    assert!(std::ptr::eq(one.as_ptr(), other.as_ptr()));
}

#[test]
fn who_connects_again_misses_nothing() {
    let mut room = Room::new();
    let mut first = room.enter(None);
    room.tick();
    let (_, last) = read(&mut first).pop().expect("a delta");
    drop(first);
    room.tick();
    room.tick();
    let mut again = room.enter(last);
    let events = read(&mut again);
    let seqs: Vec<_> = events.iter().filter_map(|(_, id)| id.map(|id| id.seq)).collect();
    assert_eq!(
        events.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(),
        ["processes", "delta", "delta"]
    );
    assert_eq!(seqs, [2, 3]);
    // Another server's, another time's, one of the future, one that is no longer kept.
    let last = last.expect("an id");
    for unknown in [EventId { stream: 8, ..last }, EventId { epoch: 9, ..last }, EventId { seq: 99, ..last }]
    {
        assert_eq!(kinds(&mut room.enter(Some(unknown))), ["processes", "full"], "{unknown}");
    }
    for _ in 0..=KEPT {
        room.tick();
    }
    assert_eq!(kinds(&mut room.enter(Some(last))), ["processes", "full"]);
}

#[test]
fn a_slow_viewer_is_skipped_and_gets_all_when_it_is_back() {
    let mut room = Room::new();
    let (mut slow, mut quick) = (room.enter(None), room.enter(None));
    for _ in 0..100 {
        room.tick();
        read(&mut quick);
    }
    assert!(slow.len() <= QUEUE + 2, "{} events wait", slow.len());
    read(&mut slow);
    room.tick();
    assert_eq!(kinds(&mut quick), ["delta"]);
    let events = read(&mut slow);
    assert_eq!(events.first().map(|(kind, _)| kind.as_str()), Some("full"));
    assert_eq!(events.first().and_then(|(_, id)| *id).map(|id| id.seq), Some(101));
    room.tick();
    assert_eq!(kinds(&mut slow), ["delta"]);
    assert!(!room.topic.is_over());
    drop((slow, quick));
    assert!(!room.topic.is_over() && room.topic.viewers() == 0, "who reloads comes back");
}

#[test]
fn after_a_clear_a_full_follows() {
    let mut room = Room::new();
    let mut viewer = room.enter(None);
    room.tick();
    let (_, last) = read(&mut viewer).pop().expect("a delta");
    room.topic.sent = Sent::default();
    room.calls = 0;
    let content = room.content();
    room.topic.sent.follow(room.moment(), &content, &room.labels);
    room.topic.reset(room.moment(), &room.labels);
    let events = read(&mut viewer);
    assert_eq!(events.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["reset", "full"]);
    assert_eq!(events[1].1.map(|id| (id.epoch, id.seq)), Some((1, 1)));
    assert_eq!(kinds(&mut room.enter(last)), ["processes", "full"]);
}
