//! Any bytes as a file of any kind: unpacked, known by its content, read.

#![no_main]

use std::path::Path;

use pstats_compat::formats::{ReadOptions, read_from};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for (name, event, profile) in [("x", None, None), ("x.prof.gz", Some("Ir"), Some("2"))] {
        let options = ReadOptions {
            event: event.map(str::to_owned),
            profile: profile.map(str::to_owned),
            ..ReadOptions::default()
        };
        if let Ok(profile) = read_from(bytes, Some(Path::new(name)), &options) {
            pstats_compat_fuzz::write(&profile);
        }
    }
});
