//! The ordinary hook of this build.

#[cfg(Py_3_12)]
pub use super::monitoring::*;
#[cfg(not(Py_3_12))]
pub use super::set_profile::*;
