//! What functions waited for the GIL: kept by the formats that have room for it, shown where there is any.

use pstats_compat::formats::{csv, json, native};
use pstats_compat::report::{Report, SortKey};
use pstats_compat::{Calls, Function, Profile};

fn function(name: &str, seconds: f64, gil_wait: f64) -> Function {
    let calls =
        Calls { ncalls: 2, primitive_calls: 2, tottime: seconds, cumtime: seconds, ..Calls::default() };
    Function { gil_wait, ..Function::new("app.py".into(), 1, name.into(), calls) }
}

fn profile(gil_wait: f64) -> Profile {
    Profile::new(vec![function("work", 1.5, gil_wait), function("rest", 0.5, 0.0)], vec![])
}

type Write = fn(&Profile, &mut dyn std::io::Write) -> pstats_compat::Result<()>;

fn written(profile: &Profile, write: Write) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(profile, &mut bytes).unwrap();
    bytes
}

fn text(profile: &Profile, write: Write) -> String {
    String::from_utf8(written(profile, write)).unwrap()
}

fn table(profile: &Profile) -> String {
    let mut text = Vec::new();
    Report::new(profile, &[SortKey::Time]).write_stats(&[], &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn files_keep_it() {
    for gil_wait in [0.0, 0.25] {
        let profile = profile(gil_wait);
        assert_eq!(native::read(&written(&profile, native::write)).unwrap(), profile);
        assert_eq!(json::read(&written(&profile, json::write)).unwrap(), profile);
    }
}

#[test]
fn it_is_a_column_where_anybody_waited() {
    let (waited, not) = (profile(0.25), profile(0.0));
    assert!(text(&waited, csv::write).contains("cumtime,gil_wait\r\napp.py,1,work,,2,2,1.5,1.5,0.25\r\n"));
    assert!(text(&not, csv::write).contains("cumtime\r\napp.py,1,work,,2,2,1.5,1.5\r\n"));
    assert!(table(&waited).contains("gil wait filename"));
    assert!(table(&waited).contains("0.250 app.py:1(work)"));
    assert!(!table(&not).contains("gil wait"));
    assert!(!text(&not, json::write).contains("gil_wait"));
}

#[test]
fn functions_of_one_label_have_waited_together() {
    let mut profile = Profile::new(vec![function("f", 1.0, 0.25), function("f", 1.0, 0.5)], vec![]);
    profile.merge_labels();
    assert_eq!(profile.functions[0].gil_wait, 0.75);
}

#[test]
fn a_file_that_says_it_of_other_functions_is_refused() {
    let bytes = written(&profile(0.25), native::write);
    let at = bytes.windows(4).position(|kind| kind == b"wait").unwrap();
    let block = |bytes: &[u8], at: usize| {
        let stored = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
        bytes[at..at + 16 + stored].to_vec()
    };
    let waits = block(&bytes, at);
    let mut one = profile(0.25);
    one.functions.pop();
    let mut other = written(&one, native::write);
    let start = other.windows(4).position(|kind| kind == b"wait").unwrap();
    let length = block(&other, start).len();
    other.splice(start..start + length, waits);
    let error = native::read(&other).unwrap_err();
    assert!(error.to_string().contains("what it waited"), "{error}");
}
