//! Every fuzz target is built, and has something to begin with.

use std::fs;
use std::path::Path;

#[test]
fn every_fuzz_target_is_built_and_has_seeds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz");
    let manifest = fs::read_to_string(format!("{folder}/Cargo.toml")).expect("the targets' manifest");
    let mut targets = 0;
    for entry in fs::read_dir(format!("{folder}/fuzz_targets")).expect("the targets' folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name} is never built");
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds").join(&name);
        assert!(fs::read_dir(seeds).is_ok_and(|seeds| seeds.count() > 0), "{name} begins from nothing");
        targets += 1;
    }
    assert!(targets > 0);
    // All that the crate shows to fuzzing is looked at.
    let shown = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).expect("the crate");
    let shown = shown.split("pub use crate::parse::{").nth(1).and_then(|rest| rest.split('}').next());
    let target = fs::read_to_string(format!("{folder}/fuzz_targets/requests.rs")).expect("the target");
    for name in shown.expect("a list").split(", ") {
        assert!(
            target.contains(&format!("{name}(")) || target.contains(&format!("{name}::parse(")),
            "{name}"
        );
    }
}
