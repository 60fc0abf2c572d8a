//! Sockets of this host that others connect to by a path or a name: made so that nothing that is there already is lost, and
//! that only this user may connect to a path.

use std::path::Path;

#[cfg(not(unix))]
pub use crate::elsewhere::{Descriptor, Mark, give_away, number_of as number, remove_socket as remove};
#[cfg(unix)]
pub use unix::{Descriptor, Mark, give_away, listen_at, listen_by_name, number, remove};

/// A socket that listens.
#[derive(Debug)]
pub struct Listening {
    /// It.
    pub descriptor: Descriptor,
    /// What tells its file from all others; `None` where it has none.
    pub mark: Option<Mark>,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Something else has the path.
    #[error("{0} is in the way: choose another path")]
    InTheWay(&'static str),
    /// It is in use.
    #[error("another process is listening there: choose another path")]
    InUse,
    /// The system says no.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Refused.
#[cfg(not(unix))]
pub fn listen_at(path: &Path) -> Result<Listening, ListenError> {
    Ok(Listening { descriptor: crate::elsewhere::listen_at(path)?, mark: None })
}

/// Refused.
#[cfg(not(unix))]
pub fn listen_by_name(name: &[u8]) -> Result<Listening, ListenError> {
    Ok(Listening { descriptor: crate::elsewhere::listen_by_name(name)?, mark: None })
}

#[cfg(unix)]
mod unix {
    use std::fs::{self, Metadata, Permissions};
    use std::io::ErrorKind;
    use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

    use rustix::fs::{Mode, fchmod};
    use rustix::io::Errno;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    use rustix::net::{bind, connect, listen, socket_with};

    use super::{ListenError, Listening, Path};

    /// An open socket.
    pub type Descriptor = OwnedFd;

    /// Device and number of a file.
    pub type Mark = (u64, u64);

    const ONLY_ITS_USER: u32 = 0o600;
    /// So many may wait to be let in.
    const BACKLOG: i32 = 100;

    /// Listens at a path. A socket that nobody listens at any more is replaced; whatever else is there stays, and is an error.
    pub fn listen_at(path: &Path) -> Result<Listening, ListenError> {
        let address = SocketAddrUnix::new(path).map_err(std::io::Error::from)?;
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => return Err(ListenError::InTheWay(what(&found))),
            Ok(found) => {
                if is_in_use(&address)? {
                    return Err(ListenError::InUse);
                }
                remove(path, mark(&found));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let descriptor = new_socket()?;
        // Before there is a file: on Linux it is made with this mode, less the umask. Where that can't be, it is set below, and
        // until then nobody is let in.
        let _ = fchmod(&descriptor, Mode::from_raw_mode(ONLY_ITS_USER as _));
        bound(&descriptor, &address)?;
        let mut found = fs::symlink_metadata(path)?;
        if found.mode() & 0o777 != ONLY_ITS_USER && found.file_type().is_socket() {
            fs::set_permissions(path, Permissions::from_mode(ONLY_ITS_USER))?;
            found = fs::symlink_metadata(path)?;
        }
        listen(&descriptor, BACKLOG).map_err(std::io::Error::from)?;
        Ok(Listening { descriptor, mark: Some(mark(&found)) })
    }

    /// Listens by a name in Linux' abstract namespace, where every user of the host may connect.
    #[cfg(target_os = "linux")]
    pub fn listen_by_name(name: &[u8]) -> Result<Listening, ListenError> {
        let address = SocketAddrUnix::new_abstract_name(name).map_err(std::io::Error::from)?;
        let descriptor = new_socket()?;
        bound(&descriptor, &address)?;
        listen(&descriptor, BACKLOG).map_err(std::io::Error::from)?;
        Ok(Listening { descriptor, mark: None })
    }

    /// Listens by a name; only Linux has such.
    #[cfg(not(target_os = "linux"))]
    pub fn listen_by_name(_name: &[u8]) -> Result<Listening, ListenError> {
        Err(std::io::Error::from(ErrorKind::Unsupported).into())
    }

    /// Removes the file of a socket, if it is still the same one.
    pub fn remove(path: &Path, which: Mark) {
        if fs::symlink_metadata(path).is_ok_and(|found| mark(&found) == which) {
            let _ = fs::remove_file(path);
        }
    }

    /// What the system calls it.
    pub fn number(descriptor: &Descriptor) -> i32 {
        descriptor.as_raw_fd()
    }

    /// It is somebody else's to close from now on.
    pub fn give_away(descriptor: Descriptor) {
        let _ = descriptor.into_raw_fd();
    }

    fn new_socket() -> std::io::Result<OwnedFd> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::empty(), None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        Ok(socket)
    }

    fn bound(descriptor: &OwnedFd, address: &SocketAddrUnix) -> Result<(), ListenError> {
        bind(descriptor, address).map_err(|error| match error {
            Errno::ADDRINUSE => ListenError::InUse,
            error => ListenError::Io(error.into()),
        })
    }

    /// Whether somebody listens. Whoever does sees a connection that says nothing.
    fn is_in_use(address: &SocketAddrUnix) -> std::io::Result<bool> {
        match connect(&new_socket()?, address) {
            Err(Errno::CONNREFUSED | Errno::NOENT) => Ok(false),
            // Too many wait to be let in, or it isn't for streams.
            Ok(()) | Err(Errno::AGAIN | Errno::INPROGRESS | Errno::PROTOTYPE) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn what(found: &Metadata) -> &'static str {
        match found.is_symlink() {
            true => "a link",
            false if found.is_file() => "a file",
            false => crate::files::kind(found.file_type()),
        }
    }

    fn mark(found: &Metadata) -> Mark {
        (found.dev(), found.ino())
    }
}
