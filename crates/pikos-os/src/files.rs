//! Whose a file is, who may read it, and whether it can keep us waiting.

#[cfg(not(unix))]
pub use crate::elsewhere::{
    file_kind as kind, for_owner_alone, has_no_reader, has_other_names, is_device, lock, resemble,
    wait_until_writable, without_waiting,
};
#[cfg(unix)]
pub use unix::{
    for_owner_alone, has_no_reader, has_other_names, is_device, kind, lock, resemble, wait_until_writable,
    without_waiting,
};

#[cfg(unix)]
mod unix {
    use std::fs::{self, File, FileType, OpenOptions};
    use std::io;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, fchown};
    use std::path::Path;
    use std::time::Duration;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    /// Files that are made so are for their owner alone.
    pub fn for_owner_alone(options: &mut OpenOptions) {
        options.mode(0o600);
    }

    /// Gives the new file the owner, group and mode of the old one. An error where that isn't ours to do.
    pub fn resemble(new: &File, old: &File) -> io::Result<()> {
        let (before, now) = (old.metadata()?, new.metadata()?);
        if (before.uid(), before.gid()) != (now.uid(), now.gid()) {
            fchown(new, Some(before.uid()), Some(before.gid()))?;
        }
        new.set_permissions(before.permissions())
    }

    /// What is opened so is opened at once or not at all: a pipe doesn't wait for a reader, a leased file for whoever holds the
    /// lease. And no terminal becomes ours.
    pub fn without_waiting(options: &mut OpenOptions) -> &mut OpenOptions {
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
    }

    /// Whether what opening this path has led to means a pipe that nobody reads.
    pub fn has_no_reader(error: &io::Error, path: &Path) -> bool {
        error.raw_os_error() == Some(Errno::NXIO.raw_os_error())
            && fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
    }

    /// Waits until a file that was opened [`without_waiting`] takes something, or for so long.
    pub fn wait_until_writable(file: &File, patience: Duration) {
        let patience = Timespec::try_from(patience).ok();
        // What is wrong with it, writing will tell.
        let _ = poll(&mut [PollFd::new(file, PollFlags::OUT)], patience.as_ref());
    }

    /// Marks a file as ours until it is closed; false if it is another process's.
    pub fn lock(file: &File) -> bool {
        rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
    }

    /// Whether the file has more names than one: hard links. Only what is written into it is seen by all of them.
    pub fn has_other_names(file: &File) -> bool {
        file.metadata().is_ok_and(|found| found.nlink() > 1)
    }

    /// A terminal may be one.
    pub fn is_device(kind: FileType) -> bool {
        kind.is_char_device() || kind.is_block_device()
    }

    /// What stands in a folder, in words.
    pub fn kind(kind: FileType) -> &'static str {
        match () {
            () if kind.is_dir() => "a folder",
            () if kind.is_fifo() => "a pipe",
            () if kind.is_socket() => "a socket",
            () if is_device(kind) => "a device",
            () if kind.is_file() => "a file that a process has open",
            () => "no regular file",
        }
    }
}
