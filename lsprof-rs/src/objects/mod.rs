//! The program's objects: how many of which type there are, what keeps one alive, and which come and go.
//!
//! ```text
//!  ffi::heap ─ walk: each object once ─> census: of which type, how large; instances; who holds most of a type
//!            └ referrers: from the modules down to one object, by the shortest way
//! ```
//! No Python code runs while objects are looked at, and none is changed. Who calls names types and places afterwards, in Python.

pub mod census;
pub mod events;
mod kinds;
pub mod owned;
pub mod referrers;
mod visited;
mod walk;
