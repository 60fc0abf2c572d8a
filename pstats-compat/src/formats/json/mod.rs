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
//! Where objects were counted: `"objects": { "types": [ { "type": "Model", "module": "app", "created": 9, "destroyed": 4, "alive": 5, "peak": 7,
//! "bytes": 280, "places": [ { "file": "app.py", "line": 3, "function": "make", "created": 9, "alive": 5 } ] } ], "unlisted": 0,
//! "over_time": [ { "at": 0.5, "alive": 5, "bytes": 280, "types": [ [ 0, 5, 280 ] ] } ] }`, as docs/objects.md explains them; a type over time is
//! its place in `types`, how many there were, and their bytes. What nobody is told is `null`.
//!
//! `facts` are those of the run, by name, as docs/file.md lists them; they may be missing. `function` is a place in `functions`. A function that is known as a caller only has no figures.
//! `distribution` is explained in
//! docs/distributions.md. A time that is no number is `null`; figures that nobody measured are left out.

mod objects;
mod read;
mod schema;
mod tasks;
mod write;

pub use read::read;
pub use write::write;
