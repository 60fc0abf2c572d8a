//! Threads stay apart: through each format that has room for them, in sums, and in what is made of a profile.

use pstats_compat::formats::{Format, ReadOptions, read_from};
use pstats_compat::hide::hide;
use pstats_compat::merge::{Merger, named};
use pstats_compat::{
    CallTree, Calls, Function, FunctionId, Metadata, Node, NodeId, Profile, Thread, check, threads,
};

/// Three threads, two of one name and one without; each has stacks of its own, and one that all have.
fn profile() -> Profile {
    let calls = |ncalls, tottime, cumtime| Calls {
        ncalls,
        primitive_calls: ncalls,
        tottime,
        cumtime,
        ..Calls::default()
    };
    let function = |name: &str, calls| Function::new("a.py".into(), 1, name.into(), calls);
    let functions = vec![
        function("run", calls(3, 3.5, 11.5)),
        function("one", calls(1, 1.0, 1.0)),
        function("two", calls(2, 2.0, 2.0)),
        function("three", calls(4, 5.0, 5.0)),
    ];
    let node = |parent: Option<u32>, function, ncalls, tottime| Node {
        parent: parent.map(NodeId),
        function: FunctionId(function),
        ncalls,
        tottime,
    };
    let nodes = vec![
        node(None, 0, 1, 0.5),
        node(Some(0), 1, 1, 1.0),
        node(None, 0, 1, 1.0),
        node(Some(2), 2, 2, 2.0),
        node(None, 0, 1, 2.0),
        node(Some(4), 3, 4, 5.0),
    ];
    let thread = |name: Option<&str>, id, first| Thread {
        name: name.map(Into::into),
        process: Some(4711),
        id,
        first: NodeId(first),
    };
    let threads = vec![
        thread(Some("wörker ☃"), Some(10), 0),
        thread(Some("wörker ☃"), Some(10), 2),
        thread(None, None, 4),
    ];
    let tree = CallTree { nodes, threads, ..CallTree::default() };
    let edges = [(1, 1.0, 1), (2, 2.0, 2), (3, 5.0, 4)].map(|(callee, time, ncalls)| pstats_compat::Edge {
        caller: FunctionId(0),
        callee: FunctionId(callee),
        calls: calls(ncalls, time, time),
    });
    Profile { tree: Some(tree), ..Profile::new(functions, edges.into()) }
}

fn through(format: Format, profile: &Profile) -> Profile {
    let mut bytes = Vec::new();
    format.write(profile, &mut bytes).expect("a Vec takes every byte");
    read(&bytes)
}

fn read(bytes: &[u8]) -> Profile {
    let profile = read_from(bytes, None, &ReadOptions::default()).expect("a profile");
    assert!(profile.tree.as_ref().is_some_and(|tree| tree.is_sound(profile.functions.len())));
    profile
}

/// Of each thread: what it is called, and its functions with their own times in microseconds.
fn parts(profile: &Profile) -> Vec<(String, Vec<(String, i64)>)> {
    let micro = |time: f64| (time * 1e6).round() as i64;
    let own = |part: &Profile| {
        let rows = part.functions.iter();
        let mut rows: Vec<_> = rows.map(|f| (f.name.to_string(), micro(f.calls.tottime))).collect();
        rows.sort();
        rows
    };
    threads::apart(profile).iter().map(|(name, part)| (name.clone(), own(part))).collect()
}

fn expected(names: [&str; 3]) -> Vec<(String, Vec<(String, i64)>)> {
    let rows = [
        [("one", 1_000_000), ("run", 500_000)],
        [("run", 1_000_000), ("two", 2_000_000)],
        [("run", 2_000_000), ("three", 5_000_000)],
    ];
    let row = |(name, time): (&str, i64)| (name.to_owned(), time);
    names.iter().zip(rows).map(|(name, rows)| ((*name).to_owned(), rows.map(row).into())).collect()
}

#[test]
fn each_format_keeps_them() {
    let whole = profile();
    let numbered = ["wörker ☃ (1)", "wörker ☃ (2)", "thread 3"];
    assert_eq!(parts(&whole), expected(numbered));
    assert_eq!(through(Format::Pikos, &whole), whole, "all that is known");
    for (format, names) in [
        (Format::Speedscope, numbered),
        (Format::Pprof, numbered),
        // A number that two have becomes another one's.
        (Format::Firefox, ["wörker ☃ (1)", "wörker ☃ (2)", "thread 3"]),
        (Format::Trace, ["wörker ☃ (1)", "wörker ☃ (2)", "thread 2"]),
    ] {
        let back = through(format, &whole);
        assert_eq!(parts(&back), expected(names), "{}", format.name());
    }
    let tree = through(Format::Speedscope, &whole).tree.expect("stacks");
    let names: Vec<_> =
        tree.threads.iter().flat_map(|thread| &thread.name).map(ToString::to_string).collect();
    assert_eq!(names, ["wörker ☃", "wörker ☃", "thread 3"]);
    for format in [Format::Firefox, Format::Trace] {
        let tree = through(format, &whole).tree.expect("stacks");
        assert!(tree.threads.iter().all(|thread| thread.process == Some(4711)));
        assert_eq!(tree.threads[0].id, Some(10));
        assert_eq!(tree.threads[1].name, tree.threads[0].name);
    }
    // Elsewhere they are added up, in one stack for each chain of callers.
    for format in [Format::Collapsed, Format::Cpuprofile] {
        let back = through(format, &whole);
        assert_eq!(back.tree.expect("stacks").nodes.len(), 4, "{}", format.name());
        assert_eq!(
            back.functions.iter().find(|f| f.name.to_string() == "run").map(|f| f.calls.tottime > 0.0),
            Some(true)
        );
    }
    let mut alone = whole.clone();
    alone.tree = alone.tree.map(|tree| tree.added_up().into_owned());
    let (mut apart, mut together) = (Vec::new(), Vec::new());
    Format::Svg.write(&whole, &mut apart).expect("a Vec");
    Format::Svg.write(&alone, &mut together).expect("a Vec");
    assert!(apart == together, "equal stacks of two threads have one box");
    // A page has the whole profile in it.
    assert_eq!(parts(&through(Format::Html, &whole)), expected(numbered));
}

#[test]
fn what_tells_nothing_apart_has_none() {
    let mut whole = profile();
    whole.tree.as_mut().expect("stacks").threads.clear();
    for format in [Format::Pikos, Format::Speedscope, Format::Pprof, Format::Firefox, Format::Trace] {
        let back = through(format, &whole);
        assert_eq!(back.tree.as_ref().map(|tree| tree.threads.len()), Some(0), "{}", format.name());
        assert_eq!(threads::apart(&back), []);
    }
}

#[test]
fn a_part_has_the_figures_of_its_own_stacks() {
    let parts = threads::apart(&profile());
    let (_, two) = &parts[1];
    assert_eq!(check::check(two), []);
    let row = |name: &str| two.functions.iter().find(|f| f.name.to_string() == name).map(|f| f.calls);
    assert_eq!(
        row("run"),
        Some(Calls { ncalls: 1, primitive_calls: 1, tottime: 1.0, cumtime: 3.0, ..Calls::default() })
    );
    assert_eq!(
        row("two"),
        Some(Calls { ncalls: 2, primitive_calls: 2, tottime: 2.0, cumtime: 2.0, ..Calls::default() })
    );
    assert_eq!((two.functions.len(), two.edges.len(), two.edges[0].calls.ncalls), (2, 1, 2));
}

#[test]
fn in_a_sum_equal_threads_are_one_and_others_stand_beside() {
    let mut merger = Merger::new();
    merger.add(profile()).expect("the first");
    merger.add(profile()).expect("the second");
    let sum = merger.finish();
    let doubled = expected(["wörker ☃ (1)", "wörker ☃ (2)", "thread 3"]).into_iter();
    let doubled: Vec<_> = doubled
        .map(|(name, rows)| (name, rows.into_iter().map(|(row, time)| (row, 2 * time)).collect::<Vec<_>>()))
        .collect();
    assert_eq!(parts(&sum), doubled);
    let mut merger = Merger::new();
    merger.add(profile()).expect("the first");
    let mut other = profile();
    other.tree.as_mut().expect("stacks").threads.iter_mut().for_each(|thread| thread.process = Some(1));
    merger.add(other).expect("another process");
    let mut whole = profile();
    whole.tree.as_mut().expect("stacks").threads.clear();
    merger.add(whole).expect("one whose threads are not told apart");
    let sum = merger.finish();
    let names: Vec<String> = parts(&sum).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        [
            "wörker ☃, process 4711 (1)",
            "wörker ☃, process 4711 (2)",
            "thread 3, process 4711",
            "wörker ☃, process 1 (4)",
            "wörker ☃, process 1 (5)",
            "thread 6, process 1",
            "thread 7",
        ]
    );
    assert_eq!(check::check(&sum), []);
    assert_eq!(through(Format::Pikos, &sum).tree, sum.tree);
}

#[test]
fn what_is_made_of_stacks_stays_in_their_thread() {
    let whole = profile();
    let tree = whole.tree.as_ref().expect("stacks").collapse_recursion();
    assert_eq!(&tree, whole.tree.as_ref().expect("stacks"), "there is no recursion");
    // Without what all have at the bottom.
    let shown = hide(&whole, &[true, false, false, false]).profile;
    let names = |profile: &Profile| {
        let parts = threads::apart(profile).into_iter();
        parts
            .map(|(_, part)| part.functions.iter().map(|f| f.name.to_string()).collect())
            .collect::<Vec<Vec<_>>>()
    };
    assert_eq!(names(&shown), [["one"], ["two"], ["three"]]);
    let below = named(whole.clone(), "x");
    assert_eq!(
        names(&below),
        [["x", "run [x]", "one [x]"], ["x", "run [x]", "two [x]"], ["x", "run [x]", "three [x]"]]
    );
    assert_eq!(check::check(&below), []);
    let mut renamed = whole;
    renamed.functions[2].name = "one".into();
    renamed.merge_labels();
    assert_eq!(names(&renamed), [["run", "one"], ["run", "one"], ["run", "three"]]);
    // A stack on another thread's.
    let mut broken = profile();
    broken.tree.as_mut().expect("stacks").nodes[3].parent = Some(NodeId(0));
    let found = check::check(&broken);
    assert!(found.iter().any(|finding| finding.severity == check::Severity::Unsound), "{found:?}");
}

#[test]
fn others_say_in_their_stacks_which_thread_they_are_of() {
    let ids = |text: &[u8]| {
        let profile = read(text);
        let tree = profile.tree.expect("stacks");
        let known = tree
            .threads
            .iter()
            .map(|thread| (thread.name.as_ref().map(ToString::to_string), thread.process, thread.id));
        known.collect::<Vec<_>>()
    };
    let main = || Some("MainThread".to_owned());
    // Their stacks take turns.
    let spied = b"process 7:\"python a.py\";thread (8): MainThread;main (a.py:1);f (a.py:3) 3\n\
        process 7:\"python a.py\";process 9:\"sh -c 'x'\";thread (0x7F00);g (a.py:9) 4\n\
        process 7:\"python a.py\";thread (8): MainThread;main (a.py:1) 5\n";
    assert_eq!(ids(spied), [(main(), Some(7), Some(8)), (None, Some(9), Some(0x7F00))]);
    let profile = read(spied);
    let parts = threads::apart(&profile);
    assert_eq!(
        (parts[0].0.as_str(), parts[1].0.as_str()),
        ("MainThread, process 7", "thread 32512, process 9")
    );
    let total = |part: &Profile| part.functions.iter().map(|f| f.calls.tottime).sum::<f64>();
    assert_eq!((total(&parts[0].1), total(&parts[1].1), total(&profile)), (8.0, 4.0, 12.0));
    let austin = b"P1;T0:2;a.py:f:3 1000\nP1;T0:3;a.py:f:3 1000\nP1;T0:2;a.py:g:3 1000\n";
    assert_eq!(ids(austin), [(None, Some(1), Some(2)), (None, Some(1), Some(3))]);
    assert_eq!(ids(b"main;f 3\nmain;g 4\n"), []);
    let partly = b"thread (8): MainThread;main 3\nmain;g 4\n";
    assert_eq!(ids(partly), [(main(), None, Some(8)), (None, None, None)]);
    let session = br#"{"frame_records": [[["MainThread\u0000<thread>\u000012", "f\u0000a.py\u00001"], 1.0],
        [["MainThread\u0000<thread>\u000013", "f\u0000a.py\u00001"], 2.0]], "target_description": "x"}"#;
    assert_eq!(ids(session), [(main(), None, Some(12)), (main(), None, Some(13))]);
    let perf = b"python3 my 42/43 [001] 1.5: 250 cycles:u: \n\t    7f PyObject_Call+0x12 (/l.so)\n\n\
        sh 7 1.5: 250 cycles:u: \n\t    7f PyObject_Call+0x12 (/l.so)\n\n";
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(ids(perf), [(named("python3 my"), Some(42), Some(43)), (named("sh"), None, Some(7))]);
    let trace = br#"[{"ph": "X", "name": "f", "ts": 1, "dur": 2, "pid": 1, "tid": "main"},
        {"ph": "M", "name": "thread_name", "pid": 1, "tid": 5, "args": {"name": "MainThread"}},
        {"ph": "X", "name": "f", "ts": 1, "dur": 2, "pid": 1, "tid": 5},
        {"ph": "X", "name": "f", "ts": 1, "dur": 2, "pid": "2", "tid": 5}]"#;
    assert_eq!(
        ids(trace),
        [(named("main"), Some(1), None), (main(), Some(1), Some(5)), (None, Some(2), Some(5))]
    );
}

#[test]
fn threads_of_a_file_that_was_cut_are_there_with_their_stacks_or_not_at_all() {
    let whole = Profile { metadata: Metadata { compensated: true, ..Metadata::default() }, ..profile() };
    let mut bytes = Vec::new();
    Format::Pikos.write(&whole, &mut bytes).expect("a Vec");
    let mut seen = [false, false];
    for end in 0..bytes.len() {
        let Ok(part) = read_from(&bytes[..end], None, &ReadOptions::default()) else { continue };
        assert!(part.tree.is_none() || part.tree == whole.tree, "{end}");
        seen[usize::from(part.tree.is_some())] = true;
    }
    assert_eq!(seen, [true, true]);
}
