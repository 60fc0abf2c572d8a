//! What a file says that it is.

/// The first field.
pub const FORMAT: &str = "pikos-profile";
/// The second one.
pub const VERSION: u32 = 1;
