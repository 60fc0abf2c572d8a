//! The pstats reader and writer: files of every interpreter, and files that must be refused.

use pstats_compat::formats::pstats::{read, write};
use pstats_compat::{Calls, Counts, Edge, EdgeDetail, Error, Function, FunctionId, Profile};

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/pstats/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn written(profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(profile, &mut bytes).expect("a Vec takes every byte");
    bytes
}

fn find<'p>(profile: &'p Profile, name: &str, line: u32) -> (FunctionId, &'p Function) {
    let found = |(_, f): &(FunctionId, &Function)| f.name == name.into() && f.line == line;
    profile.rows().find(found).unwrap_or_else(|| panic!("no {name}:{line}"))
}

#[test]
fn every_fixture_survives_a_round_trip() {
    let folder = format!("{}/tests/fixtures/pstats", env!("CARGO_MANIFEST_DIR"));
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("the fixtures") {
        let path = entry.expect("a fixture").path();
        let profile = read(&std::fs::read(&path).expect("its bytes"))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(read(&written(&profile)).expect("our own file"), profile, "{}", path.display());
        assert!(profile.rows().count() >= 2, "{}", path.display());
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn counts_are_those_of_the_program() {
    for version in ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14", "3.15"] {
        let profile = read(&fixture(&format!("cprofile-{version}.pstats"))).expect(version);
        // fib(n) makes 2·fib(n+1)-1 calls: 465 for fib(12), 67 for each of five fib(8).
        let (fib, function) = find(&profile, "fib", 4);
        assert_eq!((function.calls.ncalls, function.calls.primitive_calls), (800, 6), "{version}");
        let recursive = profile
            .edges
            .iter()
            .find(|edge| edge.caller == fib && edge.callee == fib)
            .expect("fib calls itself");
        assert_eq!((recursive.calls.ncalls, recursive.calls.primitive_calls > 0), (794, true));
        let from_outside: u64 = profile
            .edges
            .iter()
            .filter(|edge| edge.callee == fib && edge.caller != fib)
            .map(|edge| edge.calls.ncalls)
            .sum();
        assert_eq!(from_outside, 6, "{version}");
        assert_eq!(profile.metadata.edges, EdgeDetail::Full);
    }
}

#[test]
fn a_label_with_other_letters_survives() {
    let profile = read(&fixture("cprofile-3.13.pstats")).expect("a profile");
    assert_eq!(find(&profile, "café", 26).1.calls.ncalls, 1);
}

#[test]
fn two_lambdas_on_one_line_are_added_up() {
    let lambda = |ncalls| {
        let calls = Calls { ncalls, primitive_calls: ncalls, tottime: 0.5, cumtime: 0.5, ..Calls::default() };
        Function::new("a.py".into(), 7, "<lambda>".into(), calls)
    };
    let edge = |caller, callee| Edge {
        caller: FunctionId(caller),
        callee: FunctionId(callee),
        calls: Calls { ncalls: 2, primitive_calls: 2, tottime: 0.25, cumtime: 0.25, ..Calls::default() },
    };
    let profile = Profile::new(vec![lambda(2), lambda(3)], vec![edge(0, 1), edge(1, 0), edge(1, 1)]);
    let merged = read(&written(&profile)).expect("our own file");
    assert_eq!(merged.functions.len(), 1);
    assert_eq!(merged.functions[0].calls.ncalls, 5);
    assert_eq!(merged.edges.len(), 1);
    assert_eq!(merged.edges[0].calls.ncalls, 6);
}

#[test]
fn variants_of_others_are_understood() {
    let sampled = read(&fixture("sampled-3.15.pstats")).expect("a sampled profile");
    assert_eq!(sampled.metadata.counts, Counts::Samples);
    assert_eq!(sampled.metadata.edges, EdgeDetail::CountsOnly);
    assert_eq!(find(&sampled, "main", 34).1.calls.ncalls, 21);

    let uncounted = read(&fixture("pyinstrument.pstats")).expect("a profile without counts");
    assert_eq!(uncounted.metadata.counts, Counts::Unknown);

    let python = read(&fixture("profile-3.11.pstats")).expect("a profile of `profile`");
    assert_eq!(python.metadata.edges, EdgeDetail::CountsOnly);

    // yappi writes all calls in the place of primitive calls: kept as found.
    let yappi = read(&fixture("yappi.pstats")).expect("a profile of yappi");
    let fib = find(&yappi, "fib", 4).1.calls;
    assert_eq!((fib.primitive_calls, fib.ncalls), (800, 6));
}

/// A file of one function whose row is given, around which `{label: row}` is put.
fn file_of(row: &[u8]) -> Vec<u8> {
    [b"{\x29\x03z\x01fi\x05\0\0\0z\x01n", row, b"0"].concat()
}

const ROW: &[u8] = b"\x29\x05i\x01\0\0\0i\x01\0\0\0g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\0{0";

#[test]
fn the_smallest_file_is_read() {
    let profile = read(&file_of(ROW)).expect("a profile");
    assert_eq!(profile.functions.len(), 1);
    assert_eq!(read(b"{0").expect("an empty dict"), Profile::default());
}

#[test]
fn every_prefix_of_a_file_is_refused_as_truncated() {
    let bytes = fixture("cprofile-3.13.pstats");
    for end in 0..bytes.len() {
        let error = read(&bytes[..end]).expect_err("a truncated file");
        assert!(matches!(error, Error::Truncated { offset, .. } if offset <= end), "{end}: {error}");
    }
}

#[test]
fn what_is_no_profile_is_refused_with_its_place() {
    let row = |counts: &[u8]| [b"\x29\x05", counts, b"g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\0{0"].concat();
    let with_callers = |callers: &[u8]| {
        let start = b"\x29\x05i\x01\0\0\0i\x01\0\0\0g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\0{";
        file_of(&[start.as_slice(), callers, b"0"].concat())
    };
    let caller = b"\x29\x03z\x01fi\x05\0\0\0z\x01n";
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        (
            "a pickle",
            b"\x80\x04\x95".to_vec(),
            "byte 0: expected the dict of a profile, found a pickle, which can run code",
        ),
        (
            "a code object",
            b"\xe3\0\0\0\0".to_vec(),
            "byte 0: expected the dict of a profile, found a code object;",
        ),
        (
            "a code object inside",
            file_of(b"\xe3\0\0\0\0"),
            "byte 14: expected the totals of a function, found a code object;",
        ),
        (
            "a code object in a label",
            b"{\x29\x03c".to_vec(),
            "byte 3: expected a file name, found a code object;",
        ),
        ("a list", b"[\0\0\0\0".to_vec(), "byte 0: expected the dict of a profile, found a list;"),
        (
            "Python 2",
            b"{(\x03\0\0\0s\x01\0\0\0f".to_vec(),
            "byte 6: expected a file name, found bytes (a profile of Python 2?)",
        ),
        ("no marshal", b"\x7fELF".to_vec(), "this is no profile in a format that Pikos knows"),
        ("a label of two", b"{\x29\x02z\x01f".to_vec(), "byte 1: a label of 2 items"),
        ("a huge tuple", b"{(\xff\xff\xff\x7f".to_vec(), "byte 1: a label of 2147483647 items"),
        (
            "a negative length",
            b"{(\xff\xff\xff\xff".to_vec(),
            "byte 2: a label (file, line, name) of negative length",
        ),
        ("a huge string", b"{\x29\x03u\xff\xff\xff\x7fabc".to_vec(), "it ends inside a string, at byte 8"),
        ("a huge long", b"{\x29\x03z\x01fl\xff\xff\xff\x7f".to_vec(), "byte 7: an int of more than 64"),
        ("a negative line", b"{\x29\x03z\x01fi\xff\xff\xff\xff".to_vec(), "byte 6: the line number -1"),
        (
            "no text",
            b"{\x29\x03u\x01\0\0\0\xff".to_vec(),
            "byte 3: a string that is not valid in its encoding",
        ),
        ("no ASCII", b"{\x29\x03z\x01\xe9".to_vec(), "byte 3: a string that is not valid in its encoding"),
        (
            "a float for a count",
            file_of(&row(b"g\0\0\0\0\0\0\0\0")),
            "byte 16: expected a count of primitive calls, found a float;",
        ),
        ("a bad float", file_of(b"\x29\x05i\x01\0\0\0i\x01\0\0\0f\x01x"), "byte 26: a float whose"),
        (
            "some counts",
            file_of(&row(b"i\xff\xff\xff\xffi\x01\0\0\0")),
            "byte 21: some counts are known, others negative",
        ),
        (
            "a tuple of 4",
            file_of(b"\x29\x04"),
            "byte 14: expected the totals of a function in a tuple of 5 items, found one of 4",
        ),
        (
            "a dangling reference",
            b"{r\x05\0\0\0".to_vec(),
            "byte 1: a reference to value 5, but only 0 came before",
        ),
        ("a cycle", b"{\xa9\x03r\0\0\0\0".to_vec(), "byte 3: a reference to value 0 from inside"),
        (
            "a function twice",
            [b"{", &file_of(ROW)[1..46], &file_of(ROW)[1..]].concat(),
            "byte 46: the profile already has",
        ),
        (
            "a caller twice",
            with_callers(&[caller, b"i\x01\0\0\0".as_slice(), caller].concat()),
            "byte 63: the function already has",
        ),
        (
            "callers of two kinds",
            with_callers(
                &[
                    caller,
                    b"i\x01\0\0\0\x29\x03z\x01gi\x05\0\0\0z\x01n".as_slice(),
                    b"\x29\x04i\x01\0\0\0i\x01\0\0\0g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\0",
                ]
                .concat(),
            ),
            "byte 76: some callers have times",
        ),
        ("the mark as a caller", with_callers(b"\x29\x01z\x0b__sampled__"), "byte 45: the mark of a sampled"),
        (
            "callers that are None",
            file_of(&[&ROW[..ROW.len() - 2], b"N"].concat()),
            "byte 44: expected the callers of a function, found None;",
        ),
        ("more after the end", b"{0x".to_vec(), "byte 2: more data after the end"),
    ];
    for (what, bytes, expected) in cases {
        let error = read(&bytes).expect_err(what).to_string();
        assert!(error.contains(expected), "{what}: {error}");
    }
}

#[test]
fn references_to_one_dict_cannot_exhaust_memory() {
    // A dict of 1000 callers, then 100,000 functions that each refer to it: 3 MB that would
    // become 100 million edges.
    let mut bytes = b"{".to_vec();
    let label = |n: u32| [b"\x29\x03z\x01fi".as_slice(), &n.to_le_bytes(), b"z\x01n"].concat();
    let start = b"\x29\x05i\x01\0\0\0i\x01\0\0\0g\0\0\0\0\0\0\0\0g\0\0\0\0\0\0\0\0";
    bytes.extend_from_slice(&label(0));
    bytes.extend_from_slice(start);
    bytes.push(b'{' | 0x80);
    for caller in 0..1000 {
        bytes.extend_from_slice(&label(caller));
        bytes.extend_from_slice(b"i\x01\0\0\0");
    }
    bytes.push(b'0');
    for function in 1..100_000 {
        bytes.extend_from_slice(&label(function));
        bytes.extend_from_slice(start);
        bytes.extend_from_slice(b"r\0\0\0\0");
    }
    bytes.push(b'0');
    let error = read(&bytes).expect_err("a bomb").to_string();
    assert!(error.contains("exhaust memory"), "{error}");
}
