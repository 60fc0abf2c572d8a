//! Whether frame evaluation counts: asked by the ordinary hook, which it has to know, too.

use std::sync::atomic::{AtomicBool, Ordering};

/// Whether our function counts. It may be called when it doesn't: another tool may have put it behind its own.
pub static RUNNING: AtomicBool = AtomicBool::new(false);

/// Whether frames come to us.
pub fn is_running() -> bool {
    RUNNING.load(Ordering::Relaxed)
}
