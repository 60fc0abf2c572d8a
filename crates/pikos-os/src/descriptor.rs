//! Files that Python has opened.

#[cfg(not(unix))]
pub use crate::elsewhere::{allow_most, duplicate};

/// Lets this process have as many files and connections open as it may; most systems begin with 1,024.
#[cfg(unix)]
pub fn allow_most() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without it there are fewer.
    let _ = setrlimit(Resource::Nofile, limit);
}

/// A handle of our own for an open file: it shares the position with Python's.
#[cfg(unix)]
pub fn duplicate(number: i32) -> std::io::Result<std::fs::File> {
    use std::os::fd::BorrowedFd;

    if number < 0 {
        return Err(std::io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: not -1; where it isn't open, the system refuses to copy it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(std::fs::File::from(borrowed.try_clone_to_owned()?))
}
