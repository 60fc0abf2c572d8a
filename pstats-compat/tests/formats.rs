//! Every writer against its golden file, every reader of stacks against what it must refuse.

mod support;

use pstats_compat::formats::{Format, Output, collapsed, speedscope};
use pstats_compat::{Counts, Error, Profile, Text, Unit};

fn written(format: Format, profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    format.write(profile, &mut bytes).expect("a Vec takes every byte");
    bytes
}

#[test]
fn every_text_format_is_golden() {
    use Format::*;
    let endings = [
        (Collapsed, "collapsed"),
        (Speedscope, "speedscope.json"),
        (Svg, "svg"),
        (Firefox, "firefox.json"),
        (Dot, "dot"),
        (Json, "json"),
        (Csv, "csv"),
        (Markdown, "md"),
        (Text, "txt"),
    ];
    for (format, ending) in endings {
        let name = format!("sample.{ending}");
        support::assert_golden(&name, &written(format, &support::sample()));
    }
    // What draws stacks, from exact ones.
    for (format, ending) in endings.into_iter().take(4) {
        let name = format!("tree.{ending}");
        support::assert_golden(&name, &written(format, &support::sample_with_tree()));
    }
}

/// What a page is told; the rest of it is the same for every profile.
fn data_of(page: &[u8]) -> Vec<u8> {
    let page = std::str::from_utf8(page).expect("UTF-8");
    let (_, rest) = page.split_once("id=\"data\">").expect("a page has data");
    let (data, _) = rest.split_once("</script>").expect("and an end of it");
    // A line for each column, for people to compare.
    data.replace("],\"", "],\n\"").into_bytes()
}

#[test]
fn the_data_of_a_page_are_golden() {
    for (name, profile) in
        [("sample.page.json", support::sample()), ("tree.page.json", support::sample_with_tree())]
    {
        support::assert_golden(name, &data_of(&written(Format::Html, &profile)));
    }
}

/// A decoder of protobuf that knows nothing of pprof: (field, number or bytes).
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, Vec<u8>)> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in 0.. {
            let (&byte, rest) = bytes.split_first().expect("a whole number");
            *bytes = rest;
            value |= u64::from(byte & 0x7F) << (7 * shift);
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        match key & 7 {
            0 => fields.push((key >> 3, varint(&mut bytes), Vec::new())),
            2 => {
                let length = varint(&mut bytes) as usize;
                fields.push((key >> 3, 0, bytes[..length].to_vec()));
                bytes = &bytes[length..];
            }
            other => panic!("wire type {other}"),
        }
    }
    fields
}

#[test]
fn pprof_holds_every_stack_and_name() {
    use std::io::Read;
    let profile = support::sample_with_tree();
    let mut message = Vec::new();
    let gzip = written(Format::Pprof, &profile);
    flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut message).expect("gzip");
    let fields = fields(&message);
    let of = |number: u64| fields.iter().filter(move |(field, ..)| *field == number);
    assert_eq!(of(2).count(), 10, "one sample for each stack");
    assert_eq!(of(5).count(), profile.functions.len());
    let strings: Vec<String> =
        of(6).map(|(_, _, text)| String::from_utf8(text.clone()).expect("UTF-8")).collect();
    assert_eq!(strings[0], "", "pprof's rule");
    for name in
        ["shapes.Square.area", "main.<module>", "<module>", "app/main.py", "nanoseconds", "grüße <&\"'>"]
    {
        assert!(strings.iter().any(|text| text == name), "{name}");
    }
    assert_eq!(of(13).count(), 0, "nothing is approximated");

    let approximated = written(Format::Pprof, &support::sample());
    let mut message = Vec::new();
    flate2::read::GzDecoder::new(&approximated[..]).read_to_end(&mut message).expect("gzip");
    let comment = self::fields(&message).iter().any(|(field, ..)| *field == 13);
    assert!(comment, "approximated stacks say so");
}

/// Names, lines and times of all functions.
fn times(profile: &Profile) -> Vec<(String, u32, f64, f64)> {
    let mut times: Vec<_> = profile
        .rows()
        .map(|(_, f)| (f.display_name().into_owned(), f.line, f.calls.tottime, f.calls.cumtime))
        .filter(|(.., cumtime)| *cumtime > 0.0)
        .collect();
    times.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    times
}

#[test]
fn exact_stacks_survive_collapsed_and_speedscope() {
    let profile = support::sample_with_tree();
    let speedscope = speedscope::read(&written(Format::Speedscope, &profile)).expect("our own");
    let mut collapsed = collapsed::read(&written(Format::Collapsed, &profile)).expect("our own");
    assert_eq!(collapsed.metadata.unit, Unit::Other("samples".to_owned()));
    for function in &mut collapsed.functions {
        function.calls.tottime /= 1e9;
        function.calls.cumtime /= 1e9;
    }
    for back in [&speedscope, &collapsed] {
        assert_eq!(back.metadata.counts, Counts::Unknown);
        let expected = [
            ("<built-in method builtins.len>", 0, 0.25, 0.25),
            ("<module>", 1, 0.001, 1.93850),
            ("Round.area", 25, 0.25, 0.25),
            ("Square.area", 5, 0.5, 0.75),
            ("fib", 30, 0.75, 0.75),
            ("grüße <&\"'>", 3, 0.124, 0.124),
            ("main", 10, 0.125, 1.93750),
        ];
        let times = times(back);
        assert_eq!(times.len(), expected.len());
        for (found, expected) in times.iter().zip(expected) {
            assert_eq!((found.0.as_str(), found.1), (expected.0, expected.1));
            assert!((found.2 - expected.2).abs() < 1e-9, "{found:?} {expected:?}");
            assert!((found.3 - expected.3).abs() < 1e-9, "{found:?} {expected:?}");
        }
    }
    // The tree itself, not only its sums.
    let tree = speedscope.tree.expect("stacks");
    assert_eq!(tree.nodes.len(), 10);
}

#[test]
fn sampled_speedscope_profiles_are_added_up() {
    let text = br#"{"shared": {"frames": [{"name": "a", "file": "a.py", "line": 1}, {"name": "b"}]},
        "profiles": [
          {"type": "sampled", "name": "t1", "unit": "milliseconds", "startValue": 0, "endValue": 3,
           "samples": [[0], [0, 1]], "weights": [1, 2]},
          {"type": "sampled", "name": "t2", "unit": "milliseconds", "startValue": 0, "endValue": 4,
           "samples": [[0, 1]], "weights": [4]}]}"#;
    let profile = speedscope::read(text).expect("a profile");
    assert_eq!(times(&profile), [("a".to_owned(), 1, 0.001, 0.007), ("b".to_owned(), 0, 0.006, 0.006)]);
    assert_eq!(profile.edges.len(), 1);
}

#[test]
fn recursion_counts_once_in_cumulative_times() {
    let profile = collapsed::read(b"f;g;f 3\nf;f 1\n").expect("stacks");
    let expected = [("f".to_owned(), 0, 4.0, 4.0), ("g".to_owned(), 0, 0.0, 3.0)];
    assert_eq!(times(&profile), expected);
}

#[test]
fn deep_stacks_do_not_overflow_ours() {
    let line = format!("{} 1\n", vec!["f"; 300_000].join(";"));
    let profile = collapsed::read(line.as_bytes()).expect("one deep stack");
    assert_eq!(profile.functions[0].calls.cumtime, 1.0);
    for format in [Format::Speedscope, Format::Html, Format::Svg, Format::Firefox] {
        assert!(!written(format, &profile).is_empty());
    }
}

#[test]
fn malformed_stacks_are_refused() {
    for (text, expected) in [
        ("a;b", "line 1: the stack has no number"),
        ("a 1\na;b x", "line 2: what follows the last space"),
        ("a -1", "line 1: what follows the last space"),
        ("a inf", "line 1: what follows the last space"),
    ] {
        let error = collapsed::read(text.as_bytes()).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn malformed_speedscope_is_refused() {
    let document = |profiles: &str| {
        format!(r#"{{"shared": {{"frames": [{{"name": "a"}}, {{"name": "b"}}]}}, "profiles": [{profiles}]}}"#)
    };
    let evented =
        |events: &str| document(&format!(r#"{{"type": "evented", "unit": "none", "events": [{events}]}}"#));
    let sampled = |rest: &str| document(&format!(r#"{{"type": "sampled", {rest}}}"#));
    let cases = [
        ("{".to_owned(), "line 1, column 1: EOF while parsing an object"),
        ("{\n\"shared\": 3}".to_owned(), "line 2, column 11: invalid type"),
        (document(r#"{"type": "other"}"#), "line 1, column 84: unknown variant `other`"),
        (evented(r#"{"type": "O", "frame": 2, "at": 0}"#), "profiles[0].events[0]: its frame"),
        (
            evented(r#"{"type": "C", "frame": 0, "at": 0}"#),
            "profiles[0].events[0]: it closes a frame, but none",
        ),
        (
            evented(r#"{"type": "O", "frame": 0, "at": 0}, {"type": "C", "frame": 1, "at": 0}"#),
            "profiles[0].events[1]: it closes a frame that is not on top",
        ),
        (
            evented(r#"{"type": "O", "frame": 0, "at": 1}, {"type": "C", "frame": 0, "at": 0}"#),
            "profiles[0].events[1]: it is earlier",
        ),
        (
            sampled(r#""unit": "none", "samples": [[0]], "weights": []"#),
            "profiles[0].weights: 0 weights for 1",
        ),
        (
            sampled(r#""unit": "none", "samples": [[7]], "weights": [1]"#),
            "profiles[0].samples[0]: one of its frames",
        ),
    ];
    for (text, expected) in cases {
        let error = speedscope::read(text.as_bytes()).expect_err(&text).to_string();
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    let nested = "[".repeat(100_000);
    assert!(matches!(speedscope::read(nested.as_bytes()), Err(Error::BadJson { .. })));
}

#[test]
fn names_cannot_leave_their_place() {
    let mut profile = support::sample_with_tree();
    let hostile = "</script><script>alert(1)</script>;\"\n|x";
    profile.functions[1].name = hostile.into();
    profile.functions[1].file = "</title><img src=x onerror=alert(1)>".into();
    let text = |format| String::from_utf8(written(format, &profile)).expect("UTF-8");
    let html = text(Format::Html);
    assert_eq!(html.matches("</script>").count(), 3, "the page's own three");
    assert!(!html.contains("<img"));
    let svg = text(Format::Svg);
    assert!(!svg.contains("<script") && !svg.contains("<img"));
    let collapsed = text(Format::Collapsed);
    assert_eq!(collapsed.lines().count(), 10);
    let csv = text(Format::Csv);
    assert_eq!(csv.matches("\r\n").count(), 8, "a header and seven rows");
    let markdown = text(Format::Markdown);
    assert!(!markdown.contains("<script") && !markdown.contains("<img"));
    assert_eq!(markdown.lines().count(), 9);
    let callgrind = written(Format::Callgrind, &profile);
    let callgrind = String::from_utf8_lossy(&callgrind);
    assert!(callgrind.contains("fn=(2) </script><script>alert(1)</script>;\"\\x0a|x\n"));
}

#[test]
fn surrogates_never_break_text() {
    let mut profile = support::sample();
    profile.functions[0].name = Text::from_os_bytes(b"\xff\xfe");
    for name in Format::names() {
        let format: Format = name.parse().expect(name);
        let bytes = written(format, &profile);
        let is_text = !format.is_binary() && format != Format::Callgrind;
        assert!(!is_text || String::from_utf8(bytes).is_ok(), "{name}");
    }
}

/// Two profiles with stacks, of which the newer one has renamed, lost and won some.
fn two_profiles() -> (Profile, Profile) {
    let read = |text: &str| {
        let mut profile = collapsed::read(text.as_bytes()).expect("well-formed");
        profile.make_comparable();
        profile
    };
    (
        read("main (a.py:1);f (a.py:9) 300\nmain (a.py:1);old (a.py:20);f (a.py:9) 100\n"),
        read("main (b/a.py:1);f (b/a.py:9) 500\nmain (b/a.py:1);g (b/a.py:40) 50\n"),
    )
}

#[test]
fn a_difference_is_drawn_with_the_widths_of_both() {
    use pstats_compat::diff::{Diff, Noise};
    use pstats_compat::formats::flamegraph::{Difference, write_difference};
    use pstats_compat::formats::page;
    let (before, after) = two_profiles();
    let diff = Diff::new(&before, &after, Noise { part: 0.0, seconds: 0.0 }).expect("alike");
    let difference = Difference::of(&diff);
    let mut svg = Vec::new();
    write_difference(&difference, "a → b", &mut svg).expect("a Vec takes every byte");
    support::assert_golden("difference.svg", &svg);
    let svg = String::from_utf8(svg).expect("UTF-8");
    assert!(
        svg.contains("Widths: after, 550 samples") && svg.contains("Widths: before, 400 samples"),
        "{svg}"
    );
    // What is gone has no width in the newer one, what is new none in the older one.
    assert_eq!((svg.matches("<title>old\n").count(), svg.matches("<title>g\n").count()), (1, 1), "{svg}");
    assert_eq!(svg.matches("<title>main\n").count(), 2);
    assert!(svg.contains("own 300 samples → 500 samples (+200 samples)"), "{svg}");
    let mut html = Vec::new();
    page::write_difference(&difference, "a → b", &mut html).expect("a Vec takes every byte");
    support::assert_golden("difference.page.json", &data_of(&html));
}

#[test]
fn a_page_has_what_blocked_the_loop_and_coroutines_bounded() {
    use pstats_compat::{Coroutine, Figures, FunctionId, SlowStep, Tasks};
    let mut profile = support::sample();
    let page = |profile: &Profile| -> serde_json::Value {
        serde_json::from_slice(&data_of(&written(Format::Html, profile))).expect("JSON")
    };
    assert!(page(&profile).get("tasks").is_none(), "they weren't followed");
    let figures = |run| Figures { started: 1, steps: 2, run, parked: 1.0, ..Figures::default() };
    let row = |run, caller: Option<u32>| Coroutine {
        function: FunctionId(1),
        caller: caller.map(FunctionId),
        figures: figures(run),
    };
    let step = |at: usize| SlowStep {
        at: at as f64,
        seconds: f64::INFINITY,
        task: (at == 0).then(|| "</script>\u{202e}".into()),
        function: FunctionId(1),
        path: vec![(FunctionId(2), 0.5); 500],
    };
    profile.tasks = Some(Tasks {
        coroutines: vec![row(0.5, None), row(0.25, Some(0))],
        slow: (0..5_000).map(step).collect(),
        slow_count: 9_999,
        slow_seconds: 1.5,
        slow_from: 0.05,
    });
    let data = page(&profile);
    let (tasks, names) = (&data["tasks"], &data["functions"]["name"]);
    assert_eq!((&tasks["slow_count"], &tasks["slow_from"]), (&9_999.into(), &0.05.into()));
    let slow = tasks["slow"].as_array().expect("a list");
    assert_eq!((slow.len(), slow[0]["path"].as_array().map(Vec::len)), (200, Some(64)));
    assert_eq!((&slow[0]["seconds"], &slow[1]["task"]), (&0.0.into(), &serde_json::Value::Null));
    let name = slow[0]["task"].as_str().expect("a name");
    assert!(name.starts_with("</script>") && !name.contains('\u{202e}'), "{name}");
    let named = |number: &serde_json::Value| names[number.as_u64().expect("a number") as usize].clone();
    let known = |place: usize| serde_json::json!(profile.functions[place].display_name());
    assert_eq!((named(&slow[0]["function"]), named(&slow[0]["path"][0][0])), (known(1), known(2)));
    assert_eq!(tasks["coroutines"]["run"], serde_json::json!([0.75]));
    assert_eq!(named(&tasks["coroutines"]["function"][0]), known(1));
}

#[test]
fn a_page_has_what_each_label_set_took() {
    use pstats_compat::LabelSet;
    let mut profile = support::sample();
    let whole = profile.clone();
    let set = |labels: &[(&str, &str)], profile: &Profile| LabelSet {
        labels: labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        profile: profile.clone(),
    };
    let nothing = Profile::new(Vec::new(), Vec::new());
    profile.label_sets =
        vec![set(&[], &nothing), set(&[("route", "</script>"), ("tenant", "a\u{202e}")], &whole)];
    let data: serde_json::Value =
        serde_json::from_slice(&data_of(&written(Format::Html, &profile))).expect("JSON");
    let labels = &data["labels"];
    assert_eq!(labels[0]["labels"][0], serde_json::json!(["route", "</script>"]));
    assert!(!labels[0]["labels"][1][1].as_str().expect("text").contains('\u{202e}'));
    assert_eq!(labels[0]["own"], data["heading"]["total"]);
    assert_eq!(labels[1], serde_json::json!({"labels": [], "own": 0.0, "calls": 0}));
}

#[test]
fn a_difference_tells_of_both_profiles() {
    use pstats_compat::diff::{Diff, Noise};
    use pstats_compat::formats::flamegraph::{Difference, write_difference};
    let told = |before: &Profile, after: &Profile| {
        let diff = Diff::new(before, after, Noise { part: 0.0, seconds: 0.0 }).expect("alike");
        let difference = Difference::of(&diff);
        let mut svg = Vec::new();
        write_difference(&difference, "", &mut svg).expect("a Vec takes every byte");
        let svg = String::from_utf8(svg).expect("UTF-8");
        assert!(difference.notes.iter().all(|note| svg.contains(note.as_str())), "{svg}");
        difference.notes
    };
    let (recorded, tables) = (support::sample_with_tree(), support::sample());
    let (cut, estimated) = ("3 calls (0.250 s) went past", "stacks are approximated");
    let notes = told(&recorded, &tables);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].starts_with(&format!("before: {cut}")), "{notes:?}");
    assert!(notes[1].starts_with(&format!("after: {estimated}")), "{notes:?}");
    // What is so in both is told once.
    let notes = told(&tables, &tables);
    assert!(notes.len() == 1 && notes[0].starts_with(estimated), "{notes:?}");
    let whole = Profile {
        tree: recorded.tree.clone().map(|tree| pstats_compat::CallTree { cut: Default::default(), ..tree }),
        ..recorded.clone()
    };
    assert!(told(&whole, &whole).is_empty());
}

#[test]
fn boxes_that_are_too_narrow_are_one_grey_box_with_their_time() {
    let lines: String = (0..50_000).map(|n| format!("main;f{n} 1\n")).collect();
    let profile = collapsed::read(lines.as_bytes()).expect("well-formed");
    let svg = String::from_utf8(written(Format::Svg, &profile)).expect("UTF-8");
    assert!(svg.contains("<title>50,000 more\n50,000 samples (100.00 %)</title>"), "{svg}");
    assert!(svg.contains("50,000 boxes are too narrow to draw"), "{svg}");
    let lines: String = (0..200_000).map(|n| format!("main;f{n} 1\n")).collect();
    let profile = collapsed::read(lines.as_bytes()).expect("well-formed");
    let html = String::from_utf8(written(Format::Html, &profile)).expect("UTF-8");
    let rest = "\"rest\":{\"parent\":[0],\"count\":[160001],\"time\":[160001.0],";
    assert!(html.contains(rest), "the page holds so many stacks, and counts the others");
}

/// A program's objects, with or without its calls.
fn counted(functions: Vec<pstats_compat::Function>) -> Profile {
    use pstats_compat::{ObjectPlace, ObjectType, Objects, ObjectsThen};

    let kind = |module: &str, name: &str, destroyed| ObjectType {
        module: module.into(),
        name: name.into(),
        created: 1500,
        destroyed,
        peak: destroyed,
        bytes: destroyed.map(|gone| 48 * (1500 - gone)),
    };
    let objects = Objects {
        types: vec![
            kind("builtins", "list", Some(1500)),
            kind("app", "Model", Some(300)),
            kind("app", "Odd\x1b,", None),
        ],
        places: vec![ObjectPlace {
            of: 1,
            file: "/srv/app.py".into(),
            line: 3,
            function: "make".into(),
            created: 1500,
            alive: Some(1200),
        }],
        unlisted: 2,
        past: vec![ObjectsThen { at: 0.5, alive: 7, bytes: 336, top: vec![(1, 7, 336)] }],
    };
    Profile { objects: Some(objects), ..Profile::new(functions, Vec::new()) }
}

#[test]
fn objects_stand_in_what_has_a_place_for_them() {
    let alone = counted(Vec::new());
    let text = |format: Format| {
        let mut bytes = Vec::new();
        format.write(&alone, &mut bytes).expect("a Vec takes every byte");
        String::from_utf8(bytes).expect("text")
    };
    let json = text(Format::Json);
    let read = (Format::Json.reader().expect("it has one"))(json.as_bytes()).expect("ours");
    let told: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(told["objects"]["types"][1]["alive"], 1200);
    assert_eq!(told["objects"]["types"][2]["destroyed"], serde_json::Value::Null);
    assert_eq!(read.objects, alone.objects);
    let csv = text(Format::Csv);
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("type,module,created,destroyed,alive,peak,bytes"));
    assert_eq!(lines.next(), Some("Model,app,1500,300,1200,300,57600"));
    let table = text(Format::Text);
    for expected in [
        "Objects  4,500 made, 1,200 of them still there (56.25 KB)",
        "created  destroyed  alive   peak     bytes  type",
        "  1,500        300  1,200    300  56.25 KB  app.Model",
        "  1,500      1,500      0  1,500       0 B  list",
        "  1,500          -      -      -         -  app.Odd\u{FFFD},",
        "2 more types",
        "  1,500  1,200  app.Model  /srv/app.py:3  make",
    ] {
        assert!(table.lines().any(|line| line == expected), "{expected}\n{table}");
    }
    assert!(!table.contains("function calls"), "there is no profile:\n{table}");
}

#[test]
fn objects_are_missed_where_there_is_no_place_for_them() {
    let function = pstats_compat::Function::new("/srv/app.py".into(), 1, "f".into(), Default::default());
    let both = counted(vec![function]);
    for format in Format::all().filter(|format| format.is_written()) {
        let notes = Output::new(&both, format).notes();
        let is_told = notes.iter().any(|note| note.contains("has no place for objects"));
        assert_eq!(is_told, !format.keeps_objects(false), "{format:?}");
    }
    assert!(Format::Csv.keeps_objects(true) && !Format::Csv.keeps_objects(false));
}

#[test]
fn objects_of_a_folder_are_moved_with_it_and_those_of_two_files_added_up() {
    let mut profile = counted(Vec::new());
    profile.map_folder(b"/srv", b"/work");
    let file = |profile: &Profile| profile.objects.as_ref().map(|objects| objects.places[0].file.to_string());
    assert_eq!(file(&profile).as_deref(), Some("/work/app.py"));
    profile.strip_dirs();
    assert_eq!(file(&profile).as_deref(), Some("app.py"));
    let mut merger = pstats_compat::merge::Merger::new();
    merger.add(counted(Vec::new())).expect("of one kind");
    merger.add(counted(Vec::new())).expect("of one kind");
    let sum = merger.finish().objects.expect("of both");
    // A profile keeps its full stacks beside the objects of another run, whichever comes first.
    let mut stacked = Profile::new(vec![Default::default()], Vec::new());
    stacked.tree = Some(pstats_compat::CallTree::default());
    for files in [[counted(Vec::new()), stacked.clone()], [stacked, counted(Vec::new())]] {
        let mut merger = pstats_compat::merge::Merger::new();
        files.into_iter().for_each(|file| merger.add(file).expect("of one kind"));
        let both = merger.finish();
        assert!(both.tree.is_some() && both.objects.is_some() && both.functions.len() == 1);
    }
    assert_eq!(
        (sum.types[1].created, sum.types[1].bytes, sum.places[0].alive),
        (3000, Some(115_200), Some(2400))
    );
}
