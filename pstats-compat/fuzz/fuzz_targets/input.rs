//! Any bytes as a file of any kind: unpacked, known by its content, read; what is read must be writable in every format.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use pstats_compat::formats::{Format, ReadOptions, read_from};

fuzz_target!(|bytes: &[u8]| {
    for (name, event, profile) in [("x", None, None), ("x.prof.gz", Some("Ir"), Some("2"))] {
        let options = ReadOptions {
            format: None,
            event: event.map(str::to_owned),
            profile: profile.map(str::to_owned),
        };
        let Ok(profile) = read_from(bytes, Some(Path::new(name)), &options) else {
            continue;
        };
        for name in Format::names() {
            let format: Format = name.parse().expect("a name of the list");
            // A count may be too large for a format, and then it says so.
            let _ = format.write(&profile, &mut std::io::sink());
        }
        pstats_compat::check::check(&profile);
    }
});
