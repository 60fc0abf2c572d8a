//! The callgrind reader and writer.

mod support;

use std::collections::BTreeMap;

use pstats_compat::check::{Severity, check};
use pstats_compat::formats::{callgrind, pstats};
use pstats_compat::{Function, Profile, Text, Unit};

fn fixture(path: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn written(profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    callgrind::write(profile, &mut bytes).expect("a Vec takes every byte");
    bytes
}

fn by_label(profile: &Profile) -> Vec<(String, u32, String, u64, f64)> {
    let row = |f: &Function| {
        let name = f.display_name().into_owned();
        (f.file.to_string(), f.line, name, f.calls.ncalls, f.calls.tottime)
    };
    let mut rows: Vec<_> = profile.functions.iter().map(row).collect();
    rows.sort_by(|a, b| (&a.0, a.1, &a.2).cmp(&(&b.0, b.1, &b.2)));
    rows
}

#[test]
fn the_writer_is_golden() {
    support::assert_golden("sample.callgrind", &written(&support::sample()));
}

#[test]
fn our_own_file_comes_back_to_the_nanosecond() {
    let profile = pstats::read(&fixture("pstats/cprofile-3.13.pstats")).expect("a profile");
    let back = callgrind::read(&written(&profile)).expect("our own file");
    let (before, after) = (by_label(&profile), by_label(&back));
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before.0, before.1, &before.2), (&after.0, after.1, &after.2));
        assert!((before.4 - after.4).abs() < 1e-9, "{before:?} {after:?}");
        // A root's calls are in no edge, so the format does not have them.
        assert!(before.3 == after.3 || after.3 == 0, "{before:?} {after:?}");
    }
    assert_eq!(profile.edges.len(), back.edges.len());
}

#[test]
fn pyprof2calltree_and_pstats_agree() {
    let theirs = callgrind::read(&fixture("callgrind/pyprof2calltree.callgrind")).expect("theirs");
    let pstats = pstats::read(&fixture("pstats/cprofile-3.13.pstats")).expect("a profile");
    let (theirs, pstats) = (by_label(&theirs), by_label(&pstats));
    assert_eq!(theirs.len(), pstats.len());
    for (theirs, ours) in theirs.iter().zip(&pstats) {
        assert_eq!((&theirs.0, theirs.1, &theirs.2), (&ours.0, ours.1, &ours.2));
        assert!((theirs.4 - ours.4).abs() < 1.5e-9, "{theirs:?} {ours:?}");
    }
}

#[test]
fn valgrind_with_its_compression_is_understood() {
    // What valgrind writes that others do not: two positions, hexadecimal and relative ones,
    // inlined files, objects, jumps, several events, names by number.
    let bytes = b"# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\npid: 1\ncmd: /bin/true\n\
        part: 1\n\ndesc: Trigger: Program termination\npositions: instr line\nevents: Ir Dr\n\
        summary: 30 3\n\nob=(1) /bin/true\nfl=(1) true.c\nfn=(1) main\n0x1000 10 5 1\n+4 +2 3\n\
        fi=(2) inlined.h\n* 99 2\nfe=(1)\njump=1 0x1010 12\n0x1008 12\njcnd=1/2 0x1010 12\n* *\n\
        cob=(2) libc.so\ncfi=(3) exit.c\ncfn=(2) exit\ncalls=2 0x2000 40\n+4 * 20 2\n\n\
        ob=(2)\nfl=(3)\nfn=(2)\n0x2000 40 20 2\ntotals: 30 3\n";
    let profile = callgrind::read(bytes).expect("valgrind's");
    assert_eq!(profile.metadata.unit, Unit::Other("Ir".to_owned()));
    let rows = by_label(&profile);
    assert_eq!(
        rows,
        vec![
            ("exit.c".to_owned(), 40, "exit".to_owned(), 2, 20.0),
            ("true.c".to_owned(), 10, "main".to_owned(), 0, 10.0),
        ]
    );
    let main = profile.functions.iter().find(|f| f.line == 10).expect("main");
    assert_eq!(main.calls.cumtime, 30.0);
}

#[test]
fn malformed_lines_are_refused_with_their_number() {
    let body = |line: &str| format!("positions: line\nevents: ns\nfl=a.py\nfn=f\n{line}\n");
    let cases = [
        ("", "line 1: no header"),
        ("hello", "line 1: expected a cost"),
        ("version: 2", "line 1: unknown version of the format"),
        ("events: ns\nhello=1", "line 2: unknown key `hello`"),
        ("positions: column", "line 1: `positions:` names something other"),
        ("positions:", "line 1: `positions:` must name"),
        ("positions: line", "line 1: the file ends before `events:`"),
        ("events:", "line 1: `events:` names no event"),
        ("fl=a\nfn=b\n1 2", "line 3: a cost comes before `events:`"),
        ("events: ns\n1 2", "line 2: a cost comes before any `fn=`"),
        ("events: ns\nfn=(3)", "line 2: number 3 has no name"),
        (&body("1 x"), "line 5: the cost is not a whole"),
        (&body("-1 5"), "line 5: the position is not a number"),
        (&body("99999999999 5"), "line 5: the line number is too large"),
        (&body("calls=1 5"), "line 5: `calls=` has no `cfn=`"),
        (&body("cfn=g\ncalls=x 5"), "line 6: `calls=` has no count"),
        (&body("cfn=g\ncalls=1 5"), "line 7: the file ends after `calls=`"),
        ("positions: instr line\nevents: ns\nfn=f\n1", "line 4: a cost line without a position"),
    ];
    for (text, expected) in cases {
        let error = callgrind::read(text.as_bytes()).expect_err(text).to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

/// Reads what must be readable.
fn read(text: &str) -> Profile {
    callgrind::read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Names with own and cumulative figures.
fn figures(profile: &Profile) -> BTreeMap<String, (u64, f64, f64)> {
    let row =
        |f: &Function| (format!("{}:{}", f.file, f.name), (f.calls.ncalls, f.calls.tottime, f.calls.cumtime));
    profile.functions.iter().map(row).collect()
}

fn is_sound(profile: &Profile) -> bool {
    check(profile).iter().all(|finding| finding.severity != Severity::Unsound)
}

/// Without the object that tells it apart.
fn bare(name: &Text) -> String {
    let name = name.to_str_lossy();
    name.split(" [").next().unwrap_or_default().to_owned()
}

#[test]
fn all_shapes_of_valgrind_say_what_its_own_reader_says() {
    let table = String::from_utf8(fixture("callgrind/valgrind.figures.tsv")).expect("text");
    let mut compared = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let [file, event, what, cost, name] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}: not five columns");
        };
        let cost: f64 = cost.parse().expect("a number");
        let bytes = fixture(&format!("callgrind/valgrind-{file}.callgrind"));
        let profile =
            callgrind::read_event(&bytes, Some(event)).unwrap_or_else(|error| panic!("{file}: {error}"));
        assert!(is_sound(&profile), "{file}");
        let found: f64 = match what {
            "own" => {
                profile.functions.iter().filter(|f| bare(&f.name) == name).map(|f| f.calls.tottime).sum()
            }
            _ => {
                let is_it = |f: &&Function| format!("{}:{}", f.file, bare(&f.name)) == name;
                profile.functions.iter().find(is_it).unwrap_or_else(|| panic!("{line}")).calls.cumtime
            }
        };
        assert_eq!(found, cost, "{line}");
        compared += 1;
    }
    assert!(compared > 150, "{compared}");
}

#[test]
fn parts_of_one_run_add_up_to_it() {
    let whole = callgrind::read(&fixture("callgrind/valgrind-plain.callgrind")).expect("one part");
    let parts = callgrind::read(&fixture("callgrind/valgrind-parts.callgrind")).expect("three parts");
    let own = |profile: &Profile| {
        let row = |f: &Function| (f.name.to_string(), (f.calls.tottime, f.calls.ncalls));
        profile.functions.iter().map(row).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(own(&whole), own(&parts));
}

#[test]
fn functions_of_two_objects_stay_apart() {
    let profile = callgrind::read(&fixture("callgrind/valgrind-plain.callgrind")).expect("valgrind's");
    let figures = figures(&profile);
    assert_eq!(figures["???:init [liba.so]"], (1, 36.0, 36.0));
    assert_eq!(figures["???:init [libb.so]"], (1, 91.0, 91.0));
    assert_eq!(figures["???:from_a"].2, 39.0);
    assert_eq!(figures["???:from_b"].2, 94.0);
    // Two folders may hold libraries of one name; what has no object keeps its name.
    let twins =
        read("events: Ir\nob=/x/a.so\nfl=?\nfn=f\n1 1\nob=/y/a.so\nfl=?\nfn=f\n1 2\nob=\nfl=?\nfn=f\n1 4\n");
    let names: Vec<String> = twins.functions.iter().map(|f| f.name.to_string()).collect();
    assert_eq!(names, ["f [/x/a.so]", "f [/y/a.so]", "f"]);
    // The callee's object is the caller's, unless it is named.
    let calls = read(
        "events: Ir\nob=a\nfl=?\nfn=f\n1 1\ncfn=g\ncalls=1 1\n1 2\ncob=b\ncfn=g\ncalls=3 1\n1 4\n\
         fn=g\n1 2\nob=b\nfn=g\n1 4\n",
    );
    let figures = self::figures(&calls);
    assert_eq!((figures["?:g [a]"], figures["?:g [b]"]), ((1, 2.0, 2.0), (3, 4.0, 4.0)));
}

#[test]
fn inlined_code_moves_the_file_of_what_names_none() {
    // A call without cfi= is in the current file; so is a following fn=. The cost is the open function's.
    let profile = read(
        "events: Ir\nfl=a.c\nfn=f\n1 5\nfi=b.h\n1 1\ncfn=g\ncalls=1 1\n1 10\nfe=a.c\n2 1\ncfn=h\ncalls=1 9\n2 3\n\
         fl=b.h\nfn=g\n1 10\nfl=a.c\nfn=h\n9 3\n",
    );
    let expected = [("a.c:f", (0, 7.0, 20.0)), ("a.c:h", (1, 3.0, 3.0)), ("b.h:g", (1, 10.0, 10.0))];
    assert_eq!(
        figures(&profile).into_iter().collect::<Vec<_>>(),
        expected.map(|(name, row)| (name.to_owned(), row))
    );
    let after = read("events: Ir\nfl=a.c\nfn=f\n1 5\nfi=b.h\n1 1\nfn=g\n1 10\n");
    assert!(figures(&after).contains_key("b.h:g"));
    // Valgrind of before 3.8 goes back without a word. The function's number tells, before and after.
    for text in [
        "events: Ir\nfl=(1) a.c\nfn=(1) f\n1 5\nfi=(2) b.h\n1 1\nfn=(2) cos\n20 3\n\
         fl=(3) c.c\nfn=(3) main\n1 1\ncfi=(1)\ncfn=(2)\ncalls=1 20\n1 3\n",
        "events: Ir\nfl=(3) c.c\nfn=(3) main\n1 1\ncfi=(1) a.c\ncfn=(2) cos\ncalls=1 20\n1 3\n\
         fl=(1)\nfn=(1) f\n1 5\nfi=(2) b.h\n1 1\nfn=(2)\n20 3\n",
    ] {
        assert_eq!(figures(&read(text))["a.c:cos"], (1, 3.0, 3.0), "{text}");
    }
    // Others give a number to each name, and one name to several functions.
    let shared = read(
        "events: Ir\nfl=(1) a\nfn=(1) run\n1 2\ncfl=(2) b\ncfn=(1)\ncalls=3 1\n1 4\nfl=(2)\nfn=(1)\n1 4\n",
    );
    assert_eq!((figures(&shared)["a:run"], figures(&shared)["b:run"]), ((0, 2.0, 6.0), (3, 4.0, 4.0)));
}

#[test]
fn a_jump_is_no_call_but_may_name() {
    let profile = read(
        "events: Ir\nfl=(1) a.c\nfn=(1) f\n1 5\njfi=(2) b.c\njfn=(2) g\njump=1 +2\n2\njcnd=3/4 9\n* \n+1 1\n\
         fl=(2)\nfn=(2)\n7 4\n",
    );
    assert_eq!(figures(&profile)["a.c:f"], (0, 6.0, 6.0));
    assert_eq!(figures(&profile)["b.c:g"], (0, 4.0, 4.0));
    assert!(profile.edges.is_empty());
}

#[test]
fn costs_may_be_negative_or_differences() {
    let profile = read("events: Ir\nfl=a.c\nfn=f\n1 5\n2 -3\n3 -9\n");
    assert_eq!(figures(&profile)["a.c:f"].1, -7.0);
    assert!(is_sound(&profile));
    // Only where something else can be nothing but a difference to the last cost, -3 is one as well.
    let profile =
        read("events: Ir Dr\nfl=a.c\nfn=f\n1 5 7\n+1 -3 *\n+1 +10\ncfn=g\ncalls=1 +40\n* *\nfn=g\n42 -2\n");
    assert_eq!(figures(&profile)["a.c:f"].1, 5.0 + 2.0 + 12.0);
    assert_eq!(figures(&profile)["a.c:g"], (1, 10.0, 12.0));
    assert_eq!(profile.functions[1].line, 43, "the target is relative to the last position");
}

#[test]
fn one_of_several_events_is_read() {
    let text = "events: Ir Dr bcm\nfl=a.c\nfn=f\n1 5 900\n2 1 . 4\ntotals: 6 900 4\n";
    let of = |event| callgrind::read_event(text.as_bytes(), event).expect("an event of the file");
    for (event, cost, unit) in [(None, 6.0, "Ir"), (Some("Dr"), 900.0, "Dr"), (Some("BCM"), 4.0, "bcm")] {
        let profile = of(event);
        assert_eq!(profile.functions[0].calls.tottime, cost);
        assert_eq!(profile.metadata.unit, Unit::Other(unit.to_owned()));
        assert_eq!(profile.metadata.notes.is_empty(), event.is_some());
    }
    let error = callgrind::read_event(text.as_bytes(), Some("Dw")).expect_err("no such event").to_string();
    assert_eq!(error, "there is no event `Dw` in the file; it has Ir, Dr, bcm");
    let parts = "events: Ir\nfl=a\nfn=f\n1 1\npart: 2\nevents: Dr Ir\n1 2 3\n";
    assert!(callgrind::read(parts.as_bytes()).is_err(), "Ir and Dr don't add up");
    let ir = callgrind::read_event(parts.as_bytes(), Some("Ir")).expect("both parts have it");
    assert_eq!(ir.functions[0].calls.tottime, 4.0);
}

#[test]
fn times_are_seconds_whatever_they_are_called() {
    let seconds = |head: &str| {
        let profile = read(&format!("{head}\nfl=a\nfn=f\n1 3000\nsummary: 3000\n"));
        (profile.metadata.unit == Unit::Seconds).then_some(profile.functions[0].calls.tottime)
    };
    let close = |head: &str, expected: f64| {
        let found = seconds(head).unwrap_or_else(|| panic!("{head}: not a time"));
        assert!((found - expected).abs() < 1e-9, "{head}: {found}");
    };
    close("events: cpu(ms)", 3.0);
    close("events: delay(us) contentions(count)", 3e-3);
    close("creator: xdebug 3.3.1\nevents: Time_(10ns) Memory_(bytes)", 3e-5);
    close("creator: xdebug 2.6.0\nevents: Time", 3e-3);
    close("creator: yappi\nevents: Ticks", 3e-3);
    close("event: T : Milliseconds\nevents: T", 3.0);
    for head in [
        "events: Ticks",
        "events: Ir",
        "events: alloc_space(MB)",
        "events: Memory_(bytes)",
        "events: call(s)",
    ] {
        assert_eq!(seconds(head), None, "{head}");
    }
}

#[test]
fn what_is_cut_short_is_said_to_be() {
    for (file, known) in [("plain", "totals"), ("all", "totals"), ("parts", "totals")] {
        let bytes = fixture(&format!("callgrind/valgrind-{file}.callgrind"));
        let whole = callgrind::read(&bytes).expect("whole");
        // Its last line may miss its end and nothing else.
        for end in 0..bytes.len() - 1 {
            if let Ok(profile) = callgrind::read(&bytes[..end]) {
                let parts =
                    bytes[..end].windows(known.len()).filter(|window| *window == known.as_bytes()).count();
                // The rest of the last line is other events' totals, and a part that ends is whole.
                let is_whole = profile.functions == whole.functions;
                assert!(is_whole || file == "parts" && parts > 0, "{file}, {end}: {profile:?}");
            }
        }
        assert_eq!(callgrind::read(&bytes[..bytes.len() - 1]).expect("all of it"), whole);
    }
    let theirs = fixture("callgrind/pyprof2calltree.callgrind");
    assert_eq!(callgrind::read(&theirs).expect("whole").metadata.notes, Vec::<String>::new());
    let noted =
        callgrind::read(&theirs[..theirs.len() - 1]).expect("all but the end of a block").metadata.notes;
    assert_eq!(noted, ["the file may be cut short: its last block has no end"]);
    let ours = written(&support::sample());
    for end in 0..ours.len() - 1 {
        assert!(callgrind::read(&ours[..end]).is_err(), "{end}");
    }
    let refused = |text: &str| callgrind::read(text.as_bytes()).expect_err(text).to_string();
    assert_eq!(
        refused("events: Ir\nfl=a\nfn=f\n1 5\ntotals: 5000\n"),
        "the file is cut short or damaged: its costs add up to 5 Ir, and its `totals:` say 5000"
    );
    assert!(
        refused("creator: callgrind-3.19.0\nevents: Ir\nsummary: 9\nfl=a\nfn=f\n1 5\n").contains("5 of 9 Ir")
    );
    for (text, expected) in [
        ("creator: xdebug 3.3.1\nevents: Time_(10ns)\nfl=a\nfn=f\n1 5\n", "no `summary:`"),
        ("events: Ir\nsummary: 900\nfl=a\nfn=f\n1 5\n", "add up to 5 Ir, and its `summary:` says 900"),
        ("events: Ir\nfl=a\nfn=f\n1 5", "its last line has no end"),
    ] {
        assert!(read(text).metadata.notes[0].contains(expected), "{text}: {:?}", read(text).metadata.notes);
    }
    // Where a run was not counted in all, or its summary is another figure, nothing is missing.
    for text in [
        "creator: callgrind-3.19.0\nevents: Ir\nsummary: 9\nfl=a\nfn=f\n1 5\ntotals: 5\n",
        "events: ns\nsummary: 4\nfl=a\nfn=f\n1 5\n",
        "events: Ir\nsummary: 0\nfl=a\nfn=f\n1 5\n",
        "events: Ir\nfl=a\nfn=f\n1 5\npart: 2\nfn=f\n1 6\ntotals: 11\n",
    ] {
        assert_eq!(read(text).metadata.notes, Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_others_write_has_their_figures() {
    let close = |file: &str, expected: &[(&str, (u64, f64, f64))]| {
        let profile = callgrind::read(&fixture(&format!("callgrind/{file}.callgrind"))).expect(file);
        assert!(is_sound(&profile), "{file}: {:?}", check(&profile));
        assert_eq!(
            profile.metadata.notes.len(),
            usize::from(file == "xdebug"),
            "{:?}",
            profile.metadata.notes
        );
        let row = |f: &Function| (format!("{}:{}({})", f.file, f.line, f.name), f.calls);
        let found: BTreeMap<_, _> = profile.functions.iter().map(row).collect();
        assert_eq!(found.len(), expected.len(), "{file}: {found:?}");
        for (name, (ncalls, own, cumulative)) in expected {
            let calls = found.get(*name).unwrap_or_else(|| panic!("{file}: {name} of {found:?}"));
            assert_eq!(calls.ncalls, *ncalls, "{file}: {name}");
            assert!((calls.tottime - own).abs() < 1e-9, "{file}: {name}: {calls:?}");
            assert!((calls.cumtime - cumulative).abs() < 1e-9, "{file}: {name}: {calls:?}");
        }
    };
    // yappi's own table says 92, 27, 668, 631, 448, 66 and 2784, 2142, 1809, 1177, 448, 102.
    close(
        "yappi",
        &[
            ("y.py:8(main)", (0, 92e-6, 2783e-6)),
            ("y.py:3(A.run)", (1, 27e-6, 2142e-6)),
            ("y.py:3(<genexpr>)", (0, 668e-6, 1808e-6)),
            ("y.py:6(helper)", (201, 630e-6, 1175e-6)),
            ("y.py:7(fib)", (109, 447e-6, 447e-6)),
            ("y.py:5(B.run)", (1, 66e-6, 102e-6)),
        ],
    );
    close(
        "lsprofcalltree",
        &[
            ("app/main.py:10(main)", (0, 100.0, 1500.0)),
            ("app/data.py:3(load)", (2, 600.0, 900.0)),
            ("app/data.py:20(__init__)", (4, 200.0, 200.0)),
            ("app/data.py:40(__init__)", (1, 100.0, 100.0)),
            ("~:0(<method 'sort' of 'list' objects>)", (1, 500.0, 500.0)),
        ],
    );
    close(
        "xdebug",
        &[
            ("php:internal:12(php::strlen)", (2, 250e-9, 250e-9)),
            ("/srv/www/index.php:10(Page->render)", (2, 2750e-9, 3000e-9)),
            ("/srv/www/index.php:1({main})", (0, 17e-6, 20e-6)),
        ],
    );
    close(
        "pprof",
        &[
            ("/go/src/server/main.go:12(main.handle)", (0, 0.040, 0.100)),
            ("/usr/lib/go/src/runtime/malloc.go:900(runtime.mallocgc)", (1, 0.060, 0.060)),
        ],
    );
}

#[test]
fn our_own_export_of_a_sound_profile_is_sound() {
    for file in ["cprofile-3.13", "cprofile-3.8", "pyinstrument"] {
        let profile = pstats::read(&fixture(&format!("pstats/{file}.pstats"))).expect("a profile");
        let back = callgrind::read(&written(&profile)).expect("our own file");
        assert!(is_sound(&back), "{file}: {:?}", check(&back));
    }
    // Two lambdas of one line, one of which calls the other; and two functions that call each other.
    let mut profile = support::sample();
    profile.functions[2].name = profile.functions[3].name.clone();
    profile.functions[2].line = profile.functions[3].line;
    let back = callgrind::read(&written(&profile)).expect("our own file");
    assert!(is_sound(&back), "{:?}", check(&back));
    let mutual = read(
        "events: Ir\nfl=a\nfn=even\n1 10\ncfn=odd\ncalls=5 2\n1 60\nfn=odd\n2 10\ncfn=even\ncalls=5 1\n2 50\n\
         fn=main\n3 1\ncfn=even\ncalls=1 1\n3 20\n",
    );
    assert!(is_sound(&mutual), "{:?}", check(&mutual));
    let figures = figures(&mutual);
    assert_eq!((figures["a:even"].2, figures["a:odd"].2), (20.0, 20.0), "not more than went by in both");
    assert_eq!(figures["a:main"].2, 21.0);
}

#[test]
fn positions_may_hold_no_line() {
    let instructions = read("positions: instr\nevents: Ir\nfl=a.c\nfn=f\n0x10 5\n+4 1\n");
    assert_eq!((instructions.functions[0].line, instructions.functions[0].calls.tottime), (0, 6.0));
    let three = read("positions: instr bb line\nevents: Ir\nfl=a.c\nfn=f\n0x10 3 12 5\n+4 * +1 1\n");
    assert_eq!((three.functions[0].line, three.functions[0].calls.tottime), (12, 6.0));
}
