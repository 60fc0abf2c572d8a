//! A CPython process as what is looked at.

use pikos_os::thread;

use super::subject::{Subject, Trouble};
use crate::read::{Code, CodeId, Look, Target, Unreadable};

impl Subject for Target {
    fn look(&mut self, look: &mut Look) -> Result<(), Trouble> {
        Target::look(self, look).map_err(|error| match error {
            Unreadable::Ended { .. } => Trouble::Over,
            other => Trouble::Failed(other.to_string()),
        })
    }

    fn code(&self, code: CodeId) -> &Code {
        Target::code(self, code)
    }

    fn ask_activity(&mut self, on: bool) {
        Target::ask_activity(self, on);
    }

    fn ask_tasks(&mut self) {
        Target::ask_tasks(self);
    }

    fn has_thread(&self, native_id: u64) -> bool {
        thread::is_of(native_id, self.pid())
    }
}
