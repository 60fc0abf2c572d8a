//! Pikos' own file (checksums don't count here). What is read comes back from it.

#![no_main]

use pstats_compat::formats::{Format, native};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(profile) = pstats_compat_fuzz::read(Format::Pikos, bytes) else { return };
    let mut written = Vec::new();
    native::write(&profile, &mut written).expect("a Vec takes every byte");
    let again = native::read(&written).expect("our own file");
    assert_eq!(again.functions.len(), profile.functions.len());
});
