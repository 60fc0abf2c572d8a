//! What Python sees.

pub mod batches;
pub mod functions;
pub mod listener;
pub mod objects;
pub mod profiler;
pub mod relay;
pub mod sampler;
pub mod stored;
pub mod whole_file;
