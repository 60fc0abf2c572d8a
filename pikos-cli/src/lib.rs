//! The `pikos` command as a library, so that the wheel can call it.
