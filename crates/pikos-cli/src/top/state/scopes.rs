//! The list of processes and threads.

use pikos_views::{Picture, ProcessId, Scope};

use super::cursor::Cursor;

/// What is on screen of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes {
    pub cursor: Cursor,
}

/// All that can be chosen: everything, each process, and its threads under it.
pub fn list(picture: &Picture) -> Vec<Scope> {
    let mut scopes = Vec::new();
    let profiles = picture.processes.iter().filter(|process| process.recorder.is_none()).count();
    if picture.has_sum && profiles > 1 {
        scopes.push(Scope::All);
    }
    for (process, place) in picture.processes.iter().zip(0u32..) {
        let id = ProcessId(place);
        scopes.push(Scope::Process(id));
        scopes.extend(process.threads.iter().map(|thread| Scope::Thread(id, thread.id)));
    }
    scopes
}
