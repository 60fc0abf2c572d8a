//! Any bytes as a file of this format; what is read must be writable in every format.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pstats_compat::formats::{Format, pyinstrument};

fuzz_target!(|bytes: &[u8]| {
    let Ok(profile) = pyinstrument::read(bytes) else {
        return;
    };
    for name in Format::names() {
        let format: Format = name.parse().expect("a name of the list");
        // A count may be too large for a format, and then it says so.
        let _ = format.write(&profile, &mut std::io::sink());
    }
    pstats_compat::check::check(&profile);
});
