//! One look at a CPython process: every thread's stack, copied without stopping anybody.

mod look;

pub use look::{Code, CodeId, Frame, Look, Place, ThreadLook};
