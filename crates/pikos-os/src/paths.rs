//! Paths as the bytes that they are on the wire.

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    /// The path that these bytes are.
    pub fn path_from_bytes(bytes: &[u8]) -> PathBuf {
        OsStr::from_bytes(bytes).into()
    }

    /// The bytes that a path is.
    pub fn path_to_bytes(path: &Path) -> Vec<u8> {
        path.as_os_str().as_bytes().to_owned()
    }
}

#[cfg(not(unix))]
pub use crate::elsewhere::{path_from_bytes as from_bytes, path_to_bytes as to_bytes};
#[cfg(unix)]
pub use unix::{path_from_bytes as from_bytes, path_to_bytes as to_bytes};
