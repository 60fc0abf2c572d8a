//! Signals: which thread gets them, what they do while a command runs, and a handler that forked children don't have.

#[cfg(unix)]
mod kept;
#[cfg(unix)]
mod meanwhile;
#[cfg(target_os = "linux")]
mod repeat;

#[cfg(not(unix))]
pub use crate::elsewhere::{
    keep, keep_again, let_go, seen, send_here, set_default, unused, with_all_blocked, with_deadly_interrupt,
};
#[cfg(unix)]
pub use kept::{keep, keep_again, let_go, seen, send_here, set_default, unused};
#[cfg(unix)]
pub use meanwhile::{with_all_blocked, with_deadly_interrupt};

/// Elsewhere nothing is repeated.
#[cfg(all(unix, not(target_os = "linux")))]
mod repeat {
    pub fn prepare(_signal: libc::c_int) {}

    pub fn every_ms(_interval: u32) {}
}
