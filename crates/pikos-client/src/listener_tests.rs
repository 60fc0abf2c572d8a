use pikos_wire::{End, Facts, Finished, FunctionRow, Kind, RECORDS, VERSION};

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn message(id: &str, seq: u64, ncalls: u64) -> Message {
    Message {
        v: VERSION,
        kind: Kind::Full,
        id: id.into(),
        seq,
        base: seq,
        tick: 1e-9,
        interval: 0.5,
        facts: Some(Facts { pid: 7, ..Facts::default() }),
        rows: vec![FunctionRow {
            thread: 1,
            finished: Finished { ncalls, ..Finished::default() },
            ..FunctionRow::default()
        }],
        ..Message::default()
    }
}

fn publisher(context: &zmq::Context) -> (zmq::Socket, String) {
    let socket = context.socket(zmq::XPUB).unwrap();
    socket.set_linger(0).unwrap();
    socket.bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = socket.get_last_endpoint().unwrap().unwrap();
    (socket, endpoint)
}

/// Waits for the subscription.
fn await_subscriber(socket: &zmq::Socket) {
    socket.set_rcvtimeo(PATIENCE.as_millis() as i32).unwrap();
    assert_eq!(socket.recv_bytes(0).unwrap(), [1]);
}

fn poll_until(listener: &mut Listener, is_enough: impl Fn(&Listener) -> bool) {
    let start = Instant::now();
    while !is_enough(listener) {
        assert!(start.elapsed() < PATIENCE);
        listener.poll(Duration::from_millis(20)).unwrap();
    }
}

#[test]
fn streams_are_kept_apart_and_followed() {
    let context = zmq::Context::new();
    let (socket, endpoint) = publisher(&context);
    let mut listener = Listener::<()>::connect(&[Target::Endpoint(endpoint)]).unwrap();
    await_subscriber(&socket);
    for (id, seq, ncalls) in [("a", 1, 10), ("b", 1, 5), ("a", 2, 11)] {
        socket.send(message(id, seq, ncalls).encode(), 0).unwrap();
    }
    poll_until(&mut listener, |l| l.streams().len() == 2 && l.streams()[0].model.seq() == 2);
    let calls = |place: usize| listener.streams()[place].model.function(None, 0).unwrap().finished.ncalls;
    assert_eq!((calls(0), calls(1)), (11, 5));
    assert!(!listener.is_over());
    for id in ["a", "b"] {
        let mut last = message(id, 9, 20);
        last.end = Some(End { how: "normal".into(), detail: String::new() });
        socket.send(last.encode(), 0).unwrap();
    }
    poll_until(&mut listener, Listener::is_over);
    assert_eq!(listener.streams()[0].model.lost(), 6);
}

#[test]
fn garbage_is_counted_and_harms_nothing() {
    let context = zmq::Context::new();
    let (socket, endpoint) = publisher(&context);
    let mut listener = Listener::<()>::connect(&[Target::Endpoint(endpoint)]).unwrap();
    await_subscriber(&socket);
    let good = message("a", 1, 10).encode();
    let mut later = message("a", 2, 11);
    later.v = 99;
    for bytes in [&b""[..], b"\xc1", &good[..40], &later.encode(), &[0xFF; 10_000], &good] {
        socket.send(bytes, 0).unwrap();
    }
    poll_until(&mut listener, |l| !l.streams().is_empty());
    assert_eq!(listener.refused(), 5);
    assert!(!listener.take_problems().is_empty() && listener.take_problems().is_empty());
    assert_eq!(listener.streams()[0].model.function(None, 0).unwrap().finished.ncalls, 10);
    // A contradiction belongs to its stream.
    let mut odd = message("a", 3, 1);
    odd.tick = -1.0;
    socket.send(odd.encode(), 0).unwrap();
    poll_until(&mut listener, |l| l.streams()[0].refused == 1);
}

#[test]
fn what_is_refused_makes_no_stream() {
    let context = zmq::Context::new();
    let (socket, endpoint) = publisher(&context);
    let mut listener = Listener::<()>::connect_with_records(&[Target::Endpoint(endpoint)]).unwrap();
    await_subscriber(&socket);
    let mut odd = message("odd", 1, 1);
    odd.tick = 0.0;
    let nobody = Records { v: VERSION, kind: RECORDS.into(), id: "r".into(), seq: 0, ..Records::default() };
    let long = Records { id: "r".repeat(5_000), seq: 1, ..nobody.clone() };
    let refused = [
        message(&"x".repeat(5_000), 1, 1).encode(),
        message("zero", 0, 1).encode(),
        odd.encode(),
        nobody.encode().unwrap(),
        long.encode().unwrap(),
    ];
    // First of all, in the middle of a good stream, and where one of them becomes good.
    for round in 1..=2 {
        for frame in &refused {
            socket.send(frame, 0).unwrap();
        }
        socket.send(message("good", round, 10 * round).encode(), 0).unwrap();
        poll_until(&mut listener, |l| l.streams().first().is_some_and(|s| s.model.seq() == round));
        assert_eq!((listener.streams().len(), listener.recorders().len()), (1, 0));
        assert_eq!(listener.refused(), 5 * round);
        assert_eq!(listener.streams()[0].model.function(None, 0).unwrap().finished.ncalls, 10 * round);
    }
    socket.send(message("odd", 1, 3).encode(), 0).unwrap();
    poll_until(&mut listener, |l| l.streams().len() == 2);
    assert_eq!(listener.streams()[1].refused, 0);
}

#[test]
fn processes_may_come_to_us() {
    let mut listener = Listener::<()>::bind("tcp://127.0.0.1:*").unwrap();
    let endpoint = listener.endpoints().next().unwrap().to_owned();
    let context = zmq::Context::new();
    let sockets: Vec<_> = (0..3)
        .map(|_| {
            let socket = context.socket(zmq::XPUB).unwrap();
            socket.set_linger(0).unwrap();
            socket.connect(&endpoint).unwrap();
            socket
        })
        .collect();
    for socket in &sockets {
        // Subscriptions are sent while the listener polls.
        while socket.recv_bytes(zmq::DONTWAIT).is_err() {
            listener.poll(Duration::from_millis(5)).unwrap();
        }
    }
    for (socket, id) in sockets.iter().zip(["a", "b", "c"]) {
        socket.send(message(id, 1, 1).encode(), 0).unwrap();
    }
    poll_until(&mut listener, |l| l.streams().len() == 3);
    let taken = Listener::<()>::bind(&endpoint);
    assert!(matches!(taken, Err(ClientError::Bind { .. })));
}

#[test]
fn one_endpoint_may_send_profiles_and_records() {
    let context = zmq::Context::new();
    let (socket, endpoint) = publisher(&context);
    let mut listener = Listener::<()>::connect_with_records(&[Target::Endpoint(endpoint)]).unwrap();
    let (other, endpoint) = publisher(&context);
    let mut profiles_only = Listener::<()>::connect(&[Target::Endpoint(endpoint)]).unwrap();
    await_subscriber(&socket);
    await_subscriber(&other);
    let records = |seq: u64, end: bool| Records {
        v: VERSION,
        kind: RECORDS.into(),
        id: "r".into(),
        seq,
        end,
        fields: vec!["index".into()],
        columns: vec![vec![0; 10]],
        ..Records::default()
    };
    let odd = Records { time: -1.0, ..records(9, false) };
    let mut last = message("a", 2, 10);
    last.end = Some(End { how: "normal".into(), detail: String::new() });
    let frames = [
        records(1, false).encode().unwrap(),
        message("a", 1, 10).encode(),
        records(3, false).encode().unwrap(),
        odd.encode().unwrap(),
        b"\xc1".to_vec(),
        records(4, true).encode().unwrap(),
        last.encode(),
    ];
    for frame in &frames {
        socket.send(frame, 0).unwrap();
        other.send(frame, 0).unwrap();
    }
    poll_until(&mut listener, Listener::is_over);
    let [recorder] = listener.recorders() else { panic!("one recorder") };
    assert_eq!((recorder.model.count(), recorder.model.lost(), recorder.refused), (30, 1, 1));
    assert_eq!((listener.streams().len(), listener.refused()), (1, 1));
    poll_until(&mut profiles_only, Listener::is_over);
    assert!(profiles_only.recorders().is_empty());
    assert_eq!(profiles_only.refused(), 5);
}

#[test]
fn targets() {
    assert_eq!("123".parse::<Target>().unwrap(), Target::Process(123));
    assert_eq!("ipc:///x".parse::<Target>().unwrap(), Target::Endpoint("ipc:///x".into()));
    assert!(matches!("script.py".parse::<Target>(), Err(ClientError::NotATarget(_))));
    assert!(matches!("-1".parse::<Target>(), Err(ClientError::NotATarget(_))));
}
