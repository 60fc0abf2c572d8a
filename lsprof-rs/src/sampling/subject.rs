//! What is looked at: this process, by its memory; or with the GIL, where that can't be read.

use pikos_sampler::read::{Code, CodeId, Look, Target, Unreadable};
use pikos_sampler::record::{Mode, Subject, Trouble};

use super::by_gil::ByGil;
use crate::ffi::runtime;

/// This process, and why it isn't its memory that is read, where it isn't.
pub fn this_process() -> (Box<dyn Subject>, Option<String>) {
    match Target::this(runtime::address(), runtime::version()) {
        Ok(target) => (Box::new(ByMemory(target)), None),
        Err(error) => (Box::new(ByGil::default()), Some(error.to_string())),
    }
}

/// Whether looks that take the GIL can tell which threads count.
pub fn can_tell_by_gil(mode: Mode) -> bool {
    // Whoever has the GIL, and runs, waits while somebody looks.
    mode == Mode::Wall
}

/// Looks that copy memory.
struct ByMemory(Target);

impl Subject for ByMemory {
    fn look(&mut self, look: &mut Look) -> Result<(), Trouble> {
        self.0.look(look).map_err(|error| match error {
            Unreadable::Ended { .. } => Trouble::Over,
            error => Trouble::Failed(error.to_string()),
        })?;
        // One that has no frame is no thread of the program's: ours, say, that asks for names.
        look.threads.retain(|thread| !thread.stack.is_empty());
        Ok(())
    }

    fn code(&self, code: CodeId) -> &Code {
        self.0.code(code)
    }

    fn ask_activity(&mut self, on: bool) {
        self.0.ask_activity(on);
    }

    fn has_thread(&self, native_id: u64) -> bool {
        exists(native_id)
    }
}

/// Whether this process has a thread of this number; if nobody knows, it has.
fn exists(native_id: u64) -> bool {
    // Not every system has such a folder.
    !std::fs::exists("/proc/self/task").unwrap_or(false)
        || std::fs::exists(format!("/proc/self/task/{native_id}")).unwrap_or(true)
}

impl Subject for ByGil {
    fn look(&mut self, look: &mut Look) -> Result<(), Trouble> {
        if Self::look(self, look) { Ok(()) } else { Err(Trouble::Over) }
    }

    fn code(&self, code: CodeId) -> &Code {
        Self::code(self, code)
    }

    fn ask_activity(&mut self, _on: bool) {}

    fn has_thread(&self, native_id: u64) -> bool {
        exists(native_id)
    }
}
