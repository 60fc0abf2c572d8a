//! Where the profiled processes of a user are to be found: a folder that only this user may enter, with two
//! sockets for each live profile.
//!
//! ```text
//!  FOLDER/PID-START.pub      messages       FOLDER/PID-START.ctl      requests and replies
//!  FOLDER/PID-START-2.pub    of a second profile in the same process
//!  FOLDER/PID-START.rec      what a recorder of the toolkit sends
//! ```
//! `START` is the process's start time, in hexadecimal clock ticks since boot: a pid alone is used again. Plain files
//! and names; opening sockets is not done here.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The longest path that an ipc socket can have, in bytes.
pub const MAX_SOCKET_PATH: usize = 107;

const MESSAGES: &str = "pub";
const CONTROL: &str = "ctl";
const RECORDS: &str = "rec";

/// Why there is no folder for the sockets.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The system refuses.
    #[error("{}: {error}", path.display())]
    Io {
        /// What could not be read or made.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Something else stands in its place.
    #[error("{} is not a folder: remove it, or set XDG_RUNTIME_DIR or TMPDIR to another place", .0.display())]
    NotAFolder(PathBuf),
    /// Others may enter it, or it is theirs.
    #[error(
        "{} must belong to user {expected} and be closed to all others (mode 0700); it belongs to user {owner}, mode \
         {mode:04o}: remove it, or set XDG_RUNTIME_DIR or TMPDIR to another place",
        path.display()
    )]
    NotOurs {
        /// The folder.
        path: PathBuf,
        /// Our user.
        expected: u32,
        /// Whose it is.
        owner: u32,
        /// Its permissions.
        mode: u32,
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
    folder: PathBuf,
}

impl Place {
    /// The first place of this process that is free.
    pub fn free(folder: &Path) -> Result<Self, DiscoveryError> {
        Self::free_for(folder, Self::messages)
    }

    /// The first place of this process that is free for a recorder.
    pub fn free_for_records(folder: &Path) -> Result<Self, DiscoveryError> {
        Self::free_for(folder, Self::records)
    }

    fn free_for(folder: &Path, socket: fn(&Self) -> PathBuf) -> Result<Self, DiscoveryError> {
        let pid = std::process::id();
        let start = start_of(pid).unwrap_or(0);
        let place = |number| Self { pid, start, number, folder: folder.to_owned() };
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

    /// Whether the process that made it still runs.
    pub fn is_alive(&self) -> bool {
        match start_of(self.pid) {
            Some(start) => start == self.start,
            None => self.start == 0 && process_exists(self.pid),
        }
    }

    /// Removes the file of a recorder's socket.
    pub fn remove_records(&self) {
        let _ = fs::remove_file(self.records());
    }

    /// Removes both sockets' files. A file that is not there any more is no fault.
    pub fn remove(&self) {
        for path in [self.messages(), self.control()] {
            let _ = fs::remove_file(path);
        }
    }

    fn name(&self, extension: &str) -> String {
        let Self { pid, start, number, .. } = self;
        match number {
            1 => format!("{pid}-{start:x}.{extension}"),
            _ => format!("{pid}-{start:x}-{number}.{extension}"),
        }
    }

    fn parse(folder: &Path, name: &OsStr) -> Option<Self> {
        let name = name.to_str()?;
        let (stem, extension) = name.rsplit_once('.')?;
        let mut parts = stem.split('-');
        let pid = parts.next()?.parse().ok()?;
        let start = u64::from_str_radix(parts.next()?, 16).ok()?;
        let number = parts.next().map_or(Ok(1), str::parse).ok()?;
        let place = Self { pid, start, number, folder: folder.to_owned() };
        // Only names that we would give: "+7-0x1.pub" is somebody else's.
        let ours = parts.next().is_none() && place.name(extension) == name;
        (ours && [MESSAGES, CONTROL, RECORDS].contains(&extension)).then_some(place)
    }
}

/// The folder of the running user's sockets, whether or not it is there.
///
/// `$XDG_RUNTIME_DIR/pikos` if that is a folder of this user; else `pikos-UID` in `$TMPDIR` or `/tmp`.
pub fn folder_path() -> PathBuf {
    folder_in(std::env::var_os("XDG_RUNTIME_DIR"), std::env::var_os("TMPDIR"), user())
}

/// The folder of the running user's sockets, if it is there and fit to be used.
pub fn folder() -> Result<Option<PathBuf>, DiscoveryError> {
    let path = folder_path();
    match fs::symlink_metadata(&path) {
        Ok(metadata) => check(&path, &metadata, user()).map(|()| Some(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DiscoveryError::Io { path, error }),
    }
}

/// The folder of the running user's sockets, made if it is not there yet.
pub fn make_folder() -> Result<PathBuf, DiscoveryError> {
    let path = folder_path();
    match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(DiscoveryError::Io { path, error });
        }
        _ => {}
    }
    // Of what is there, whoever made it: somebody may have been quicker.
    match fs::symlink_metadata(&path) {
        Ok(metadata) => check(&path, &metadata, user()).map(|()| path),
        Err(error) => Err(DiscoveryError::Io { path, error }),
    }
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
        if !file.file_type().is_ok_and(|kind| kind.is_socket()) {
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

fn folder_in(runtime: Option<OsString>, temporary: Option<OsString>, user: u32) -> PathBuf {
    let runtime = runtime.map(PathBuf::from).filter(|path| {
        path.is_absolute()
            && fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user)
    });
    match runtime {
        Some(runtime) => runtime.join("pikos"),
        None => {
            let temporary = temporary.map(PathBuf::from).filter(|path| path.is_absolute());
            temporary.unwrap_or_else(|| "/tmp".into()).join(format!("pikos-{user}"))
        }
    }
}

/// A folder of this user's own, no link, and closed to all others.
fn check(path: &Path, metadata: &Metadata, user: u32) -> Result<(), DiscoveryError> {
    if !metadata.is_dir() {
        return Err(DiscoveryError::NotAFolder(path.to_owned()));
    }
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner != user || mode & 0o077 != 0 {
        return Err(DiscoveryError::NotOurs { path: path.to_owned(), expected: user, owner, mode });
    }
    Ok(())
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn process_exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // EPERM says that there is one, though not ours.
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// When a process started, in clock ticks since boot; `None` if there is none, if it is a zombie, or if the system
/// doesn't say.
pub fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in brackets, which may hold anything; fields from the third on follow the last one.
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[end + 1..]).ok()?.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The ZeroMQ endpoint of a socket's path.
pub fn endpoint(path: &Path) -> Vec<u8> {
    [b"ipc://", path.as_os_str().as_bytes()].concat()
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
