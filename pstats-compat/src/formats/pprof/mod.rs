//! pprof: the gzipped protobuf of `go tool pprof` and its web page.
//!
//! The message `Profile` of pprof's `profile.proto`, of which these fields are written:
//!
//! ```text
//! Profile   1 sample_type*  2 sample*  4 location*  5 function*  6 string_table*
//!           9 time_nanos  10 duration_nanos  13 comment*  14 default_sample_type
//! ValueType 1 type  2 unit              (all text is a place in the string table)
//! Sample    1 location_id* (top first)  2 value*: calls, time  3 label: { 1 key: `thread`  2 str: its name }
//! Location  1 id  4 line: { 1 function_id  2 line }
//! Function  1 id  2 name  3 system_name  4 filename  5 start_line
//! ```
//!
//! That stacks are approximated, and what is known of the run, is told in comments (`pprof -comments` shows them).
//!
//! What others write and is read as well: `3 mapping` (files of code, for functions without a name), several lines in a
//! location (inlined functions, the innermost first), and any number of values for each sample, of which one is read: the one
//! that is asked for, else `default_sample_type`, else the last, as `go tool pprof` does.

mod message;
mod read;
mod write;

pub(crate) use message::looks_like_a_profile as looks_like_it;
pub use read::{read, read_event};
pub use write::write;
