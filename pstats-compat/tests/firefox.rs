//! The Firefox Profiler's files: tables that threads share or have of their own, and tables that are not sound.

use pstats_compat::formats::firefox;
use pstats_compat::{Error, Profile};

/// Own and cumulative time of each function with any, by name.
fn rows(profile: &Profile) -> Vec<(String, f64, f64)> {
    let row = |f: &pstats_compat::Function| (f.display_name().into_owned(), f.calls.tottime, f.calls.cumtime);
    let mut rows: Vec<_> = profile.functions.iter().map(row).filter(|row| row.2 != 0.0).collect();
    rows.sort_by(|a, b| a.0.cmp(&b.0));
    rows
}

fn read(json: &str) -> Result<Profile, Error> {
    firefox::read(json.as_bytes())
}

fn assert_rows(json: &str, expected: &[(&str, f64, f64)]) {
    let found = rows(&read(json).expect(json));
    let found: Vec<_> =
        found.iter().map(|(name, own, cumulative)| (name.as_str(), *own, *cumulative)).collect();
    assert_eq!(found, expected, "{json}");
}

const SHARED: &str = r#""stringArray": ["main", "a.py", "work", "rest"],
    "frameTable": {"func": [0, 1, 2]},
    "funcTable": {"name": [0, 2, 3], "fileName": [1, 1, null], "lineNumber": [3, 5, null], "resource": [-1, -1, -1]},
    "stackTable": {"prefix": [null, 0, 1], "frame": [0, 1, 2]}"#;

fn document(threads: &str) -> String {
    format!(r#"{{"meta": {{}}, "libs": [], "shared": {{{SHARED}}}, "threads": [{threads}]}}"#)
}

#[test]
fn threads_with_tables_of_their_own_stand_beside_those_that_share() {
    let sharing = r#"{"samples": {"stack": [1, null, 2]}}"#;
    let own = r#"{"samples": {"stack": [0]}, "stringArray": ["own"], "frameTable": {"func": [0]},
        "funcTable": {"name": [0]}, "stackTable": {"prefix": [null], "frame": [0]}}"#;
    assert_rows(
        &document(&[sharing, own, sharing].join(",")),
        &[("main", 0.0, 4.0), ("own", 1.0, 1.0), ("rest", 2.0, 2.0), ("work", 2.0, 4.0)],
    );
    // Some of them own: other stacks of the same frames, and other names of the same stacks.
    let stacks = r#"{"samples": {"stack": [0]}, "stackTable": {"prefix": [1, null], "frame": [1, 2]}}"#;
    let names = r#"{"samples": {"stack": [1]}, "stringArray": ["other", "b.py", "names", "rest"]}"#;
    assert_rows(
        &document(&[stacks, sharing, names].join(",")),
        &[
            ("main", 0.0, 2.0),
            ("names", 1.0, 1.0),
            ("other", 0.0, 1.0),
            ("rest", 1.0, 2.0),
            ("work", 2.0, 3.0),
        ],
    );
}

#[test]
fn a_stack_may_say_how_far_above_it_the_one_below_stands() {
    let offsets = SHARED.replace("\"prefix\": [null, 0, 1]", "\"prefixOffset\": [0, 1, 1]");
    let of = |shared: &str| {
        format!(
            r#"{{"meta": {{}}, "shared": {{{shared}}}, "threads": [{{"samples": {{"stack": [1, 2, 0]}}}}]}}"#
        )
    };
    assert_rows(&of(&offsets), &[("main", 1.0, 3.0), ("rest", 1.0, 1.0), ("work", 1.0, 2.0)]);
    for (offset, problem) in
        [("2", "there is no stack"), ("-1", "there is no stack"), ("0.5", "there is no stack")]
    {
        let wrong = offsets.replace("[0, 1, 1]", &format!("[0, {offset}, 1]"));
        let error = read(&of(&wrong)).expect_err("no such stack").to_string();
        assert!(
            error.starts_with("shared.stackTable.prefixOffset[1]: ") && error.contains(problem),
            "{error}"
        );
    }
}

#[test]
fn threads_without_samples_need_nothing() {
    for nothing in
        ["", "{}", r#"{"samples": null}"#, r#"{"samples": {}}"#, r#"{"samples": {"stack": [null, null]}}"#]
    {
        assert_rows(&document(nothing), &[]);
        assert_rows(&format!(r#"{{"meta": {{}}, "libs": [], "threads": [{nothing}]}}"#), &[]);
    }
    // What no sample names may be anything: it is not looked at.
    let json = document(r#"{"samples": {"stack": [0]}}"#);
    assert_rows(&json.replace("[null, 0, 1]", "[null, 2, 1]"), &[("main", 1.0, 1.0)]);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let whole = document(r#"{"samples": {"stack": [1, 2], "weight": [1, 2], "weightType": "samples"}}"#);
    assert_rows(&whole, &[("main", 0.0, 3.0), ("rest", 2.0, 2.0), ("work", 1.0, 3.0)]);
    for (old, new, told) in [
        ("[null, 0, 1]", "[null, 1, 1]", "shared.stackTable.prefix[1]: this stack stands above itself"),
        ("[null, 0, 1]", "[1, 0, 1]", "shared.stackTable.prefix[1]: this stack stands above itself"),
        ("[null, 0, 1]", "[null, 3, 1]", "shared.stackTable.prefix[1]: there is no stack 3"),
        ("[null, 0, 1]", "[null, -1, 1]", "shared.stackTable.prefix[1]: there is no stack -1"),
        ("[null, 0, 1]", "[null, 0.5, 1]", "shared.stackTable.prefix[1]: there is no stack 0.5"),
        ("[null, 0, 1]", "[null, \"0\", 1]", "shared.stackTable.prefix[1]: it is no number"),
        ("[null, 0, 1]", "[null, 0]", "threads[0].stackTable: its columns are not equally long"),
        ("\"frame\": [0, 1, 2]", "\"frame\": [0, 1, 3]", "shared.stackTable.frame[2]: there is no frame 3"),
        ("\"frame\": [0, 1, 2]", "\"frame\": [0, -1, 2]", "shared.stackTable.frame[1]: there is no frame -1"),
        ("\"frame\": [0, 1, 2]", "\"frame\": [0, null, 2]", "shared.stackTable.frame[1]: it names no frame"),
        ("\"func\": [0, 1, 2]", "\"func\": [0, null, 2]", "shared.frameTable.func[1]: it names no function"),
        ("\"func\": [0, 1, 2]", "\"func\": [0, 9, 2]", "shared.frameTable.func[1]: there is no function 9"),
        ("\"name\": [0, 2, 3]", "\"name\": [0, null, 3]", "shared.funcTable.name[1]: it names no text"),
        ("\"name\": [0, 2, 3]", "\"name\": [0, 4, 3]", "shared.funcTable.name[1]: there is no text 4"),
        ("[1, 1, null]", "[1, -1, null]", "shared.funcTable.fileName[1]: there is no text -1"),
        ("[3, 5, null]", "[-3, 5, null]", "shared.funcTable.lineNumber[0]: there is no line -3"),
        ("\"stack\": [1, 2]", "\"stack\": [3, 2]", "threads[0].samples.stack[0]: there is no stack 3"),
        ("\"stack\": [1, 2]", "\"stack\": [1, -2]", "threads[0].samples.stack[1]: there is no stack -2"),
        ("\"weight\": [1, 2]", "\"weight\": [1, {}]", "threads[0].samples.weight[1]: it is no number"),
        ("\"weight\": [1, 2]", "\"weight\": [1]", "threads[0].samples.weight: not as many as there are"),
        ("\"prefix\"", "\"prefixes\"", "threads[0].stackTable.prefix: it is missing"),
        ("\"func\"", "\"funcs\"", "threads[0].frameTable.func: it is missing"),
        ("\"stringArray\"", "\"strings\"", "threads[0].stringArray: it is missing"),
        // A column that stands there twice, a table, and what shares its name with one.
        ("\"func\": ", "\"func\": [], \"func\": ", "`func` stands there twice"),
        ("\"stack\": ", "\"stack\": [0], \"stack\": ", "`stack` stands there twice"),
        ("\"frameTable\": ", "\"frameTable\": {}, \"frameTable\": ", "duplicate field `frameTable`"),
        ("\"stringArray\": ", "\"stringTable\": [], \"stringArray\": ", "duplicate field `stringArray`"),
    ] {
        assert!(whole.contains(old), "{old}");
        let error = read(&whole.replacen(old, new, 1)).expect_err(told).to_string();
        assert!(error.contains(told), "{error}, not {told}");
    }
}

#[test]
fn geckos_rows_are_named_as_well() {
    let whole = r#"{"meta": {}, "libs": [], "threads": [], "processes": [{"threads": [{},
        {"samples": {"data": [[0, 1], [null, 2], [], [1]], "schema": {"time": 1, "stack": 0}},
         "stackTable": {"schema": {"prefix": 0, "frame": 1}, "data": [[null, 0], [0, 1]]},
         "frameTable": {"schema": {"location": 0, "line": 2}, "data": [[0, false, 12], [1]]},
         "stringTable": ["main (app.py:3)", "malloc (in libc.so)"]}]}]}"#;
    assert_rows(whole, &[("main", 1.0, 2.0), ("malloc", 1.0, 1.0)]);
    for (old, new, told) in [
        ("[[0, 1], ", "[[-1, 1], ", "processes[0].threads[1].samples.stack[0]: there is no stack -1"),
        ("[[0, 1], ", "[[\"0\", 1], ", "processes[0].threads[1].samples.stack[0]: it is no number"),
        (
            "[0, 1]]",
            "[1, 1]]",
            "processes[0].threads[1].stackTable.prefix[1]: this stack stands above itself",
        ),
        ("[0, 1]]", "[0]]", "processes[0].threads[1].stackTable.frame[1]: it names no frame"),
        ("[1]]", "[null]]", "processes[0].threads[1].frameTable.location[1]: it names no text"),
        ("\"location\"", "\"place\"", "processes[0].threads[1].frameTable.func: it is missing"),
        ("\"stack\": 0", "\"stack\": 0, \"stack\": 1", "duplicate field `stack`"),
    ] {
        assert!(whole.contains(old), "{old}");
        // The last one: a sample's row looks like a frame's.
        let place = whole.rfind(old).expect(old);
        let json = [&whole[..place], new, &whole[place + old.len()..]].concat();
        let error = read(&json).expect_err(told).to_string();
        assert!(error.contains(told), "{error}, not {told}");
    }
}

#[test]
fn a_deep_stack_takes_no_stack_of_ours() {
    let depth = 50_000;
    // Those above come first: no order is asked for.
    let prefix: Vec<String> = (1..depth).map(|stack| stack.to_string()).collect();
    let json = format!(
        r#"{{"threads": [{{"samples": {{"stack": [0]}}, "stringArray": ["f"], "funcTable": {{"name": [0]}},
           "frameTable": {{"func": [0]}}, "stackTable": {{"prefix": [{},null], "frame": [{}]}}}}]}}"#,
        prefix.join(","),
        vec!["0"; depth].join(",")
    );
    let profile = read(&json).expect("a deep stack");
    assert_eq!(profile.tree.as_ref().expect("stacks").nodes.len(), depth);
    assert_eq!(rows(&profile), [("f".to_owned(), 1.0, 1.0)]);
    let circle = json.replace(",null]", ",0]");
    assert!(read(&circle).expect_err("a circle").to_string().contains("stands above itself"));
}
