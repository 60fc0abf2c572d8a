//! One module for each file format, all alike: `read(bytes)` and `write(profile, out)`.

pub mod callgrind;
pub mod pstats;
