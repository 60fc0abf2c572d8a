//! What fuzzing begins with (`fuzz/`): messages and requests as a process and a viewer send them.
//!
//! `PIKOS_BLESS=1 cargo test -p pikos-wire --test seeds` writes them to `tests/seeds/`.

use pikos_wire::{
    Added, Command, EdgeRow, End, Facts, Finished, FunctionRow, Kind, Message, Name, NodeFigures, NodeRow,
    Open, Recorded, Reply, Request, SAMPLES, Sampled, Status, ThreadRow, TreePart, VERSION,
};

/// What the fuzz target cuts its input at.
const CUT: &[u8] = b"\xC1\xC1";

fn full(seq: u64) -> Message {
    let name = |function, file: &str, line, name: &str, qualname: Option<&str>| Name {
        function,
        file: file.into(),
        line,
        name: name.into(),
        qualname: qualname.map(Into::into),
    };
    let thread =
        |thread, name: &str, is_over| ThreadRow { thread, name: name.into(), native_id: 4711, is_over };
    Message {
        v: VERSION,
        kind: Kind::Full,
        id: "host:4711:18a".into(),
        seq,
        base: seq,
        time: 1_700_000_000.5,
        age: 0.5 * seq as f64,
        tick: 1e-9,
        interval: 0.5,
        overhead: 1_000,
        recorded: Some(Recorded { elapsed: 0.5 * seq as f64, cpu: 0.25, threads: 8, gil_wait: 0.125 }),
        facts: Some(Facts {
            pid: 4711,
            parent: Some(4710),
            host: "host".into(),
            started: 1_700_000_000.0,
            zone: 3600,
            argv: vec!["app.py".into(), "--port".into()],
            command: vec!["python3".into(), "app.py".into(), "--port".into()],
            folder: "/srv".into(),
            system: "Linux 6.8.0 x86_64".into(),
            cpus: 8,
            python: "CPython 3.13.0".into(),
            pikos: "0.1.0".into(),
            clock: "tsc".into(),
            hook: "monitoring".into(),
            options: "threads=True".into(),
            builtins: true,
            control: Some("ipc:///run/4711-18a.ctl".into()),
            ..Facts::default()
        }),
        functions: vec![
            name(0, "app.py", 1, "<module>", None),
            name(1, "app.py", 3, "work", Some("App.work")),
            name(2, "~", 0, "<built-in method time.sleep>", None),
        ],
        threads: vec![thread(0, "ended threads", true), thread(1, "MainThread", false)],
        rows: vec![row(0, 1, 7), row(1, 0, 0), row(1, 1, 300), row(1, 2, 70_000)],
        edges: vec![edge(0, 0, 1, 7), edge(1, 0, 1, 300), edge(1, 1, 1, 20), edge(1, 1, 2, 70_000)],
        ..Message::default()
    }
}

fn row(thread: u64, function: u32, ncalls: u64) -> FunctionRow {
    let ticks = 1_000 * ncalls as i64;
    FunctionRow {
        thread,
        function,
        finished: Finished { ncalls, primitive_calls: ncalls / 2, tottime: ticks, cumtime: 2 * ticks },
        open: match ncalls {
            0 => Open { calls: 1, tottime: 5_000, cumtime: 5_000_000_000 },
            _ => Open::default(),
        },
        gil_wait: Added(ticks / 4),
    }
}

fn edge(thread: u64, caller: u32, callee: u32, ncalls: u64) -> EdgeRow {
    let ticks = 1_000 * ncalls as i64;
    let finished = Finished { ncalls, primitive_calls: ncalls, tottime: ticks, cumtime: ticks };
    EdgeRow { thread, caller, callee, finished, ..EdgeRow::default() }
}

fn delta(seq: u64, base: u64) -> Message {
    Message {
        kind: Kind::Delta,
        base,
        facts: None,
        functions: vec![Name {
            function: 3,
            file: "b.py".into(),
            line: 9,
            name: "late".into(),
            qualname: None,
        }],
        rows: vec![row(1, 1, 301), row(1, 3, 1)],
        edges: vec![edge(1, 0, 1, 301), edge(1, 1, 3, 1)],
        ..full(seq)
    }
}

/// A message with stacks: of `main`, of `work` in it, and of `sleep` in that.
fn with_tree(message: Message, base: u64) -> Message {
    let node = |thread, node, parent, function, ncalls| NodeRow {
        thread,
        node,
        parent,
        function: Some(function),
        figures: NodeFigures { ncalls, tottime: 1_000 * ncalls as i64, ..NodeFigures::default() },
    };
    let cut = NodeFigures { tottime: 9, cut_ncalls: 1, cut_tottime: 9, ..NodeFigures::default() };
    let bottom = NodeRow { thread: 1, figures: cut, ..NodeRow::default() };
    let mut nodes = vec![
        node(0, 1, 0, 1, 7),
        bottom,
        node(1, 1, 0, 0, 0),
        node(1, 2, 1, 1, 300),
        node(1, 3, 2, 2, 70_000),
    ];
    nodes[2].figures.open = Open { calls: 1, tottime: 5_000, cumtime: 5_000_000_000 };
    if base != message.seq {
        nodes.drain(..3);
        nodes.push(node(1, 4, 2, 1, 1));
    }
    let facts = message.facts.clone().map(|facts| Facts { tree: true, ..facts });
    Message { facts, tree: Some(TreePart { base, nodes }), ..message }
}

fn last(seq: u64) -> Message {
    Message { end: Some(End { how: "exception".into(), detail: "ValueError".into() }), ..full(seq) }
}

/// Of samples instead of calls.
fn sampled(message: Message) -> Message {
    let facts = message.facts.clone().map(|facts| Facts {
        counts: SAMPLES.into(),
        mode: "cpu".into(),
        hook: "outside sampler".into(),
        ..facts
    });
    let sampled = Sampled {
        asked: 0.01,
        mean: 0.0125,
        deviation: 0.003,
        looks: 70_000,
        samples: 70_307,
        torn: 12,
        missed: 3,
        cpu: 0.75,
    };
    Message { facts, sampled: Some(sampled), ..message }
}

fn cleared(seq: u64) -> Message {
    Message { epoch: 1, ..full(seq) }
}

/// Folder, name, bytes.
fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let stream = |messages: &[Message]| messages.iter().map(Message::encode).collect::<Vec<_>>().join(CUT);
    let mut odd_name = full(1);
    // A file name that is no UTF-8: a lone surrogate.
    odd_name.functions[0].file = pikos_wire::WireText(b"\xed\xb3\xbf.py".to_vec().into());
    let status =
        Status { pid: 4711, id: "host:4711:18a".into(), interval: 0.5, ncalls: 70_307, ..Status::default() };
    let request = |command| Request::new(command).encode();
    vec![
        ("messages", "full", stream(&[full(1)])),
        ("messages", "deltas", stream(&[full(1), delta(2, 1), delta(5, 1)])),
        ("messages", "late", stream(&[delta(4, 1), full(5), delta(6, 5)])),
        ("messages", "cleared", stream(&[full(1), cleared(2), delta(3, 2)])),
        ("messages", "ended", stream(&[full(1), last(2)])),
        (
            "messages",
            "tree",
            stream(&[with_tree(full(1), 1), with_tree(delta(2, 1), 1), with_tree(last(3), 3)]),
        ),
        (
            "messages",
            "tree-on-another-base",
            stream(&[with_tree(full(1), 1), with_tree(delta(4, 1), 3), delta(5, 1)]),
        ),
        ("messages", "samples", stream(&[sampled(full(1)), sampled(delta(2, 1)), sampled(last(3))])),
        ("messages", "name-without-utf8", stream(&[odd_name])),
        ("control", "pause", request(Command::Pause)),
        ("control", "interval", request(Command::Interval { seconds: 0.1 })),
        ("control", "rate", request(Command::Rate { hz: 250.0 })),
        (
            "control",
            "sampled",
            Reply::done(Status { counts: SAMPLES.into(), ..status.clone() }, false).encode(),
        ),
        ("control", "dump", request(Command::Dump { path: "/tmp/a.pstats".into() })),
        ("control", "done", Reply::done(status, true).encode()),
        ("control", "refused", Reply::refused("no such command").encode()),
    ]
}

#[test]
fn seeds_are_what_the_encoder_writes() {
    for (folder, name, bytes) in seeds() {
        let path = format!("{}/tests/seeds/{folder}/{name}", env!("CARGO_MANIFEST_DIR"));
        if std::env::var_os("PIKOS_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
        let kept = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(kept == bytes, "{path} is not what the encoder writes now; PIKOS_BLESS=1 writes it");
        // No seed is refused at the door: fuzzing would begin from nothing.
        match folder {
            "messages" => {
                let frames = bytes.windows(CUT.len()).filter(|window| *window == CUT).count() + 1;
                assert!(frames <= 3, "{name}: its bytes hold the cut");
            }
            _ => assert!(Request::decode(&bytes).is_ok() || Reply::decode(&bytes).is_ok(), "{name}"),
        }
    }
}
