//! What is read as it is written.

/// The name of the node that all others stand below.
pub const ROOT: &str = "(root)";
