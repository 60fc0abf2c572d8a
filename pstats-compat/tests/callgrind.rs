//! The callgrind reader and writer.

mod support;

use pstats_compat::formats::{callgrind, pstats};
use pstats_compat::{Function, Profile, Unit};

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
        ("positions: instr", "line 1: `positions:` must name"),
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
