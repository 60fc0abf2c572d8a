//! The user's processes on this host that can be listened to.

use std::path::Path;

use pikos_wire::discovery::{self, Place};

use crate::target::ClientError;

/// The user's live profiles on this host.
pub fn profiles() -> Result<Vec<Place>, ClientError> {
    Ok(discovery::folder()?.map(|folder| discovery::list(&folder)).transpose()?.unwrap_or_default())
}

/// The user's recorders on this host.
pub fn recorders() -> Result<Vec<Place>, ClientError> {
    let found = discovery::folder()?.map(|folder| discovery::list_recorders(&folder)).transpose()?;
    Ok(found.unwrap_or_default())
}

/// Why nobody listens to this process.
pub fn not_live(pid: u32) -> ClientError {
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
