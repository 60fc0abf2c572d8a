//! What is looked at: this process, by its memory; or with the GIL, where that can't be read.

use pikos_os::thread;
use pikos_sampler::read::{Code, CodeId, Look, Target};
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
        Subject::look(&mut self.0, look)?;
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

    fn ask_tasks(&mut self) {
        self.0.ask_tasks();
    }

    fn has_thread(&self, native_id: u64) -> bool {
        self.0.has_thread(native_id)
    }
}

impl Subject for ByGil {
    fn look(&mut self, look: &mut Look) -> Result<(), Trouble> {
        if Self::look(self, look) { Ok(()) } else { Err(Trouble::Over) }
    }

    fn code(&self, code: CodeId) -> &Code {
        Self::code(self, code)
    }

    fn ask_activity(&mut self, _on: bool) {}

    fn ask_tasks(&mut self) {}

    fn has_thread(&self, native_id: u64) -> bool {
        thread::is_of(native_id, std::process::id())
    }
}
