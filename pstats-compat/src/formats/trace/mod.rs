//! Chrome's trace events, which Perfetto and `chrome://tracing` show: viztracer's, py-spy's, and many others'.
//!
//! ```text
//! { "traceEvents": [
//!     { "ph": "X", "name": "main (app.py:10)", "ts": 0, "dur": 2500, "pid": 1, "tid": 1 },
//!     { "ph": "B", "name": "load", "ts": 3, "pid": 1, "tid": 1, "args": { "filename": "a.py", "line": 3 } },
//!     { "ph": "E", "ts": 9, "pid": 1, "tid": 1 }, … ] }
//! ```
//!
//! Or the array alone, which need not be closed. Times are microseconds. `X` is a whole call, `B` and `E` are the beginning and
//! the end of one; all of a thread nest. `M` with the name `thread_name` says in `args.name` what a thread is called. Whatever else
//! there is (counters, flows, marks, asynchronous work) is no call.
//!
//! We write one `X` for each stack of each thread, its calls one after another; that order is made up.

mod events;
mod read;
mod write;

pub use read::read;
pub use write::write;
