//! What is read of a pstats file comes back from our own file as it was.

#![no_main]

use pstats_compat::EdgeDetail;
use pstats_compat::formats::Format;
use pstats_compat::formats::pstats::{read, write};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(profile) = pstats_compat_fuzz::read(Format::Pstats, bytes) else { return };
    assert!(profile.edges.len() <= bytes.len(), "memory beyond the file's size");
    let mut written = Vec::new();
    write(&profile, &mut written).expect("what was read can be written");
    let back = read(&written).expect("our own file");
    // Not a number is not equal to itself; without callers the kind of their figures is not known.
    let times = |p: &pstats_compat::Profile| {
        p.functions
            .iter()
            .map(|f| f.calls)
            .chain(p.edges.iter().map(|e| e.calls))
            .any(|calls| calls.tottime.is_nan() || calls.cumtime.is_nan())
    };
    if !times(&profile) && profile.metadata.edges == EdgeDetail::Full {
        assert_eq!(back, profile);
    }
});
