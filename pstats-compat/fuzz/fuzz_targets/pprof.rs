#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    pstats_compat_fuzz::read(pstats_compat::formats::Format::Pprof, bytes);
});
