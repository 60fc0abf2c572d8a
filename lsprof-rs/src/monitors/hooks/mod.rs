//! The hooks through which monitors are told of events: a build has one of them.

#[cfg(Py_3_12)]
mod monitoring;
#[cfg(not(Py_3_12))]
mod trace;

#[cfg(Py_3_12)]
pub use monitoring::follow;
#[cfg(not(Py_3_12))]
pub use trace::{follow, thread_started};
