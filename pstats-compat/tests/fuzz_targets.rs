//! Every format that is read has a fuzz target.

use std::collections::BTreeSet;
use std::fs;

use pstats_compat::formats::Format;

#[test]
fn every_format_that_is_read_has_a_fuzz_target() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    let manifest = fs::read_to_string(format!("{folder}/Cargo.toml")).expect("the targets' manifest");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(format!("{folder}/fuzz_targets")).expect("the targets' folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is never built");
        // It reads what it is called after.
        let text = fs::read_to_string(&path).expect("a target");
        let reads = |format: Format| text.contains(&format!("Format::{format:?}, bytes"));
        let read: Vec<_> = Format::all().filter(|format| reads(*format)).map(Format::name).collect();
        match name.as_str() {
            "input" => assert!(read.is_empty(), "it reads whatever it is given"),
            _ => assert_eq!(read, [name.as_str()]),
        }
        found.insert(name);
    }
    let mut expected: BTreeSet<String> = Format::readable().into_iter().map(str::to_owned).collect();
    expected.insert("input".to_owned());
    assert_eq!(found, expected);
}
