//! The doors to CPython's C API that PyO3 has no safe form of. One function for each difference between releases.

pub mod at_fork;
pub mod attach;
pub mod builtin;
#[cfg(Py_3_12)]
pub mod callable;
pub mod code_end;
pub mod context;
pub mod frame;
pub mod frame_eval;
pub mod generator;
pub mod gil;
pub mod heap;
pub mod in_front;
pub mod interpreter_frame;
#[cfg(wraps_memory)]
mod memory;
pub mod modules;
pub mod named_tuple;
pub mod object_type;
pub mod pending;
#[cfg(Py_3_13)]
pub mod ref_tracer;
pub mod running;
pub mod runtime;
pub mod size;
pub mod strings;
pub mod struct_sequence;
pub mod thread;
pub mod thread_state;
pub mod trampoline;

pub mod callback;
#[cfg(not(Py_3_12))]
pub mod function_versions;
#[cfg(not(Py_3_12))]
pub mod other_threads;
#[cfg(not(Py_3_12))]
pub mod profile_function;

pub use frame::{code_line, each_open, open_below, running_frame, running_globals};
