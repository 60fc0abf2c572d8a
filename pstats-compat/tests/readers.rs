//! What others write, and what surrounds it: gzip, encodings, comments, several profiles in one file.

mod support;

use std::io::{Cursor, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use pstats_compat::check::{Severity, check};
use pstats_compat::diff::{Diff, Noise};
use pstats_compat::formats::flamegraph::Difference;
use pstats_compat::formats::page;
use pstats_compat::formats::{
    Format, ReadOptions, cpuprofile, json, pprof, pstats, pyinstrument, read_from, speedscope, trace,
};
use pstats_compat::{Counts, Error, Profile, Unit};

fn written(format: Format, profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    format.write(profile, &mut bytes).expect("a Vec takes every byte");
    bytes
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).expect("a Vec takes every byte");
    out.finish().expect("a Vec takes every byte")
}

fn open(bytes: &[u8], name: &str) -> Result<Profile, Error> {
    read_from(Cursor::new(bytes), (!name.is_empty()).then(|| Path::new(name)), &ReadOptions::default())
}

fn refused(bytes: &[u8], name: &str) -> String {
    open(bytes, name).expect_err(name).to_string()
}

/// Name, file, line, calls, own and cumulative time, of what took any.
fn rows(profile: &Profile) -> Vec<(String, String, u32, u64, f64, f64)> {
    let row = |f: &pstats_compat::Function| {
        (
            f.display_name().into_owned(),
            f.file.to_string(),
            f.line,
            f.calls.ncalls,
            f.calls.tottime,
            f.calls.cumtime,
        )
    };
    let mut rows: Vec<_> = profile.functions.iter().map(row).filter(|row| row.5 != 0.0).collect();
    rows.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
    rows
}

fn total(profile: &Profile) -> f64 {
    profile.functions.iter().map(|f| f.calls.tottime).sum()
}

/// Name, calls, own and cumulative time.
fn assert_rows(profile: &Profile, expected: &[(&str, u64, f64, f64)]) {
    let found = rows(profile);
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, (name, ncalls, own, cumulative)) in found.iter().zip(expected) {
        assert_eq!((found.0.as_str(), found.3), (*name, *ncalls), "{found:?}");
        assert!(
            (found.4 - own).abs() < 1e-9 && (found.5 - cumulative).abs() < 1e-9,
            "{found:?}, {own}, {cumulative}"
        );
    }
    let unsound = check(profile).into_iter().filter(|finding| finding.severity == Severity::Unsound);
    assert_eq!(unsound.map(|finding| finding.message).collect::<Vec<_>>(), Vec::<String>::new());
}

#[test]
fn every_readable_format_is_known_by_its_content_packed_or_not() {
    let profile = support::sample_with_tree();
    for format in Format::all().filter(|format| format.is_written() && format.reader().is_some()) {
        let name = format.name();
        let bytes = written(format, &profile);
        let plain = format.reader().expect("a reader")(&bytes).expect(name);
        for (bytes, called) in [
            (bytes.clone(), ""),
            (packed(&bytes), ""),
            (packed(&packed(&bytes)), "x.gz.gz"),
            (packed(&bytes), "misleading.md"),
        ] {
            let read = open(&bytes, called).unwrap_or_else(|error| panic!("{name}, {called}: {error}"));
            assert_eq!(read, plain, "{name}, {called}");
        }
    }
    let many = packed(&packed(&packed(&packed(b"a;b 1\n"))));
    assert!(refused(&many, "").contains("four times over"));
}

#[test]
fn a_packed_file_is_whole_or_refused() {
    let bytes = packed(&written(Format::Callgrind, &support::sample()));
    for end in [3, 12, bytes.len() / 2, bytes.len() - 9, bytes.len() - 1] {
        let error = refused(&bytes[..end], "x.callgrind.gz");
        assert!(error.contains("gzip"), "{end}: {error}");
    }
    let mut broken = bytes.clone();
    *broken.last_mut().expect("not empty") ^= 1;
    assert!(refused(&broken, "").contains("not sound"), "the length is wrong");
    // A stack of 70,000 lines is more than what is looked at first.
    let many = "main;work 3\n".repeat(70_000);
    let read = open(&packed(many.as_bytes()), "x").expect("collapsed");
    assert_eq!(total(&read), 210_000.0);
}

#[test]
fn what_has_no_end_or_no_content_is_refused() {
    struct Endless(u8, usize);
    impl Read for Endless {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            self.1 += to.len();
            assert!(self.1 < 1 << 24, "read too much of it");
            to.fill(self.0);
            Ok(to.len())
        }
    }
    for byte in [0, b'x', 0xFF, b'\n', b' '] {
        let error = read_from(Endless(byte, 0), None, &ReadOptions::default());
        assert!(error.is_err(), "{byte}");
    }
    assert_eq!(refused(b"", "x.prof"), "this is an empty file");
    assert_eq!(refused(&packed(b""), "x.gz"), "this is an empty file, packed with gzip");
    let bomb = packed(&vec![0; 1 << 25]);
    assert!(bomb.len() < 1 << 18);
    assert!(open(&bomb, "x.callgrind.gz").is_err());
    let folder = std::fs::File::open(env!("CARGO_MANIFEST_DIR")).expect("a folder");
    let error = read_from(folder, None, &ReadOptions::default()).expect_err("a folder").to_string();
    assert_eq!(error, "this is a folder: name the files in it");
}

#[test]
fn a_stack_has_a_greatest_depth() {
    let line = format!("{} 1\n", vec!["f"; 1_000_001].join(";"));
    assert!(refused(line.as_bytes(), "").contains("a deeper one"));
}

#[test]
fn an_unknown_file_gets_the_list_of_what_is_read() {
    let error = refused(b"import os\nprint(os)\n", "x.py");
    assert_eq!(
        error,
        "unknown format; pikos reads pstats, pikos, callgrind, collapsed, speedscope, html, pprof, firefox, cpuprofile, trace, pyinstrument, perf, json"
    );
    let nested = vec![b'{'; 100_000];
    assert!(refused(&nested, "x.pstats").contains("expected a label (file, line, name), found a dict"));
    assert!(
        refused(b"c__builtin__\nopen\n", "x.pstats").starts_with("byte 0: expected the dict of a profile")
    );
    assert!(refused(b"Flat profile:\n", "x.prof").starts_with("this is the text of gprof"));
    let error = refused(b"{\"a\": 1}", "x.json");
    assert!(error.starts_with("this is JSON of no kind"), "{error}");
    assert!(refused(b"<!doctype html><html><title>x</title>", "x.html").contains("a page: open it"));
    assert!(refused(&written(Format::Svg, &support::sample()), "x").contains("a picture"));
    assert!(refused(&written(Format::Dot, &support::sample()), "x").contains("Graphviz"));
    assert!(refused(&written(Format::Text, &support::sample()), "x").contains("pstats prints"));
    assert!(refused(&written(Format::Csv, &support::sample()), "x.csv").contains("a csv file by its name"));
}

#[test]
fn a_page_holds_the_whole_profile() {
    let mut profile = support::sample();
    profile.edges.sort_by_key(|edge| (edge.callee, edge.caller));
    let page = written(Format::Html, &profile);
    assert_eq!(open(&page, "x.html").expect("our page"), profile);
    assert_eq!(open(&page, "").expect("our page, by its content"), profile);
    let mut named = profile.clone();
    named.functions[0].name = "</script><script type=\"application/octet-stream\" id=\"profile\">".into();
    assert_eq!(open(&written(Format::Html, &named), "").expect("the one in its place"), named);
    // Cut anywhere, it says so, or gives what is whole of it.
    let packed = page.windows(12).position(|window| window == b"id=\"profile\"").expect("it is in it");
    let after = page.len() - page[packed..].len() + 60;
    let notes = |bytes: &[u8]| open(bytes, "x.html").map(|profile| profile.metadata.notes);
    for end in (packed..page.len()).step_by(7) {
        match notes(&page[..end]) {
            Ok(notes) if notes.is_empty() => assert!(end > after),
            Ok(notes) => assert!(notes[0].contains("cut short"), "{notes:?}"),
            Err(error) => assert!(end < page.len(), "{error}"),
        }
    }
    let diff = Diff::new(&profile, &profile, Noise { part: 0.0, seconds: 0.0 }).expect("comparable");
    let mut difference = Vec::new();
    page::write_difference(&Difference::of(&diff), "x", &mut difference).expect("written");
    assert!(refused(&difference, "x.html").contains("without a profile in it"));
}

#[test]
fn collapsed_stacks_are_known_by_their_lines() {
    let read = open(b"# a comment\n// another one\n\na;b 3\r\na;c 4.5\n", "x.txt").expect("stacks");
    assert_eq!(total(&read), 7.5);
    // py-spy's.
    let read = open(b"<module> (w.py:7);main (w.py:6);busy (w.py:4) 25\n", "").expect("stacks");
    let found = rows(&read);
    assert_eq!((found[1].0.as_str(), found[1].1.as_str(), found[1].2, found[1].4), ("busy", "w.py", 4, 25.0));
    // Where a thread runs nothing of Python's, py-spy writes a number alone.
    let read = open(b"main (w.py:6);busy (w.py:4) 25\n 2\n", "").expect("stacks");
    assert_eq!((total(&read), rows(&read).remove(0).0.as_str()), (27.0, "(unknown)"));
    assert!(open(b"  3\n  4\n", "").is_err(), "numbers are no stacks");
    // PowerShell's `>`.
    let wide: Vec<u8> = "\u{feff}a;b 3\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(total(&open(&wide, "").expect("stacks")), 3.0);
    // A name may begin like a comment.
    assert_eq!(total(&open(b"#anonymous;b 3\n", "").expect("a stack")), 3.0);
    // A tool's warning among them, and what is no file of stacks.
    let read = open(b"a 1\nb 2\nsomething went wrong\na;c 3\na;b 4\n", "").expect("four stacks");
    assert_eq!(total(&read), 10.0);
    assert_eq!(
        read.metadata.notes,
        ["1 line is left out: in line 3, what follows the last space is not a number"]
    );
    for text in ["a 1\nhello\n", "Chapter 1\nIt was a dark night.\nChapter 2\n", "# 3\n", "\n\n"] {
        assert!(open(text.as_bytes(), "").is_err(), "{text}");
    }
    let read = open(b"a;b 10 12\na;c 3 0\n", "x.folded").expect("a difference");
    assert_eq!((total(&read), read.metadata.notes.len()), (12.0, 1));
}

#[test]
fn austin_says_what_it_measured() {
    let text = b"# austin: 3.6.0\n# interval: 100\n# mode: wall\n\n\
        P42;T0:42;app.py:<module>:9;app.py:main:5 1500\nP42;T0:42;app.py:<module>:8;app.py:main:4 500\n\
        P42;T0:42;app.py:<module>:9;C:\\lib\\b.py:run:3 250\n# duration: 2250\n";
    let read = open(text, "x.austin").expect("Austin's");
    assert_eq!(read.metadata.unit, Unit::Seconds);
    assert_rows(
        &read,
        &[
            ("<module>", 0, 0.0, 0.00225),
            ("P42", 0, 0.0, 0.00225),
            ("T0:42", 0, 0.0, 0.00225),
            ("main", 0, 0.002, 0.002),
            ("run", 0, 0.00025, 0.00025),
        ],
    );
    let main = rows(&read).remove(3);
    assert_eq!((main.1.as_str(), main.2), ("app.py", 4), "all lines of a function are one");
    assert_eq!(rows(&read).remove(4).1, "C:\\lib\\b.py");
    let bare = open(b"P1;T2;a.py:f:3 1000,1,0\nP1;T2;a.py:f:4 500,0,-20\n", "").expect("without a head");
    assert!((total(&bare) - 0.0015).abs() < 1e-12);
    let memory = open(b"# austin: 3.6.0\n# mode: memory\nP1;T2;a.py:f:3 4096\n", "").expect("memory");
    assert_eq!((total(&memory), memory.metadata.unit), (4096.0, Unit::Other("bytes".to_owned())));
}

#[test]
fn our_json_comes_back_whole() {
    let mut samples = pstats("sampled-3.15");
    samples.metadata.title = Some("a title".into());
    let mut odd = support::sample();
    odd.functions[1].calls.cumtime = f64::NAN;
    for profile in
        [pstats("cprofile-3.13"), pstats("profile-3.11"), pstats("pyinstrument"), samples, support::sample()]
    {
        let mut back = json::read(&written(Format::Json, &profile)).expect("our own");
        let mut profile = profile;
        // The format has no bytes that are no text, and drops the order of edges for that of their callees.
        for functions in [&mut back.functions, &mut profile.functions] {
            functions.iter_mut().for_each(|f| f.file = f.file.to_str_lossy().as_ref().into());
        }
        // serde_json may miss the last bit of a number.
        let round = |time: &mut f64| *time = (*time * 1e15).round() * 1e-15;
        for profile in [&mut back, &mut profile] {
            let edges = profile.edges.iter_mut().map(|edge| &mut edge.calls);
            for calls in profile.functions.iter_mut().map(|function| &mut function.calls).chain(edges) {
                round(&mut calls.tottime);
                round(&mut calls.cumtime);
            }
        }
        back.edges.sort_by_key(|edge| (edge.callee, edge.caller));
        profile.edges.sort_by_key(|edge| (edge.callee, edge.caller));
        assert_eq!(back.functions, profile.functions);
        assert_eq!(back.metadata, profile.metadata);
        for (back, edge) in back.edges.iter().zip(&profile.edges) {
            assert_eq!(back, edge);
        }
        assert_eq!(back.edges.len(), profile.edges.len());
    }
    assert!(json::read(&written(Format::Json, &odd)).expect("our own").functions[1].calls.cumtime.is_nan());
    let text = String::from_utf8(written(Format::Json, &support::sample())).expect("text");
    for (from, to, expected) in [
        ("\"version\":1", "\"version\":2", "only `pikos-profile` 1 can be read"),
        ("\"counts\":\"calls\"", "\"counts\":\"cows\"", "counts: `cows` is none"),
        ("\"edges\":\"full\"", "\"edges\":\"half\"", "edges: `half` is none"),
        ("\"callers\":[{\"function\":0", "\"callers\":[{\"function\":99", "functions[1].callers[0].function"),
    ] {
        assert!(text.contains(from), "{from}");
        let error = json::read(text.replacen(from, to, 1).as_bytes()).expect_err(to).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

fn pstats(name: &str) -> Profile {
    let path = format!("{}/tests/fixtures/pstats/{name}.pstats", env!("CARGO_MANIFEST_DIR"));
    pstats::read(&std::fs::read(&path).expect("a fixture")).expect("a profile")
}

/// What `sample_with_tree` holds, where calls are counted and where not.
const SAMPLE: [(&str, u64, f64, f64); 7] = [
    ("<built-in method builtins.len>", 10, 0.25, 0.25),
    ("<module>", 1, 0.001, 1.9385),
    ("Round.area", 4, 0.25, 0.25),
    ("Square.area", 10, 0.5, 0.75),
    ("fib", 177, 0.75, 0.75),
    ("grüße <&\"'>", 2, 0.124, 0.124),
    ("main", 1, 0.125, 1.9375),
];

#[test]
fn exact_stacks_come_back_from_pprof_trace_and_cpuprofile() {
    let profile = support::sample_with_tree();
    let back = pprof::read(&written(Format::Pprof, &profile)).expect("our own");
    assert_eq!(back.metadata.counts, Counts::Calls);
    assert_rows(&back, &SAMPLE);
    assert_eq!(back.tree.expect("stacks").nodes.len(), 10);
    // Those that are an estimate say so, and their counts aren't taken for calls.
    let back = pprof::read(&written(Format::Pprof, &support::sample())).expect("our own");
    assert_eq!(back.metadata.counts, Counts::Unknown);
    assert!(back.metadata.notes[0].starts_with("its stacks are approximated"), "{:?}", back.metadata.notes);
    let uncounted = SAMPLE.map(|(name, _, own, cumulative)| (name, 0, own, cumulative));
    let back = cpuprofile::read(&written(Format::Cpuprofile, &profile)).expect("our own");
    assert_rows(&back, &uncounted);
    let back = trace::read(&written(Format::Trace, &profile)).expect("our own");
    // One call for each stack.
    let stacks = [1, 1, 1, 1, 3, 2, 1];
    let mut expected = SAMPLE;
    expected.iter_mut().zip(stacks).for_each(|(row, calls)| row.1 = calls);
    assert_rows(&back, &expected);
}

/// A message of pprof's, by hand.
struct Message(Vec<u8>);

impl Message {
    fn number(mut self, field: u8, number: u64) -> Self {
        self.0.push(field << 3);
        self.varint(number);
        self
    }

    fn bytes(mut self, field: u8, bytes: &[u8]) -> Self {
        self.0.push(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn new() -> Self {
        Self(Vec::new())
    }
}

/// Two sample types; an inlined function; a location of which only the address is known; numbers packed and not.
fn pprof_of_go() -> Message {
    let value_type = |kind, unit| Message::new().number(1, kind).number(2, unit).0;
    let line = |function, line| Message::new().number(1, function).number(2, line).0;
    let mut message = Message::new()
        .bytes(1, &value_type(1, 2))
        .bytes(1, &value_type(3, 4))
        .bytes(2, &Message::new().bytes(1, &[1, 2]).bytes(2, &[3, 0x80, 0xDA, 0xC4, 0x09]).0)
        .bytes(2, &Message::new().number(1, 3).number(1, 2).number(2, 1).number(2, 10_000_000).0)
        .bytes(3, &Message::new().number(1, 1).number(5, 9).0)
        .bytes(4, &Message::new().number(1, 1).bytes(4, &line(1, 12)).bytes(4, &line(2, 30)).0)
        .bytes(4, &Message::new().number(1, 2).bytes(4, &line(3, 5)).0)
        .bytes(4, &Message::new().number(1, 3).number(2, 1).number(3, 0x4a10).0)
        .bytes(5, &Message::new().number(1, 1).number(2, 5).number(4, 8).number(5, 10).0)
        .bytes(5, &Message::new().number(1, 2).number(2, 6).number(4, 8).0)
        .bytes(5, &Message::new().number(1, 3).number(2, 7).number(4, 8).number(5, 4).0);
    for text in [
        "",
        "samples",
        "count",
        "cpu",
        "nanoseconds",
        "inlined",
        "outer",
        "main.main",
        "main.go",
        "/bin/server",
    ] {
        message = message.bytes(6, text.as_bytes());
    }
    message
}

#[test]
fn pprof_of_others_is_read() {
    let bytes = pprof_of_go().0;
    for bytes in [bytes.clone(), packed(&bytes)] {
        let read = open(&bytes, "").expect("Go's");
        assert_rows(
            &read,
            &[
                ("0x4a10", 0, 0.01, 0.01),
                ("inlined", 0, 0.02, 0.02),
                ("main.main", 0, 0.0, 0.03),
                ("outer", 0, 0.0, 0.02),
            ],
        );
        assert_eq!(rows(&read)[0].1, "/bin/server");
        assert_eq!(
            (rows(&read)[1].2, rows(&read)[3].2),
            (10, 30),
            "a line of its definition, or the first one"
        );
        assert_eq!(read.metadata.notes, ["the figures are cpu; --event NAME reads another: samples"]);
    }
    let samples = pprof::read_event(&bytes, Some("samples")).expect("the other type");
    assert_eq!((total(&samples), samples.metadata.unit), (4.0, Unit::Other("samples".to_owned())));
    let default = pprof_of_go().number(14, 1).0;
    assert_eq!(total(&pprof::read(&default).expect("with a default")), 4.0);
    let error = pprof::read_event(&bytes, Some("heap")).expect_err("no such type").to_string();
    assert_eq!(error, "there is no sample type `heap` in the file; it has samples, cpu");
}

#[test]
fn malformed_pprof_is_refused() {
    let value_type = Message::new().number(1, 1).number(2, 2).0;
    let sample = |locations: &[u8], values: &[u8]| {
        let sample = Message::new().bytes(1, locations).bytes(2, values).0;
        Message::new().bytes(1, &value_type).bytes(2, &sample).0
    };
    for (bytes, expected) in [
        (b"\x0a\x05".to_vec(), "in the middle of a field"),
        (Message::new().number(9, 1).0, "no sample type"),
        (sample(&[1], &[1]), "a location that is not there"),
        (sample(&[], &[1, 2]), "2 values for 1 types"),
        (sample(&[0x80], &[1]), "numbers end too early"),
        (packed(b"\x0a\x05"), "in the middle of a field"),
        (packed(&pprof_of_go().0)[..40].to_vec(), "gzip"),
    ] {
        let error = pprof::read(&bytes).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
    let nobody = Message::new().bytes(1, &value_type).bytes(2, &Message::new().number(2, 7).0).0;
    assert_eq!(total(&pprof::read(&nobody).expect("a sample without a stack")), 7.0);
}

#[test]
fn speedscope_reads_one_unit_or_one_profile() {
    let text = r#"{"shared": {"frames": [{"name": "a"}, {"name": "b"}]}, "activeProfileIndex": 1, "profiles": [
        {"type": "sampled", "name": "heap", "unit": "bytes", "samples": [[0]], "weights": [900]},
        {"type": "sampled", "name": "cpu 1", "unit": "seconds", "samples": [[0, 1]], "weights": [2]},
        {"type": "evented", "name": "cpu 2", "unit": "seconds", "startValue": 0, "endValue": 5,
         "events": [{"type": "O", "frame": 0, "at": 1}]}]}"#;
    let read = speedscope::read(text.as_bytes()).expect("two units");
    assert_eq!((total(&read), &read.metadata.unit), (6.0, &Unit::Seconds));
    assert_eq!(
        read.metadata.notes,
        ["only profiles whose unit is seconds are read; --profile NUMBER reads another: 1 `heap` (bytes)"]
    );
    for (wanted, expected) in [("1", 900.0), ("heap", 900.0), ("2", 2.0), ("cpu 2", 4.0)] {
        let one = speedscope::read_profile(text.as_bytes(), Some(wanted)).expect(wanted);
        assert_eq!(total(&one), expected, "{wanted}");
    }
    let error =
        speedscope::read_profile(text.as_bytes(), Some("4")).expect_err("no such profile").to_string();
    assert_eq!(error, "there is no profile `4` in the file; it has 1 `heap`, 2 `cpu 1`, 3 `cpu 2`");
}

#[test]
fn trace_events_nest() {
    let event = |ph: &str, name: &str, ts: f64, rest: &str| {
        format!(r#"{{"ph": "{ph}", "name": "{name}", "ts": {ts}, "pid": 1, "tid": 1{rest}}}"#)
    };
    let call = |name: &str, ts: f64, dur: f64| event("X", name, ts, &format!(r#", "dur": {dur}"#));
    let read = |events: &[String]| open(format!("[{}]", events.join(",\n")).as_bytes(), "").expect("a trace");
    let micro = 1e-6;
    // viztracer's: a call is written when it returns, so that inner ones come first; recursion, and one after another.
    let viztracer = read(&[
        call("g (b.py:3)", 2.0, 3.0),
        call("f (a.py:1)", 6.0, 1.0),
        call("f (a.py:1)", 1.0, 9.0),
        call("g (b.py:3)", 11.0, 4.0),
        event("M", "thread_name", 0.0, r#", "args": {"name": "MainThread"}"#),
        event("C", "memory", 3.0, r#", "args": {"value": 3}"#),
    ]);
    assert_rows(&viztracer, &[("f", 2, 6.0 * micro, 9.0 * micro), ("g", 2, 7.0 * micro, 7.0 * micro)]);
    assert_eq!((rows(&viztracer)[0].1.as_str(), rows(&viztracer)[1].2), ("a.py", 3));
    // py-spy's, with the place in the arguments; two threads; numbers as text.
    let place = r#", "args": {"filename": "w.py", "line": 7}"#;
    let mut spy = vec![
        event("B", "main", 0.0, place),
        event("B", "busy", 1.0, ""),
        event("E", "busy", 4.0, ""),
        event("E", "main", 10.0, place),
        r#"{"ph": "X", "name": "busy", "ts": "0", "dur": "5", "pid": 1, "tid": "2"}"#.to_owned(),
    ];
    let expected = [("busy", 2, 8.0 * micro, 8.0 * micro), ("main", 1, 7.0 * micro, 10.0 * micro)];
    assert_rows(&read(&spy), &expected);
    assert_eq!(rows(&read(&spy))[1].2, 7);
    // As an object, not closed, and with a comma at its end.
    let array = spy.join(",");
    for text in [
        format!(r#"{{"displayTimeUnit": "ms", "traceEvents": [{array}], "systemTraceEvents": ""}}"#),
        format!("[{array}"),
        format!("[{array},\n"),
    ] {
        assert_rows(&open(text.as_bytes(), "").unwrap_or_else(|error| panic!("{text}: {error}")), &expected);
    }
    let cut = open(format!("[{array}, {{\"ph\": \"X\", \"na").as_bytes(), "").expect("what is whole");
    assert_eq!((rows(&cut).len(), cut.metadata.notes.len()), (2, 1));
    // What has no end goes on until the last event; what has no beginning is left out and told; an inner call that ends
    // after the one around it ends with it.
    spy.truncate(2);
    spy.push(event("E", "other", 4.0, ""));
    spy.push(r#"{"ph": "E", "ts": 5, "pid": 1, "tid": 1}"#.to_owned());
    spy.push(event("C", "memory", 6.0, ""));
    spy.push(event("B", "last", 7.0, ""));
    let torn = read(&spy);
    assert_rows(&torn, &[("busy", 1, 4.0 * micro, 4.0 * micro), ("main", 1, 3.0 * micro, 7.0 * micro)]);
    assert_eq!(torn.metadata.notes, ["the end of 1 call that had not begun is left out"]);
    spy.insert(0, event("E", "main", 0.0, ""));
    assert_eq!(read(&spy).metadata.notes, ["the ends of 2 calls that had not begun are left out"]);
    let late = read(&[call("a", 0.0, 10.0), call("b", 5.0, 10.0)]);
    assert_rows(&late, &[("a", 1, 5.0 * micro, 10.0 * micro), ("b", 1, 5.0 * micro, 5.0 * micro)]);
    assert!(
        refused(br#"{"traceEvents": [{"ph": "C", "name": "x", "ts": 1}]}"#, "").contains("no calls among")
    );
}

#[test]
fn calls_of_a_trace_that_touch_each_other_stay_side_by_side() {
    // So many that rounding goes either way, near 0 and at times since 1970.
    for start in [0.0, 32_313_612_310.247, 1.7e15] {
        let mut events = Vec::new();
        let mut at: f64 = start;
        let mut own = [0.0, 0.0];
        for number in 0..4000 {
            let time = if start > 1e15 {
                f64::from(number % 7 + 1)
            } else {
                f64::from(number % 997) * 0.123 + 0.001
            };
            events.push(format!(
                r#"{{"ph": "X", "name": "{}", "ts": {at}, "dur": {time}, "pid": 1, "tid": 1}}"#,
                ["even", "odd"][number as usize % 2]
            ));
            own[number as usize % 2] += time;
            at += time;
        }
        let read = open(format!("[{}]", events.join(",")).as_bytes(), "").expect("a trace");
        let found = rows(&read);
        assert_eq!((found.len(), read.edges.len()), (2, 0), "{start}: nobody calls anybody");
        for (row, own) in found.iter().zip(own) {
            let off = (row.4 * 1e6 / own - 1.0).abs();
            assert!(off < 1e-4 && row.3 == 2000, "{start}: {row:?}, {own}");
        }
    }
}

#[test]
fn a_cpuprofile_lasts_until_its_end() {
    let node = |id: u32, name: &str, line: i64, children: &str| {
        format!(
            r#"{{"id": {id}, "hitCount": 1, "children": [{children}], "callFrame": {{"functionName": "{name}",
               "scriptId": "0", "url": "{}", "lineNumber": {line}, "columnNumber": 0}}}}"#,
            if line < 0 { "" } else { "file:///a.js" }
        )
    };
    let file = |nodes: &[String], rest: &str| format!(r#"{{"nodes": [{}], {rest}}}"#, nodes.join(", "));
    let nodes = [
        node(1, "(root)", -1, "2, 3"),
        node(2, "(program)", -1, ""),
        node(3, "main", 1, "4, 5"),
        node(4, "", 6, ""),
        node(5, "main", 1, ""),
    ];
    // Samples at 100, 110, 130, 125 (late) and 150; it ends at 200.
    let rest =
        r#""startTime": 90, "endTime": 200, "samples": [2, 3, 4, 5, 4], "timeDeltas": [10, 10, 20, -5, 25]"#;
    let read = open(file(&nodes, rest).as_bytes(), "x.cpuprofile").expect("V8's");
    let micro = 1e-6;
    assert_rows(
        &read,
        &[
            ("(anonymous)", 0, 70.0 * micro, 70.0 * micro),
            ("(program)", 0, 10.0 * micro, 10.0 * micro),
            ("main", 0, 20.0 * micro, 90.0 * micro),
        ],
    );
    assert_eq!((rows(&read)[0].1.as_str(), rows(&read)[0].2), ("file:///a.js", 7));
    let counted = open(file(&nodes, r#""startTime": 1, "endTime": 2"#).as_bytes(), "").expect("counts only");
    assert_eq!((total(&counted), counted.metadata.unit), (4.0, Unit::Other("samples".to_owned())));
    for (text, expected) in [
        (file(&nodes, r#""samples": [9], "timeDeltas": [1]"#), "samples[0]: there is no node 9"),
        (file(&nodes, r#""samples": [2], "timeDeltas": []"#), "timeDeltas: 0 distances for 1 samples"),
        (file(&nodes[..2], r#""samples": []"#), "nodes[0].children: there is no node 3"),
        (file(&[node(1, "a", 1, "2"), node(2, "b", 1, "1")], r#""samples": []"#), "it stands below itself"),
        (
            file(&[node(1, "a", 1, "3"), node(2, "b", 1, "3"), node(3, "c", 1, "")], r#""samples": []"#),
            "below two others",
        ),
    ] {
        let error = cpuprofile::read(text.as_bytes()).expect_err(expected).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

const SESSION: &str = r#"{"start_time": 1.5, "duration": 0.5, "target_description": "Program: app.py", "frame_records": [
  [["MainThread\u0000<thread>\u0000139855", "<module>\u0000app.py\u00001\u0001l9", "run\u0000app.py\u00003\u0001cApp\u0001l4"], 0.25],
  [["MainThread\u0000<thread>\u0000139855", "<module>\u0000app.py\u00001\u0001l9", "run\u0000app.py\u00003\u0001cApp\u0001l5", "sleep\u0000<built-in>\u00000"], 0.125],
  [["MainThread\u0000<thread>\u0000139855", "<module>\u0000app.py\u00001\u0001l10"], 0.0625]]}"#;

const TREE: &str = r#"{"start_time": 1.5, "duration": 0.5, "target_description": "Program: app.py", "root_frame": {
  "function": "<module>", "file_path": "app.py", "line_no": 1, "time": 0.4375, "await_time": 0.0, "children": [
    {"function": "run", "file_path": "app.py", "line_no": 3, "time": 0.375, "children": [
      {"function": "[self]", "file_path": "", "line_no": 0, "time": 0.25, "children": []},
      {"function": "sleep", "file_path": "<built-in>", "line_no": 0, "time": 0.125, "children": []}], "class_name": "App"}]}}"#;

/// Tables that threads share, sources in a table of their own, a stack of a marker, a library.
const SHARED: &str = r#"{"meta": {"interval": 1, "preprocessedProfileVersion": 58, "product": "app"}, "libs": [],
      "shared": {"stringArray": ["main", "app.py", "malloc", "libc.so"], "sources": {"length": 1, "id": [null], "filename": [1]},
        "frameTable": {"length": 2, "func": [0, 1], "line": [7, null]},
        "funcTable": {"length": 2, "name": [0, 2], "source": [0, null], "lineNumber": [3, null], "resource": [-1, 0]},
        "resourceTable": {"length": 1, "name": [3]},
        "stackTable": {"length": 3, "prefix": [null, 0, 1], "frame": [0, 1, 1]}},
      "threads": [{"name": "A", "samples": {"stack": [0, 1, null, 1], "weight": null, "weightType": "samples", "length": 4}},
                  {"name": "B", "samples": {"stack": [1], "weight": [5], "weightType": "samples", "length": 1}}]}"#;

const GECKO: &str = r#"{"meta": {"interval": 2.0, "version": 24}, "libs": [], "threads": [{"name": "A",
      "samples": {"schema": {"stack": 0, "time": 1}, "data": [[1, 0.5], [null, 1.0], [0, 1.5], [1]]},
      "stackTable": {"schema": {"prefix": 0, "frame": 1}, "data": [[null, 0], [0, 1]]},
      "frameTable": {"schema": {"location": 0, "line": 2}, "data": [[0, false, 12], [1]]},
      "stringTable": ["main (app.py:3)", "malloc (in libc.so)"]}], "processes": []}"#;

const PERF: &str = "# ========\n# captured on: today\n\n\
        python3 my 4242/4243 [001] 12.345678:     250000 cycles:u: \n\
        \t    7f00ab12 PyObject_Call+0x12 (/usr/lib/libpython3.13.so)\n\
        \t    7f00cd34 py::run:/srv/app.py (/tmp/perf-4242.map)\n\
        \t    7f00cd35 [unknown] ([unknown])\n\n\
        python3 my 4242/4243 [000] 12.345999:     250000 cycles:u: \n\
        \t    7f00cd34 py::run:/srv/app.py (/tmp/perf-4242.map)\n\
        \t    7f00cd35 [unknown] ([unknown])\n\n\
        sh 7 1.5: task-clock:ppp:  ffffffff operator new(unsigned long)+0x1c (/lib/libstdc++.so.6)\n";

#[test]
fn no_damage_makes_their_readers_panic() {
    for text in [SESSION, TREE, SHARED, GECKO, PERF] {
        for place in 0..text.len() {
            let _ = open(&text.as_bytes()[..place], "");
            for byte in *b"\0\n\"\\ ,:0-9}]" {
                let mut bytes = text.as_bytes().to_vec();
                bytes[place] = byte;
                let _ = open(&bytes, "");
            }
        }
    }
}

#[test]
fn pyinstrument_sessions_and_trees() {
    let common = [("<module>", 0, 0.0625, 0.4375), ("App.run", 0, 0.25, 0.375), ("sleep", 0, 0.125, 0.125)];
    let session = open(SESSION.as_bytes(), "app.pyisession").expect("a session");
    assert_rows(&session, &[common[0], common[1], ("MainThread", 0, 0.0, 0.4375), common[2]]);
    let tree = open(TREE.as_bytes(), "app.json").expect("a tree");
    assert_rows(&tree, &common);
    for profile in [session, tree] {
        assert_eq!((profile.metadata.unit, profile.metadata.counts), (Unit::Seconds, Counts::Unknown));
        assert_eq!(profile.metadata.title.expect("a title").to_str_lossy(), "Program: app.py");
    }
    // As deep as a program may go.
    let deep = 20_000;
    let frame = r#"{"function": "f", "file_path": "a.py", "line_no": 1, "time": 1.0, "children": ["#;
    let text = format!("{{\"root_frame\": {}{}}}", frame.repeat(deep), "]}".repeat(deep));
    let profile = open(text.as_bytes(), "").expect("a tree");
    assert_eq!((profile.tree.as_ref().expect("stacks").nodes.len(), total(&profile)), (deep, 1.0));
    assert!(refused(&text.as_bytes()[..text.len() / 2], "").contains("cut short"));
    assert!(refused(br#"{"frame_records": [[[], 1.0]]}"#, "").contains("frame_records[0]"));
}

#[test]
fn pyinstruments_frames_have_names() {
    let function = r#""function": "f", "file_path": "a.py", "line_no": 1, "time": 1"#;
    for (text, told) in [
        (r#"{"frame_tree": {}}"#.to_owned(), "byte 15: a frame names no function"),
        (r#"{"root_frame": {"file_path": "a.py", "time": 1.0}}"#.to_owned(), "byte 15: a frame names no"),
        (r#"{"root_frame": {"function": "", "time": 1.0}}"#.to_owned(), "byte 15: a frame names no"),
        (r#"{"root_frame": {"function": null, "time": 1.0}}"#.to_owned(), "byte 15: a frame names no"),
        (
            format!(r#"{{"root_frame": {{{function}, "children": [{{{function}}}, {{"time": 1}}]}}}}"#),
            "byte 157: a frame names no function",
        ),
        (format!(r#"{{"root_frame": [{{{function}}}]}}"#), "byte 15: this is no frame"),
        (r#"{"root_frame": "f"}"#.to_owned(), "byte 15: this is no frame"),
        (format!(r#"{{"root_frame": {{{function}, "children": {{}}}}}}"#), "byte 91: this is no frame"),
        (format!(r#"{{"root_frame": {{{function}, "children": "f"}}}}"#), "byte 91: this is no frame"),
        (format!(r#"{{"root_frame": {{{function}, "children": [[]]}}}}"#), "byte 92: this is no frame"),
        (format!(r#"{{"root_frame": {{{function}, "children": [null]}}}}"#), "byte 92: this is no frame"),
        (
            r#"{"frame_records": [[["f\u0000a.py\u00001"], 1], [["f", ""], 1]]}"#.to_owned(),
            "frame_records[1][0][1]: ",
        ),
        (
            r#"{"frame_records": [[["\u0000a.py\u00001"], 1]]}"#.to_owned(),
            "frame_records[0][0][0]: a frame names",
        ),
        (r#"{"frame_records": [[["\u0001cClass"], 1]]}"#.to_owned(), "frame_records[0][0][0]: a frame names"),
    ] {
        let error = refused(text.as_bytes(), "");
        assert!(error.starts_with(told), "{text}: {error}");
    }
    assert!(pyinstrument::read(b"{}").expect_err("nothing").to_string().starts_with("root_frame: "));
    // Nothing was sampled; and a thread needs no name.
    for nothing in [r#"{"root_frame": null}"#, r#"{"frame_records": []}"#] {
        assert_eq!(total(&open(nothing.as_bytes(), "").expect(nothing)), 0.0);
    }
    let leaf = format!(r#"{{"root_frame": {{{function}, "children": null}}}}"#);
    assert_rows(&open(leaf.as_bytes(), "").expect("no children"), &[("f", 0, 1.0, 1.0)]);
    let thread = br#"{"frame_records": [[["\u0000<thread>\u00007", "f\u0000a.py\u00001"], 1]]}"#;
    let thread = open(thread, "").expect("a thread without a name");
    assert_rows(&thread, &[("<thread>", 0, 0.0, 1.0), ("f", 0, 1.0, 1.0)]);
}

#[test]
fn the_firefox_profilers_files() {
    let profile = support::sample_with_tree();
    let ours = open(&written(Format::Firefox, &profile), "x.json").expect("our own file");
    let times =
        |profile: &Profile| rows(profile).into_iter().map(|row| (row.0, row.2, row.4)).collect::<Vec<_>>();
    let near = |a: &[(String, u32, f64)], b: &[(String, u32, f64)]| {
        a.len() == b.len()
            && a.iter().zip(b).all(|(a, b)| (&a.0, a.1) == (&b.0, b.1) && (a.2 - b.2).abs() < 1e-12)
    };
    assert!(near(&times(&ours), &times(&profile)), "{:?} {:?}", times(&ours), times(&profile));
    let shared = SHARED;
    let profile = open(shared.as_bytes(), "").expect("a processed profile");
    assert_rows(&profile, &[("main", 0, 1.0, 8.0), ("malloc", 0, 7.0, 7.0)]);
    assert_eq!(rows(&profile)[1].1, "libc.so");
    assert_eq!(profile.metadata.unit, Unit::Other("samples".to_owned()));
    assert_eq!(profile.metadata.notes, ["samples were taken every 1 ms"]);
    assert_eq!(profile.tree.as_ref().expect("stacks").threads.len(), 2);
    let profile = open(GECKO.as_bytes(), "").expect("gecko's");
    assert_rows(&profile, &[("main", 0, 1.0, 3.0), ("malloc", 0, 2.0, 2.0)]);
    assert_eq!(rows(&profile)[0].2, 3);
    for (old, new, part) in [
        ("\"prefix\": [null, 0, 1]", "\"prefix\": [null, 1, 1]", "stands above itself"),
        ("\"stack\": [1]", "\"stack\": [9]", "no stack 9"),
        ("\"frame\": [0, 1, 1]", "\"frame\": [0, 9, 1]", "no frame 9"),
        ("\"func\": [0, 1]", "\"func\": [0, 9]", "no function 9"),
        ("\"weight\": [5]", "\"weight\": []", "not as many"),
        (
            "\"weight\": [5], \"weightType\": \"samples\"",
            "\"weight\": [5], \"weightType\": \"bytes\"",
            "units",
        ),
    ] {
        assert!(shared.contains(old), "{old}");
        let error = refused(shared.replace(old, new).as_bytes(), "");
        assert!(error.contains(part), "{old}: {error}");
    }
}

#[test]
fn what_perf_script_prints() {
    let text = PERF;
    let profile = open(text.as_bytes(), "out.perf").expect("perf's text");
    assert_rows(
        &profile,
        &[
            ("PyObject_Call", 0, 1.0, 1.0),
            ("[unknown]", 0, 0.0, 2.0),
            ("operator new(unsigned long)", 0, 1.0, 1.0),
            ("python3 my", 0, 0.0, 2.0),
            ("run", 0, 1.0, 2.0),
            ("sh", 0, 0.0, 1.0),
        ],
    );
    assert_eq!(rows(&profile)[4].1, "/srv/app.py");
    assert_eq!(open(text.as_bytes(), "").expect("by its content"), profile);
    assert_eq!(profile.metadata.notes, ["samples of 2 events are added up: cycles:u, task-clock:ppp"]);
    let broken = text.replace("sh 7 1.5", "sh");
    assert!(refused(broken.as_bytes(), "").starts_with("line 13: "));
}

#[test]
fn calls_and_beginnings_at_one_time() {
    // Whole ones of every length between others that begin and end then: no order of all of them is right.
    let events: Vec<String> = (0..200_u32)
        .map(|number| match number % 3 {
            0 => format!("{{\"ph\": \"X\", \"name\": \"x\", \"ts\": 1, \"dur\": {}}}", number * 7919 % 211),
            1 => "{\"ph\": \"B\", \"name\": \"b\", \"ts\": 1}".to_owned(),
            _ => "{\"ph\": \"E\", \"name\": \"b\", \"ts\": 1}".to_owned(),
        })
        .collect();
    let profile = open(format!("[{}]", events.join(",")).as_bytes(), "").expect("trace events");
    let calls = rows(&profile).iter().map(|row| row.3).sum::<u64>();
    assert!(calls > 0 && total(&profile) > 0.0);
}
