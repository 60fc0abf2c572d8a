use super::*;

fn small() -> Message {
    Message {
        v: VERSION,
        id: "h:7:1".into(),
        seq: 1,
        base: 1,
        time: 2.0,
        age: 0.5,
        tick: 1e-9,
        interval: 0.5,
        functions: vec![Name { function: 0, file: "a.py".into(), line: 3, name: "f".into(), qualname: None }],
        threads: vec![ThreadRow { thread: 1, name: "MainThread".into(), native_id: 7, is_over: false }],
        rows: vec![FunctionRow {
            thread: 1,
            finished: Finished { ncalls: 2, primitive_calls: 1, tottime: -1, cumtime: 300 },
            gil_wait: Added(7),
            ..FunctionRow::default()
        }],
        edges: vec![EdgeRow {
            thread: 1,
            finished: Finished { ncalls: 1, ..Finished::default() },
            ..EdgeRow::default()
        }],
        ..Message::default()
    }
}

#[test]
fn the_bytes_are_pinned() {
    let expected: &[&[u8]] = &[
        b"\xde\x00\x11",
        b"\xa1v\x01",
        b"\xa4kind\xa4full",
        b"\xa2id\xa5h:7:1",
        b"\xa3seq\x01",
        b"\xa4base\x01",
        b"\xa5epoch\x00",
        b"\xa4time\xcb\x40\0\0\0\0\0\0\0",
        b"\xa3age\xcb\x3f\xe0\0\0\0\0\0\0",
        b"\xa4tick\xcb\x3e\x11\x2e\x0b\xe8\x26\xd6\x95",
        b"\xa6paused\xc2",
        b"\xa8interval\xcb\x3f\xe0\0\0\0\0\0\0",
        b"\xa7dropped\x00",
        b"\xa8overhead\x00",
        b"\xa9functions\x91\x95\x00\xa4a.py\x03\xa1f\xc0",
        b"\xa7threads\x91\x94\x01\xaaMainThread\x07\xc2",
        b"\xa4rows\x91\x9a\x01\x00\x02\x01\xff\xcd\x01\x2c\x00\x00\x00\x07",
        b"\xa5edges\x91\x9a\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00",
    ];
    assert_eq!(small().encode(), expected.concat());
}

#[test]
fn the_bytes_of_a_tree_are_pinned() {
    let mut message = small();
    let bytes = message.encode();
    message.tree = Some(TreePart {
        base: 1,
        nodes: vec![
            NodeRow {
                thread: 1,
                figures: NodeFigures { tottime: 5, cut_ncalls: 2, cut_tottime: 5, ..NodeFigures::default() },
                ..NodeRow::default()
            },
            NodeRow {
                thread: 1,
                node: 1,
                function: Some(0),
                figures: NodeFigures {
                    ncalls: 2,
                    tottime: 300,
                    open: Open { calls: 1, tottime: -1, cumtime: 128 },
                    ..NodeFigures::default()
                },
                ..NodeRow::default()
            },
        ],
    });
    let expected: &[&[u8]] = &[
        b"\xa4tree\x82\xa4base\x01",
        b"\xa5nodes\x92",
        b"\x9b\x01\x00\x00\xc0\x00\x05\x00\x00\x00\x02\x05",
        b"\x9b\x01\x01\x00\x00\x02\xcd\x01\x2c\x01\xff\xcc\x80\x00\x00",
    ];
    let with_tree = message.encode();
    assert_eq!(with_tree[2], bytes[2] + 1, "one key more");
    assert_eq!(with_tree[3..bytes.len()], bytes[3..], "and all others as without");
    assert_eq!(with_tree[bytes.len()..], expected.concat());
    assert_eq!(Message::decode(&with_tree).unwrap(), message);
    // What has no tree says not a word of it: older subscribers and newer ones see the same.
    message = Message { facts: Some(Facts::default()), ..small() };
    assert!(!message.encode().windows(4).any(|window| window == b"tree"));
}

#[test]
fn a_message_comes_back() {
    let mut message = small();
    message.kind = Kind::Delta;
    message.facts = Some(Facts { pid: 7, argv: vec!["a.py".into()], parent: Some(3), ..Facts::default() });
    message.end = Some(End { how: "signal".into(), detail: "SIGTERM".into() });
    // A file name that is no UTF-8: a lone surrogate.
    message.functions[0].file = WireText(b"\xed\xb3\xbf.py".to_vec().into());
    assert_eq!(Message::decode(&message.encode()).unwrap(), message);
}

#[test]
fn what_a_later_version_adds_is_skipped() {
    let mut bytes = small().encode();
    // One more key in the map, and one more field in the row.
    bytes[2] += 1;
    let row = b"\xa4rows\x91\x9a";
    let at = bytes.windows(row.len()).position(|window| window == row).unwrap() + row.len();
    bytes[at - 1] += 1;
    let end = bytes.windows(6).position(|window| window == b"\xa5edges").unwrap();
    bytes.splice(end..end, *b"\x92\x01\xa1x");
    bytes.extend_from_slice(b"\xa3new\x81\xa1a\x93\x01\x02\x03");
    assert_eq!(Message::decode(&bytes).unwrap(), small());
}

#[test]
fn a_row_of_an_earlier_version_has_waited_for_nothing() {
    let mut bytes = small().encode();
    let row = b"\xa4rows\x91\x9a";
    let at = bytes.windows(row.len()).position(|window| window == row).unwrap() + row.len();
    bytes[at - 1] -= 1;
    let end = bytes.windows(6).position(|window| window == b"\xa5edges").unwrap();
    bytes.remove(end - 1);
    let mut expected = small();
    expected.rows[0].gil_wait = Added(0);
    assert_eq!(Message::decode(&bytes).unwrap(), expected);
}

#[test]
fn another_version_and_garbage_are_errors() {
    let mut later = small();
    later.v = 2;
    assert!(matches!(Message::decode(&later.encode()), Err(WireError::Version(2))));
    let bytes = small().encode();
    for end in 0..bytes.len() {
        assert!(Message::decode(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(Message::decode(b"\x81\xa1v\xa1x").is_err());
    // A list that says it has four thousand million elements.
    assert!(Message::decode(b"\x82\xa1v\x01\xa4rows\xdd\xff\xff\xff\xff").is_err());
    assert!(Message::decode(&[0x91; 100_000]).is_err());
}
