//! Where profiled processes are found: a folder of the user's, with two sockets for each stream.
//!
//! ```text
//!  $XDG_RUNTIME_DIR/pikos, else TMPDIR/pikos-UID         0700, and nobody else's
//!    4711-1a2b3c.pub     what the process sends           PID-START, START in hexadecimal
//!    4711-1a2b3c.ctl     where it takes commands
//! ```
//! START tells a process from an earlier one of the same number. What a process left behind that was killed is
//! removed by whoever looks next.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::process::{Pid, geteuid, getpid, test_kill_process};

/// What the system takes as the address of a socket, in bytes (Linux: 107).
pub const LONGEST_PATH: usize = 100;

/// One stream of this host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// The process.
    pub pid: u32,
    /// When it started, in a unit of the system's.
    pub start: u64,
    /// Which of its streams, from 1.
    pub number: u32,
    folder: PathBuf,
}

impl Address {
    /// This process's, in the user's folder, which is made if it isn't there.
    pub fn of_this_process(number: u32) -> io::Result<Self> {
        let pid = getpid().as_raw_nonzero().get().cast_unsigned();
        Ok(Self { pid, start: start_of(pid).unwrap_or(0), number, folder: folder()? })
    }

    /// Where it sends.
    pub fn publisher(&self) -> PathBuf {
        self.path("pub")
    }

    /// Where it takes commands.
    pub fn control(&self) -> PathBuf {
        self.path("ctl")
    }

    /// Whether the process is still there.
    pub fn is_alive(&self) -> bool {
        let Some(pid) = Pid::from_raw(self.pid.cast_signed()) else { return false };
        // Somebody else's process of that number is not the one that wrote into this folder.
        test_kill_process(pid).is_ok() && start_of(self.pid).is_none_or(|start| start == self.start)
    }

    /// Removes its sockets.
    pub fn remove(&self) {
        for path in [self.publisher(), self.control()] {
            // Gone already, or not ours to remove: nothing else can be done about it.
            let _ = fs::remove_file(path);
        }
    }

    fn path(&self, kind: &str) -> PathBuf {
        let number = if self.number > 1 { format!("-{}", self.number) } else { String::new() };
        self.folder.join(format!("{}-{:x}{number}.{kind}", self.pid, self.start))
    }

    fn parse(path: &Path) -> Option<Self> {
        if path.extension() != Some(OsStr::new("pub")) {
            return None;
        }
        let mut parts = path.file_stem()?.to_str()?.split('-');
        let address = Self {
            pid: parts.next()?.parse().ok()?,
            start: u64::from_str_radix(parts.next()?, 16).ok()?,
            number: parts.next().map_or(Some(1), |number| number.parse().ok())?,
            folder: path.parent()?.to_owned(),
        };
        (parts.next().is_none() && address.publisher() == path).then_some(address)
    }
}

/// The endpoint of a socket's path.
pub fn endpoint(path: &Path) -> String {
    format!("ipc://{}", path.display())
}

/// The user's folder, made if it isn't there. An error if it is somebody else's, or open to others.
pub fn folder() -> io::Result<PathBuf> {
    let user = geteuid().as_raw();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let path = match runtime
        .filter(|path| fs::metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user))
    {
        Some(runtime) => runtime.join("pikos"),
        None => std::env::temp_dir().join(format!("pikos-{user}")),
    };
    let error = |kind, problem: &str| io::Error::new(kind, format!("{}: {problem}", path.display()));
    if path.as_os_str().len() + "/4294967295-ffffffffffffffff-99.pub".len() > LONGEST_PATH {
        return Err(error(
            io::ErrorKind::InvalidInput,
            "too long a path for sockets; set XDG_RUNTIME_DIR, or TMPDIR, to a shorter one",
        ));
    }
    match fs::DirBuilder::new().mode(0o700).create(&path) {
        Err(problem) if problem.kind() != io::ErrorKind::AlreadyExists => {
            return Err(error(problem.kind(), &problem.to_string()));
        }
        _ => {}
    }
    let found = fs::symlink_metadata(&path)?;
    if !found.is_dir() {
        return Err(error(io::ErrorKind::NotADirectory, "is not a folder"));
    }
    if found.uid() != user {
        return Err(error(
            io::ErrorKind::PermissionDenied,
            "belongs to another user; remove it, or set XDG_RUNTIME_DIR",
        ));
    }
    if found.permissions().mode() & 0o077 != 0 {
        return Err(error(io::ErrorKind::PermissionDenied, "is open to other users; `chmod 700` it"));
    }
    Ok(path)
}

/// All streams of the user's on this host, by process number. What dead processes left is removed.
pub fn streams() -> io::Result<Vec<Address>> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder()?)? {
        let Some(address) = Address::parse(&item?.path()) else { continue };
        if address.is_alive() {
            found.push(address);
        } else {
            address.remove();
        }
    }
    found.sort();
    Ok(found)
}

/// When a process started: field 22 of its `stat`, in clock ticks since the system's start. Nothing where there is no
/// `/proc`.
fn start_of(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, so count from behind it.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> Address {
        Address { pid: 4711, start: 0x1a2b, number, folder: "/run/user/7/pikos".into() }
    }

    #[test]
    fn a_path_says_whose_it_is() {
        assert_eq!(address(1).publisher(), Path::new("/run/user/7/pikos/4711-1a2b.pub"));
        assert_eq!(address(2).control(), Path::new("/run/user/7/pikos/4711-1a2b-2.ctl"));
        for number in [1, 2, 17] {
            assert_eq!(Address::parse(&address(number).publisher()), Some(address(number)));
        }
    }

    #[test]
    fn other_names_are_nobodys() {
        for name in
            ["4711-1a2b.ctl", "x-1a2b.pub", "4711.pub", "4711-1a2b-3-4.pub", "4711-1a2b-1.pub", ".pub"]
        {
            assert_eq!(Address::parse(&Path::new("/run/user/7/pikos").join(name)), None, "{name}");
        }
    }

    #[test]
    fn the_dead_are_known() {
        let own = std::process::id();
        let start = start_of(own).unwrap_or(0);
        let alive = Address { pid: own, start, ..address(1) };
        assert!(alive.is_alive());
        assert!(!Address { start: start + 1, ..alive.clone() }.is_alive() || start_of(own).is_none());
        assert!(!Address { pid: 0, ..alive.clone() }.is_alive());
        assert!(!Address { pid: i32::MAX as u32, ..alive }.is_alive());
    }
}
