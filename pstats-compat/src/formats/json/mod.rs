//! JSON: the whole profile, for programs.
//!
//! ```text
//! { "format": "pikos-profile", "version": 1,
//!   "unit": "seconds", "counts": "calls" | "samples" | "unknown",
//!   "edges": "full" | "counts-only" | "calls-and-cumtime",
//!   "facts": { "command": "python3 a.py", … },
//!   "functions": [ { "file": "a.py", "line": 1, "name": "f", "qualname": "C.f",
//!                    "ncalls": 2, "primitive_calls": 1, "tottime": 0.5, "cumtime": 1.5,
//!                    "cpu_tottime": 0.25, "cpu_cumtime": 1.0,
//!                    "distribution": { "min": 0.5, "p50": 0.5, …, "max": 1.0, "slowest_at": 3.5, "slowest_stack": [ 2, 0 ],
//!                                      "buckets": [ [ 839, 1 ], [ 871, 1 ] ] },
//!                    "callers": [ { "function": 0, "ncalls": 2, … } ] } ] }
//! ```
//!
//! Where coroutines were followed: `"coroutines": [ { "function": 0, "caller": 1, "started": 3, "steps": 9, "run": 0.1, "await": 2.5,
//! "elapsed": 2.6, "longest_step": 0.01, "longest_step_at": 1.25, … } ]` and `"slow_steps": { "from": 0.05, "count": 1, "seconds": 0.3,
//! "longest": [ { "at": 1.5, "seconds": 0.3, "task": "Task-7", "function": 0, "path": [ { "function": 0, "seconds": 0.3 }, … ] } ] }`,
//! as docs/tasks.md explains them.
//!
//! `facts` are those of the run, by name, as docs/file.md lists them; they may be missing. `function` is a place in `functions`. A function that is known as a caller only has no figures.
//! `distribution` is explained in
//! docs/distributions.md. A time that is no number is `null`; figures that nobody measured are left out.

mod read;
mod schema;
mod tasks;
mod write;

pub use read::read;
pub use write::write;
