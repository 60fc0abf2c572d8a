//! Where the profiled processes of a user are to be found: a folder that only this user may enter, with two
//! sockets for each live profile.
//!
//! ```text
//!  FOLDER/PID-START.pub      messages       FOLDER/PID-START.ctl      requests and replies
//!  FOLDER/PID-START-2.pub    of a second profile in the same process
//!  FOLDER/PID-START.rec      what a recorder of the toolkit sends      FOLDER/PID-START.rctl    requests to it
//!  FOLDER/PID-START@BY-START.pub    of a process that another one, BY, samples and speaks for
//! ```
//! `START` is the process's start time, in hexadecimal clock ticks since boot: a pid alone is used again. Plain files
//! and names; opening sockets is not done here.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pikos_os::process::{exists, start_of};
use pikos_os::runtime_folder::{self, FolderError};

/// The longest path that an ipc socket can have, in bytes.
pub const MAX_SOCKET_PATH: usize = 107;

const MESSAGES: &str = "pub";
const CONTROL: &str = "ctl";
const RECORDS: &str = "rec";
const RECORDS_CONTROL: &str = "rctl";

/// The folder's name, among those of other programs.
const NAME: &str = "pikos";

/// Why there is no folder for the sockets.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// There is none that is fit to be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// It can't be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// No socket can have such a path.
    #[error(
        "{}: a socket's path may have {MAX_SOCKET_PATH} bytes, this one has {}: set XDG_RUNTIME_DIR or TMPDIR to a \
         shorter one", .0.display(), .0.as_os_str().len()
    )]
    TooLong(PathBuf),
}

/// A live profile's place in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The process.
    pub pid: u32,
    /// When it started, in clock ticks since boot; 0 where the system doesn't say.
    pub start: u64,
    /// Which of the process's profiles, from 1.
    pub number: u32,
    /// The process that speaks for it, where it doesn't do so itself, and when that one started.
    pub by: Option<(u32, u64)>,
    folder: PathBuf,
}

impl Place {
    /// The first place of this process that is free.
    pub fn free(folder: &Path) -> Result<Self, DiscoveryError> {
        Self::free_for(folder, std::process::id(), Self::messages)
    }

    /// The first that is free where this process speaks for another one.
    pub fn free_of(folder: &Path, pid: u32) -> Result<Self, DiscoveryError> {
        Self::free_for(folder, pid, Self::messages)
    }

    /// The first place of this process that is free for a recorder.
    pub fn free_for_records(folder: &Path) -> Result<Self, DiscoveryError> {
        Self::free_for(folder, std::process::id(), Self::records)
    }

    fn free_for(folder: &Path, pid: u32, socket: fn(&Self) -> PathBuf) -> Result<Self, DiscoveryError> {
        let started = |pid| start_of(pid).unwrap_or(0);
        let this = std::process::id();
        let by = (pid != this).then(|| (this, started(this)));
        let place = |number| Self { pid, start: started(pid), number, by, folder: folder.to_owned() };
        let free = (1..).map(place).find(|place| fs::symlink_metadata(socket(place)).is_err());
        let free = free.unwrap_or_else(|| place(1));
        match socket(&free) {
            path if path.as_os_str().len() > MAX_SOCKET_PATH => Err(DiscoveryError::TooLong(path)),
            _ => Ok(free),
        }
    }

    /// The socket that messages come from.
    pub fn messages(&self) -> PathBuf {
        self.folder.join(self.name(MESSAGES))
    }

    /// The socket that takes requests.
    pub fn control(&self) -> PathBuf {
        self.folder.join(self.name(CONTROL))
    }

    /// The socket that a recorder's records come from.
    pub fn records(&self) -> PathBuf {
        self.folder.join(self.name(RECORDS))
    }

    /// The socket that takes requests to a recorder.
    pub fn records_control(&self) -> PathBuf {
        self.folder.join(self.name(RECORDS_CONTROL))
    }

    /// Whether the process still runs, and the one that speaks for it.
    pub fn is_alive(&self) -> bool {
        let runs = |pid, started| match start_of(pid) {
            Some(start) => start == started,
            None => started == 0 && exists(pid),
        };
        runs(self.pid, self.start) && self.by.is_none_or(|(pid, started)| runs(pid, started))
    }

    /// Removes the files of a recorder's sockets.
    pub fn remove_records(&self) {
        for path in [self.records(), self.records_control()] {
            let _ = fs::remove_file(path);
        }
    }

    /// Removes both sockets' files. A file that is not there any more is no fault.
    pub fn remove(&self) {
        for path in [self.messages(), self.control()] {
            let _ = fs::remove_file(path);
        }
    }

    fn name(&self, extension: &str) -> String {
        let Self { pid, start, number, by, .. } = self;
        let by = by.map_or(String::new(), |(pid, start)| format!("@{pid}-{start:x}"));
        match number {
            1 => format!("{pid}-{start:x}{by}.{extension}"),
            _ => format!("{pid}-{start:x}-{number}{by}.{extension}"),
        }
    }

    fn parse(folder: &Path, name: &OsStr) -> Option<Self> {
        let name = name.to_str()?;
        let (stem, extension) = name.rsplit_once('.')?;
        let (stem, by) = match stem.split_once('@') {
            Some((stem, by)) => {
                let (pid, start) = by.split_once('-')?;
                (stem, Some((pid.parse().ok()?, u64::from_str_radix(start, 16).ok()?)))
            }
            None => (stem, None),
        };
        let mut parts = stem.split('-');
        let pid = parts.next()?.parse().ok()?;
        let start = u64::from_str_radix(parts.next()?, 16).ok()?;
        let number = parts.next().map_or(Ok(1), str::parse).ok()?;
        let place = Self { pid, start, number, by, folder: folder.to_owned() };
        // Only names that we would give: "+7-0x1.pub" is somebody else's.
        let ours = parts.next().is_none() && place.name(extension) == name;
        (ours && [MESSAGES, CONTROL, RECORDS, RECORDS_CONTROL].contains(&extension)).then_some(place)
    }
}

/// The folder of the running user's sockets, if it is there and fit to be used.
pub fn folder() -> Result<Option<PathBuf>, DiscoveryError> {
    Ok(runtime_folder::find(NAME)?)
}

/// The folder of the running user's sockets, made if it is not there yet.
pub fn make_folder() -> Result<PathBuf, DiscoveryError> {
    Ok(runtime_folder::make(NAME)?)
}

/// The live profiles in a folder, by pid. Sweeps what processes that are gone have left there.
pub fn list(folder: &Path) -> Result<Vec<Place>, DiscoveryError> {
    list_of(folder, Place::messages)
}

/// The recorders in a folder that send, likewise.
pub fn list_recorders(folder: &Path) -> Result<Vec<Place>, DiscoveryError> {
    list_of(folder, Place::records)
}

fn list_of(folder: &Path, socket: fn(&Place) -> PathBuf) -> Result<Vec<Place>, DiscoveryError> {
    let fail = |error| DiscoveryError::Io { path: folder.to_owned(), error };
    let mut places: Vec<Place> = Vec::new();
    for file in fs::read_dir(folder).map_err(fail)? {
        let file = file.map_err(fail)?;
        let Some(place) = Place::parse(folder, &file.file_name()) else { continue };
        if !file.file_type().is_ok_and(runtime_folder::is_socket) {
            continue;
        }
        if !place.is_alive() {
            place.remove();
            place.remove_records();
        } else if file.path() == socket(&place) {
            places.push(place);
        }
    }
    places.sort_by_key(|place| (place.pid, place.number));
    Ok(places)
}

/// The ZeroMQ endpoint of a socket's path.
pub fn endpoint(path: &Path) -> Vec<u8> {
    [b"ipc://", &*pikos_os::paths::to_bytes(path)].concat()
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
