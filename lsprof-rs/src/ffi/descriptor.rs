//! Files that Python has opened.

use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;

/// A handle of our own for an open file: it shares the position with Python's.
pub fn duplicate(number: i32) -> io::Result<File> {
    if number < 0 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: not -1; where it isn't open, the system refuses to copy it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    Ok(File::from(borrowed.try_clone_to_owned()?))
}
