//! Files that Python has opened.

#[cfg(not(unix))]
pub use crate::elsewhere::duplicate;

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
