//! The model of a finished profile, and the formats it is read from and written to.
//!
//! Knows nothing of Python's runtime: a profile arrives as plain values.
#![forbid(unsafe_code)]

pub mod model;

pub use model::{Calls, Edge, Function, FunctionId, Profile, Text};
