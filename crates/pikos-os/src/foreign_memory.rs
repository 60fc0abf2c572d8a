//! The memory of a process, this one or another, copied while it runs: nobody is stopped, and an address that isn't there is an
//! answer, never a crash.

use std::io;

/// A piece of memory of another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its address there.
    pub at: usize,
    /// Its length in bytes.
    pub length: usize,
}

/// How many spans one call takes; more are left for the next one.
pub const SPANS: usize = 1024;

/// Copies spans one after another, in their order, into `into`, until one can't be read. How many bytes were copied: less than asked for
/// says that the span in which they end couldn't be read to its end, or that there were more than [`SPANS`].
///
/// # Errors
/// ESRCH: the process has ended. EPERM: we may not read it. ENOSYS: nobody may, here. EFAULT: not even the first span's first byte is there.
#[cfg(target_os = "linux")]
pub fn copy(pid: u32, spans: &[Span], into: &mut [u8]) -> io::Result<usize> {
    let spans = &spans[..spans.len().min(SPANS)];
    let length: usize = spans.iter().map(|span| span.length).sum();
    assert!(length <= into.len(), "there is room for what is copied");
    if length == 0 {
        return Ok(0);
    }
    let here = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: length };
    let mut there = [libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; SPANS];
    for (vector, span) in there.iter_mut().zip(spans) {
        *vector = libc::iovec { iov_base: span.at as *mut libc::c_void, iov_len: span.length };
    }
    // SAFETY: `here` is memory that is ours alone, as long as it says; what is in the other one is only an address to the kernel.
    let copied = unsafe {
        libc::process_vm_readv(
            pid as libc::pid_t,
            &raw const here,
            1,
            there.as_ptr(),
            spans.len() as libc::c_ulong,
            0,
        )
    };
    usize::try_from(copied).map_err(|_| io::Error::last_os_error())
}

/// Nobody has tried it on other systems.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn copy(_pid: u32, _spans: &[Span], _into: &mut [u8]) -> io::Result<usize> {
    Err(crate::Unsupported::ForeignMemory.into())
}

/// Whether an error of [`copy`] says that an address isn't there.
#[cfg(unix)]
pub fn is_not_there(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EFAULT)
}

/// Nothing was asked for.
#[cfg(not(unix))]
pub fn is_not_there(_error: &io::Error) -> bool {
    false
}

/// Whether it says that there is no such process.
#[cfg(unix)]
pub fn is_ended(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ESRCH)
}

/// As above.
#[cfg(not(unix))]
pub fn is_ended(_error: &io::Error) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_copy_ends_at_what_is_not_there() {
        let here = [7_u8; 100];
        let good = Span { at: here.as_ptr() as usize, length: 100 };
        let mut into = [0; 300];
        assert_eq!(copy(std::process::id(), &[good, good], &mut into).unwrap(), 200);
        assert_eq!(into[..200], [7; 200]);
        let none = Span { at: 8, length: 100 };
        assert_eq!(copy(std::process::id(), &[good, none, good], &mut into).unwrap(), 100);
        let error = copy(std::process::id(), &[none], &mut into).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EFAULT));
    }

    #[test]
    fn a_process_that_is_not_there() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let here = [7_u8; 8];
        let span = Span { at: here.as_ptr() as usize, length: 8 };
        assert_eq!(copy(child.id(), &[span], &mut [0; 8]).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    }
}
