//! The ways out of a process on which no `finally` runs: what is recorded is saved there, and the program sees nothing of it.
//!
//! | way | who stands there |
//! |---|---|
//! | `os._exit` | `exit` |
//! | `os.exec*` | `exec` |
//! | SIGTERM, where its default action would be taken | `sigterm` |

pub mod exec;
pub mod exit;
pub mod sigterm;
