//! Any bytes as the memory of a process: stacks, or none; bounded memory, and an end.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| pikos_sampler::read::look_at(bytes));
