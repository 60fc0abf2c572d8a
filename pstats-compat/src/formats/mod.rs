//! One module for each file format, all alike: `read(bytes)` and `write(profile, out)`, or `write(profile, stacks, out)` for those
//! that are made of full stacks.
//!
//! [`Format`] is the list of them: names and file endings. [`Output`] is a profile in one of them, with what it can't say.

pub mod callgrind;
pub mod collapsed;
mod content;
pub mod cpuprofile;
pub mod csv;
pub mod dot;
mod file;
pub mod firefox;
pub mod flamegraph;
mod format;
mod input;
pub mod json;
mod json_keys;
mod json_tokens;
mod limits;
pub mod markdown;
pub mod native;
pub mod page;
pub mod perf;
pub mod pprof;
pub mod pstats;
pub mod pyinstrument;
pub mod speedscope;
mod string_table;
pub mod text;
pub mod trace;

pub use content::is_our_page;
pub use file::{create, replace, replaceable, save, save_file};
pub use format::{Format, Output, ReadFn, UnknownFormat};
pub use input::{ReadOptions, contents, is_profile, read_from};
pub use limits::MOST_BYTES;
