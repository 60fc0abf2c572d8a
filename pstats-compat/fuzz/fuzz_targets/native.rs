//! Any bytes as Pikos' own file (checksums don't count here); what is read must be writable, and come back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pstats_compat::formats::native;

fuzz_target!(|bytes: &[u8]| {
    let Ok(profile) = native::read(bytes) else {
        return;
    };
    let mut written = Vec::new();
    native::write(&profile, &mut written).expect("a Vec takes every byte");
    let again = native::read(&written).expect("our own file");
    assert_eq!(again.functions.len(), profile.functions.len());
});
