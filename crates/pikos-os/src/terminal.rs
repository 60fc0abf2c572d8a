//! The terminal that we draw on.

#[cfg(not(unix))]
pub use crate::elsewhere::{open_terminal as open, wait_until_gone};
#[cfg(unix)]
pub use unix::{open, wait_until_gone};

#[cfg(unix)]
mod unix {
    use std::fs::{File, OpenOptions};
    use std::io::{self, IsTerminal};
    use std::os::fd::AsFd;

    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;

    /// Standard output, if that is a terminal; else the terminal of this process.
    pub fn open() -> io::Result<File> {
        let stdout = io::stdout();
        if stdout.is_terminal() {
            return Ok(stdout.as_fd().try_clone_to_owned()?.into());
        }
        OpenOptions::new().write(true).open("/dev/tty")
    }

    /// Waits until the terminal's window is closed or its connection lost. False if the system can't tell.
    pub fn wait_until_gone(terminal: &File) -> bool {
        // Asked for nothing, it tells of a hang-up alone.
        let mut files = [PollFd::new(terminal, PollFlags::empty())];
        while let Err(Errno::INTR) = poll(&mut files, None) {}
        files[0].revents().contains(PollFlags::HUP)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn the_other_end_goes() {
        let (here, there) = UnixStream::pair().unwrap();
        let here = std::fs::File::from(OwnedFd::from(here));
        let waiting = std::thread::spawn(move || wait_until_gone(&here));
        drop(there);
        assert!(waiting.join().unwrap());
    }
}
