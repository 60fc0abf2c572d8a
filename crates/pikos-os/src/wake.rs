//! Waking a thread that sleeps in a poll.

#[cfg(not(unix))]
pub use crate::elsewhere::{Bell, Ear};
#[cfg(unix)]
pub use unix::{Bell, Ear};

#[cfg(unix)]
mod unix {
    use std::io::{self, ErrorKind, Read, Write};
    use std::os::fd::{AsRawFd, RawFd};
    use std::os::unix::net::UnixStream;

    /// What to poll.
    pub type Ear = RawFd;

    /// A bell that one thread hears and any may ring.
    pub struct Bell {
        /// A byte in it wakes the thread.
        rope: UnixStream,
        ear: UnixStream,
    }

    impl Bell {
        /// One that is silent.
        pub fn new() -> io::Result<Self> {
            let (rope, ear) = UnixStream::pair()?;
            rope.set_nonblocking(true)?;
            ear.set_nonblocking(true)?;
            Ok(Self { rope, ear })
        }

        /// For the thread: what to poll, for being readable.
        pub fn ear(&self) -> Ear {
            self.ear.as_raw_fd()
        }

        /// Wakes the thread.
        pub fn ring(&self) {
            // Full means that it is ringing already.
            match (&self.rope).write(&[1]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => self.ring(),
                _ => {}
            }
        }

        /// For the thread: takes note of having been woken.
        pub fn hear(&self) {
            let mut bytes = [0; 64];
            while matches!((&self.ear).read(&mut bytes), Ok(1..)) {}
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    #[test]
    fn it_rings_until_it_is_heard() {
        let bell = Bell::new().unwrap();
        let rings = || {
            // SAFETY: the bell lives as long as this closure.
            let ear = unsafe { std::os::fd::BorrowedFd::borrow_raw(bell.ear()) };
            let mut files = [PollFd::new(&ear, PollFlags::IN)];
            poll(&mut files, Some(&Timespec::default())).unwrap() > 0
        };
        assert!(!rings());
        // More than the pipe holds: nobody waits for the thread.
        (0..1_000_000).for_each(|_| bell.ring());
        assert!(rings());
        bell.hear();
        assert!(!rings());
    }
}
