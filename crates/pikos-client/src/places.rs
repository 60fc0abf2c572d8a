//! The user's processes on this host that can be listened to.

use std::path::Path;
use std::time::{Duration, Instant};

use pikos_wire::discovery::{self, Place};

use crate::target::ClientError;

/// Longer than sockets are away for a fork.
const FORKING: Duration = Duration::from_millis(200);

/// The user's live profiles on this host.
pub fn profiles() -> Result<Vec<Place>, ClientError> {
    Ok(discovery::folder()?.map(|folder| discovery::list(&folder)).transpose()?.unwrap_or_default())
}

/// The user's recorders on this host.
pub fn recorders() -> Result<Vec<Place>, ClientError> {
    let found = discovery::folder()?.map(|folder| discovery::list_recorders(&folder)).transpose()?;
    Ok(found.unwrap_or_default())
}

/// What `find` finds of a process. Its sockets are away while it forks: then they are looked for again.
pub fn of_process<T>(
    pid: u32,
    find: impl Fn() -> Result<Vec<T>, ClientError>,
) -> Result<Vec<T>, ClientError> {
    let start = Instant::now();
    loop {
        let found = find()?;
        if !found.is_empty() {
            return Ok(found);
        }
        if start.elapsed() > FORKING {
            return Err(not_live(pid));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Why nobody listens to this process.
fn not_live(pid: u32) -> ClientError {
    match recorders() {
        Ok(recorders) if recorders.iter().any(|place| place.pid == pid) => ClientError::RecordsOnly(pid),
        _ => ClientError::NotLive(pid),
    }
}

/// What ZeroMQ calls a socket of the folder.
pub fn endpoint_of(socket: &Path) -> String {
    // Folders are named by people who write UTF-8; of others, nobody is heard.
    String::from_utf8_lossy(&discovery::endpoint(socket)).into_owned()
}
