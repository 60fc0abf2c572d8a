//! The summary of a run: what it says, of whom, and on how much room.

use pstats_compat::model::facts;
use pstats_compat::summary::{Paper, write};
use pstats_compat::{CallTree, Calls, Counts, Edge, Function, FunctionId, Node, NodeId, Profile, Unit};

const PLAIN: Paper = Paper { width: 100, colours: false };

fn summary(profile: &Profile, paper: &Paper) -> String {
    let mut text = Vec::new();
    write(profile, paper, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn function(file: &str, line: u32, name: &str, ncalls: u64, tottime: f64, cumtime: f64) -> Function {
    Function::new(
        file.into(),
        line,
        name.into(),
        Calls { ncalls, primitive_calls: ncalls, tottime, cumtime, ..Calls::default() },
    )
}

/// `main` of the user's loads by way of a package, and waits for a lock.
fn run() -> Profile {
    let functions = vec![
        function("/srv/app.py", 1, "<module>", 1, 0.1, 10.0),
        function("/srv/app.py", 5, "main", 1, 0.4, 9.5),
        function("/venv/lib/python3.12/site-packages/pack/io.py", 7, "load", 2, 1.0, 5.0),
        function("/srv/app.py", 9, "convert", 2_000_000, 4.0, 4.0),
        function("~", 0, "<method 'acquire' of '_thread.lock' objects>", 3, 4.1, 4.1),
        function("/usr/lib/python3.12/threading.py", 100, "_shutdown", 1, 0.4, 0.4),
    ];
    let edge = |caller, callee, ncalls, tottime, cumtime| Edge {
        caller: FunctionId(caller),
        callee: FunctionId(callee),
        calls: Calls { ncalls, primitive_calls: ncalls, tottime, cumtime, ..Calls::default() },
    };
    let edges = vec![
        edge(0, 1, 1, 0.4, 9.5),
        edge(1, 2, 2, 1.0, 5.0),
        edge(2, 3, 2_000_000, 4.0, 4.0),
        edge(1, 4, 3, 4.1, 4.1),
    ];
    let node = |parent: Option<u32>, function, ncalls, tottime| Node {
        parent: parent.map(NodeId),
        function: FunctionId(function),
        ncalls,
        tottime,
    };
    let nodes = vec![
        node(None, 0, 1, 0.1),
        node(Some(0), 1, 1, 0.4),
        node(Some(1), 2, 2, 1.0),
        node(Some(2), 3, 2_000_000, 4.0),
        node(Some(1), 4, 3, 4.1),
        node(None, 5, 1, 0.4),
    ];
    let mut profile =
        Profile { tree: Some(CallTree { nodes, ..CallTree::default() }), ..Profile::new(functions, edges) };
    let known = [
        (facts::COMMAND, "/venv/bin/python app.py -v"),
        (facts::FOLDER, "/srv"),
        (facts::PYTHON, "CPython 3.12.1"),
        (facts::ELAPSED, "10.2"),
        (facts::CPU, "6.1"),
    ];
    profile.metadata.facts = known.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    profile
}

#[test]
fn ones_own_code_is_in_front_and_others_work_for_it() {
    let expected = "\
python app.py -v
10.2 s elapsed, 6.10 s of CPU, 2,000,008 calls of 6 functions, CPython 3.12.1
10.0 s recorded; 41.0% of it waiting (4.10 s for locks and threads)

What stands out
- convert (app.py:9) itself takes 67.8% of the time not spent waiting, in 2,000,000 calls.
- 41.0% of the time is spent waiting for a lock, a queue or another thread, in
  {_thread.lock.acquire}, called by main (app.py:5).

Your code, and in it what it calls of others
 share    time      calls
 96.0%  9.60 s          1  <module>  app.py:1
 95.0%  9.50 s          1  └─ main  app.py:5
 40.0%  4.00 s  2,000,000     └─ convert  app.py:9
  4.0%  400 ms             {outside of your code}

Functions that take the most time themselves
 share     own      calls
 41.0%  4.10 s          3  {_thread.lock.acquire}  for main  app.py:5
 40.0%  4.00 s  2,000,000  convert  app.py:9
 10.0%  1.00 s          2  load  pack.io:7  for main  app.py:5
  4.0%  400 ms          1  main  app.py:5
  4.0%  400 ms          1  _shutdown  threading:100
  1.0%  100 ms          1  <module>  app.py:1
";
    assert_eq!(summary(&run(), &PLAIN), expected);
}

/// `convert` takes so long itself, and so long in what it calls.
fn let_convert_call_sum(profile: &mut Profile, itself: f64, of_sum: f64) {
    profile.functions[3].calls.tottime = itself;
    let nodes = &mut profile.tree.as_mut().unwrap().nodes;
    nodes[3].tottime = itself;
    nodes.push(Node { parent: Some(NodeId(3)), function: FunctionId(6), ncalls: 4, tottime: of_sum });
    profile.functions.push(function("~", 0, "<built-in method builtins.sum>", 4, of_sum, of_sum));
}

#[test]
fn a_function_that_takes_much_by_what_it_calls_of_others_stands_out() {
    let mut profile = run();
    let convert = &mut profile.functions[3];
    convert.file = "/venv/lib/python3.12/site-packages/pack/cells.py".into();
    // Of the time that isn't waiting, a third is in `convert`, which is told of, and as much in what that calls.
    let_convert_call_sum(&mut profile, 1.5, 1.5);
    let text = summary(&profile, &PLAIN).split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "- main (app.py:5) takes 89.8% of the time not spent waiting, 90.9% of that in load (pack.io:7), which it calls.";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn a_function_that_takes_much_only_with_what_it_calls_stands_out() {
    let mut profile = run();
    let_convert_call_sum(&mut profile, 1.2, 1.1);
    let text = summary(&profile, &PLAIN).split_whitespace().collect::<Vec<_>>().join(" ");
    let expected = "- convert (app.py:9) takes 54.8% of the time not spent waiting, in 2,000,000 calls, 52.2% of that itself.";
    assert!(text.contains(expected), "{text}");
}

#[test]
fn without_code_of_ones_own_all_is_shown() {
    let mut profile = run();
    for function in &mut profile.functions {
        if function.file.to_str_lossy() == "/srv/app.py" {
            function.file = "/usr/lib/python3.12/app.py".into();
        }
    }
    let text = summary(&profile, &PLAIN);
    assert!(text.contains("All functions: none is in a file of your own\n"), "{text}");
    assert!(text.contains("  └─ main  app:5\n") && !text.contains("for main"), "{text}");
}

#[test]
fn what_was_not_counted_has_no_counts() {
    let mut profile = run();
    profile.metadata.counts = Counts::Unknown;
    profile.metadata.unit = Unit::Other("samples".to_owned());
    let text = summary(&profile, &PLAIN);
    assert!(
        !text.contains("  calls")
            && !text.contains(" functions, ")
            && text.contains(" 40.0%  4 samples  convert"),
        "{text}"
    );
    // Without a tree the stacks are estimated, and it says so.
    profile.tree = None;
    assert!(summary(&profile, &PLAIN).contains("stacks are approximated from caller edges"));
}

#[test]
fn waiting_for_the_gil_is_told_beside_the_times() {
    let mut profile = run();
    let mut said = |waited: &str| {
        let facts = [(facts::THREADS, "5"), (facts::GIL_WAIT, waited)];
        profile.metadata.facts.retain(|(name, _)| facts.iter().all(|(known, _)| known != name));
        profile.metadata.facts.extend(facts.map(|(name, value)| (name.to_owned(), value.to_owned())));
        summary(&profile, &PLAIN)
    };
    let expected = "\
10.0 s in all 5 threads together; 41.0% of it waiting (4.10 s for locks and threads)
22.5 s more waiting for the GIL, in no function's time

What stands out";
    assert!(said("22.5").contains(expected), "{}", said("22.5"));
    // Hardly any, or none.
    for waited in ["0.1", "-1", "x"] {
        assert!(!said(waited).contains("GIL"), "{waited}");
    }
}

#[test]
fn who_waits_for_the_gil_most_stands_out() {
    let mut profile = run();
    profile.functions[3].gil_wait = 3.0;
    profile.functions[1].gil_wait = 1.0;
    let text = summary(&profile, &PLAIN);
    let told = "- Threads wait for the GIL most in convert (app.py:9): 3.00 s, 75.0% of all such waiting.";
    assert!(text.contains(told), "{text}");
    profile.functions[3].gil_wait = 0.03;
    profile.functions[1].gil_wait = 0.01;
    assert!(!summary(&profile, &PLAIN).contains("GIL"));
}

#[test]
fn nothing_is_said_of_nothing() {
    assert_eq!(summary(&Profile::default(), &PLAIN), "profile\nnothing was recorded\n");
}

#[test]
fn no_line_is_too_long_and_no_name_is_obeyed() {
    let mut profile = run();
    profile.functions[3].name = "\x1b[2J\u{202E}evil\n".repeat(30).as_str().into();
    profile.metadata.facts[0].1 = "python \x1b[2J.py".to_owned();
    for width in [40, 41, 80] {
        let text = summary(&profile, &Paper { width, colours: false });
        assert!(!text.contains(['\x1b', '\u{202E}']), "{text:?}");
        let longest =
            text.lines().filter(|line| !line.contains("evil")).map(|line| line.chars().count()).max();
        assert!(longest <= Some(width), "{text}");
    }
    let coloured = summary(&run(), &Paper { width: 80, colours: true });
    assert!(coloured.contains("\x1b[31m 95.0%\x1b[0m") && coloured.contains("\x1b[1mmain\x1b[0m"));
}
